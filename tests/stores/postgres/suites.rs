//! The promises of the session port, at each isolation level that a pool may have.

use super::*;

async fn hold(pool: PgPool, configure: impl Fn(PostgresStoreBuilder) -> PostgresStoreBuilder) {
    let report = suite::run_all(async |clock| -> PostgresStore {
        let builder = PostgresStore::builder(pool.clone()).with_table_prefix(prefix());
        let store = configure(builder).with_clock(clock).build().unwrap();
        store.migrate().await.unwrap();
        store
    });
    report.await.assert_holds();
}

fn at(level: &str) -> Option<(Arc<Server>, PgPool)> {
    let server = Server::shared()?;
    let pool = pool_with(&server, &[("default_transaction_isolation", level)]);
    Some((server, pool))
}

#[tokio::test]
async fn the_suite_holds() {
    let Some((_server, pool)) = at("read committed") else {
        return;
    };
    hold(pool, |builder| builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds_on_several_threads() {
    let Some((_server, pool)) = at("read committed") else {
        return;
    };
    hold(pool, |builder| builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds_where_transactions_are_serializable() {
    let Some((_server, pool)) = at("serializable") else {
        return;
    };
    hold(pool, |builder| builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds_where_transactions_keep_their_snapshot() {
    let Some((_server, pool)) = at("repeatable read") else {
        return;
    };
    hold(pool, |builder| builder).await;
}

#[tokio::test]
async fn the_suite_holds_in_a_schema_of_its_own_without_a_listener() {
    let Some(server) = Server::shared() else {
        return;
    };
    hold(pool(&server), |builder| {
        builder.with_schema("shop").without_listener()
    })
    .await;
}
