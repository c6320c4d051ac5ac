//! The promises of the session port, over each way to reach a server.

use super::{Cluster, RedisStore, RedisStoreBuilder, Server, namespace, suite};

async fn run(builder: impl Fn() -> RedisStoreBuilder) {
    let report = suite::run_all(async |clock| -> RedisStore {
        let builder = builder().with_namespace(namespace()).with_clock(clock);
        builder.build().unwrap()
    });
    report.await.assert_holds();
}

#[tokio::test]
async fn the_suite_holds_on_one_server() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    run(|| RedisStoreBuilder::new(server.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds_on_one_server_and_several_threads() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    run(|| RedisStoreBuilder::new(server.url())).await;
}

#[tokio::test]
async fn the_suite_holds_on_a_cluster() {
    let Some(cluster) = Cluster::start(false) else {
        return;
    };
    run(|| RedisStoreBuilder::cluster(cluster.urls())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds_on_a_cluster_and_several_threads() {
    let Some(cluster) = Cluster::start(false) else {
        return;
    };
    run(|| RedisStoreBuilder::cluster(cluster.urls())).await;
}

#[tokio::test]
async fn the_suite_holds_on_a_connection_of_the_application() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = redis::Client::open(server.url()).unwrap();
    let manager = client.get_connection_manager().await.unwrap();
    run(|| RedisStoreBuilder::from_connection(manager.clone())).await;
}
