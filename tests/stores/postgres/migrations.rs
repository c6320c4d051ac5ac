//! The tables are made once, whoever comes first.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

/// Runs a script as an administrator would.
fn psql(server: &Server, options: &[&str], script: &str) -> String {
    let mut command: Command = server.client("psql");
    command
        .args([
            "--dbname=postgres",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
        ])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Everything that is there under a prefix.
async fn objects(pool: &PgPool, prefix: &str) -> Vec<String> {
    let query = "SELECT relname || ' ' || relkind::text FROM pg_class WHERE starts_with(relname, $1)
        UNION ALL SELECT proname || ' ' || md5(replace(prosrc, $1, '')) FROM pg_proc WHERE starts_with(proname, $1)";
    let names: Vec<String> = sqlx::query_scalar(query)
        .bind(prefix)
        .fetch_all(pool)
        .await
        .unwrap();
    let names = names.iter().map(|name| name.replace(prefix, ""));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_start_at_once() {
    let Some(server) = Server::shared() else {
        return;
    };
    for schema in [None, Some("at_once")] {
        let prefix = prefix();
        let nodes = (0..12).map(|_| {
            let level = ("default_transaction_isolation", "serializable");
            let pool = pool_with(&server, &[level]);
            let builder = PostgresStore::builder(pool).with_table_prefix(&prefix);
            let builder = match schema {
                Some(schema) => builder.with_schema(schema),
                None => builder,
            };
            let store = builder.build().unwrap();
            tokio::spawn(async move {
                store.migrate().await.unwrap();
                store
            })
        });
        let stores = futures_util::future::join_all(nodes).await;
        for (nth, store) in stores.into_iter().enumerate() {
            let store = store.unwrap();
            begin(&store, session(&nth.to_string(), "customer", None, now())).await;
        }
    }
}

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, prefix) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    store.terminate(&by_subject("other", now())).await.unwrap();
    let before = objects(&pool, &prefix).await;
    store.migrate().await.unwrap();
    psql(&server, &["--single-transaction"], &store.migration_sql());
    assert_eq!(objects(&pool, &prefix).await, before);
    assert!(is_live(&store, "a").await);
    let late = store.register(session("b", "other", None, now())).await;
    assert_eq!(late.unwrap(), Registration::AlreadyLoggedOut);
}

#[tokio::test]
async fn an_administrator_may_run_the_statements_instead() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (_, migrated) = store(&pool).await;
    let prefix = prefix();
    let builder = PostgresStore::builder(pool.clone()).with_table_prefix(&prefix);
    let store = builder.build().unwrap();
    psql(&server, &["--single-transaction"], &store.migration_sql());
    assert_eq!(
        objects(&pool, &prefix).await,
        objects(&pool, &migrated).await
    );
    store.migrate().await.unwrap();
    begin(&store, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn a_user_who_may_create_nothing_needs_four_rights() {
    let Some(server) = Server::shared() else {
        return;
    };
    let admin = pool(&server);
    let (owner, prefix) = store(&admin).await;
    let name = format!("{prefix}user");
    run(
        &admin,
        &prefix,
        "CREATE ROLE {p}user LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    .await;
    let options: PgConnectOptions = server.url().parse().unwrap();
    let pool = PgPoolOptions::new().connect_lazy_with(options.username(&name));
    let build = |prefix: &str| {
        let builder = PostgresStore::builder(pool.clone()).with_table_prefix(prefix);
        builder.build().unwrap()
    };
    let elsewhere = build(&super::prefix());
    assert_eq!(
        kind(elsewhere.migrate().await),
        PostgresStoreErrorKind::Denied
    );
    let store = build(&prefix);
    let new = session("a", "customer", None, now());
    let refused = store.register(new.clone()).await;
    assert_eq!(kind(refused), PostgresStoreErrorKind::Denied);
    run(
        &admin,
        &prefix,
        "GRANT SELECT, INSERT, UPDATE, DELETE
            ON {p}sessions, {p}marks, {p}news, {p}horizon, {p}migrations TO {p}user",
    )
    .await;
    store.migrate().await.unwrap();
    for nth in 0..70 {
        begin(&store, session(&nth.to_string(), "customer", None, now())).await;
    }
    assert_eq!(
        store.rebind(&id("1"), &id("x")).await.unwrap(),
        Rebinding::Rebound
    );
    assert!(store.unregister(&id("x")).await.unwrap());
    let request = by_subject("customer", now());
    let terminated = owner.terminate(&request).await.unwrap();
    store.forget(&request, &terminated).await.unwrap();
    assert!(!is_live(&store, "2").await);
}

#[tokio::test]
async fn names_that_cannot_be_names_are_found_before_anything_is_asked() {
    let pool = PgPoolOptions::new()
        .connect_lazy("postgres://127.0.0.1:1/nothing")
        .unwrap();
    let refused = |builder: PostgresStoreBuilder| builder.build().unwrap_err();
    let builder = PostgresStore::builder(pool);
    let error = refused(builder.clone().with_table_prefix("x; DROP TABLE users"));
    assert_eq!(error.field(), "table_prefix");
    let error = refused(builder.clone().with_schema("a.b"));
    assert_eq!(error.field(), "schema");
    let error = refused(builder.clone().with_timeout(Duration::ZERO));
    assert_eq!(error.field(), "timeout");
    assert!(builder.build().is_ok());
}
