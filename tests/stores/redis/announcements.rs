//! What one node does, the others hear of.

use std::pin::pin;

use super::*;
use tower_backchannel_logout::session::SessionStore;

const NEVER: Duration = Duration::from_secs(3600);

async fn resolves(future: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .is_ok()
}

/// A logout on one node ends the connection of its session on the other one, and no other connection.
async fn a_logout_reaches(one: &RedisStore, other: &RedisStore, meanwhile: impl AsyncFn()) {
    let now = now();
    for name in ["a", "b", "c", "d"] {
        begin(one, session(name, name, Some(name), now)).await;
    }
    let (mut a, mut b) = (pin!(other.ended(&id("a"))), pin!(other.ended(&id("b"))));
    let (mut c, mut d) = (pin!(other.ended(&id("c"))), pin!(other.ended(&id("d"))));
    let mut stateless = pin!(other.identity_ended(&identity("e", None, now)));
    let quiet = tokio::time::timeout(Duration::from_millis(300), async {
        tokio::select! {
            () = &mut a => {} () = &mut b => {} () = &mut c => {} () = &mut d => {} () = &mut stateless => {}
        }
    });
    assert!(quiet.await.is_err(), "nobody logged out");
    meanwhile().await;
    one.terminate(&by_sid("a", now)).await.unwrap();
    one.terminate(&by_subject("b", now)).await.unwrap();
    assert!(one.unregister(&id("c")).await.unwrap());
    one.terminate(&by_subject("e", now)).await.unwrap();
    meanwhile().await;
    assert!(resolves(a).await, "a logout by sid");
    assert!(resolves(b).await, "a logout by sub");
    assert!(resolves(c).await, "a local logout");
    assert!(resolves(stateless).await, "a stateless session");
    let still = tokio::time::timeout(Duration::from_millis(100), d);
    assert!(still.await.is_err(), "another session ended");
}

#[tokio::test]
async fn a_logout_reaches_other_nodes_by_the_channel() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let node = || {
        let builder = RedisStoreBuilder::new(server.url());
        builder.with_poll_interval(NEVER).build().unwrap()
    };
    a_logout_reaches(&node(), &node(), async || ()).await;
}

#[tokio::test]
async fn a_logout_reaches_other_nodes_of_a_cluster_whichever_node_they_listen_to() {
    let Some(cluster) = Cluster::start(false) else {
        return;
    };
    for url in cluster.urls() {
        let namespace = namespace();
        let node = |urls: Vec<String>| {
            let builder = RedisStoreBuilder::cluster(urls).with_namespace(&namespace);
            builder.with_poll_interval(NEVER).build().unwrap()
        };
        a_logout_reaches(&node(cluster.urls()), &node(vec![url]), async || ()).await;
    }
}

#[tokio::test]
async fn without_the_channel_a_logout_reaches_other_nodes_by_the_log() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = redis::Client::open(server.url()).unwrap();
    let manager = client.get_connection_manager().await.unwrap();
    let deaf = RedisStoreBuilder::from_connection(manager).build().unwrap();
    let one = RedisStore::connect(server.url()).unwrap();
    a_logout_reaches(&one, &deaf, async || ()).await;
}

#[tokio::test]
async fn when_the_log_is_lost_as_well_everything_is_looked_at_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = redis::Client::open(server.url()).unwrap();
    let manager = client.get_connection_manager().await.unwrap();
    let deaf = RedisStoreBuilder::from_connection(manager);
    let deaf = deaf
        .with_poll_interval(Duration::from_secs(1))
        .build()
        .unwrap();
    let one = RedisStore::connect(server.url()).unwrap();
    let lose = async || {
        let _: i64 = server.ask(&["DEL", "{bcl}:log"]);
    };
    a_logout_reaches(&one, &deaf, lose).await;
}

#[tokio::test]
async fn a_channel_that_broke_is_listened_to_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let node = || {
        let builder = RedisStoreBuilder::new(server.url());
        builder.with_poll_interval(NEVER).build().unwrap()
    };
    let listeners = || -> i64 {
        let count: (String, i64) = server.ask(&["PUBSUB", "NUMSUB", "{bcl}:news"]);
        count.1
    };
    let broken = async || {
        if listeners() > 0 {
            let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
    };
    a_logout_reaches(&node(), &node(), broken).await;
}

#[tokio::test]
async fn nobody_listens_before_there_is_somebody_to_tell() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    assert!(is_live(&store, "a").await);
    store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    let channels: Vec<String> = server.ask(&["PUBSUB", "CHANNELS"]);
    assert!(channels.is_empty(), "{channels:?}");
}
