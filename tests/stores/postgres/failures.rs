//! What goes wrong with a server: the answer is an error in time, nothing is acknowledged, and the store recovers by itself.

use std::error::Error;
use std::time::Instant;

use super::*;

use PostgresStoreErrorKind as Kind;

/// The guard and the endpoint wait two seconds.
const DEADLINE: Duration = Duration::from_secs(2);

async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = answer.await;
    assert!(begun.elapsed() < DEADLINE, "after {:?}", begun.elapsed());
    answer
}

/// Every operation that changes something.
async fn all_writes_fail(store: &PostgresStore, expected: &[Kind]) {
    let now = now();
    let request = by_subject("customer", now);
    let later = now.saturating_add(Duration::from_secs(60));
    let kinds = [
        kind(in_time(store.terminate(&request)).await),
        kind(in_time(store.terminate(&by_sid("A", now))).await),
        kind(in_time(store.register(session("b", "customer", None, now))).await),
        kind(in_time(store.extend(&id("a"), later)).await),
        kind(in_time(store.rebind(&id("a"), &id("c"))).await),
        kind(in_time(store.unregister(&id("a"))).await),
    ];
    for kind in kinds {
        assert!(expected.contains(&kind), "{kinds:?}");
    }
}

/// Every operation that may not be answered without the server.
async fn all_fail(store: &PostgresStore, expected: &[Kind]) {
    all_writes_fail(store, expected).await;
    let kinds = [
        kind(in_time(store.status(&id("a"))).await),
        kind(in_time(store.is_logged_out(&identity("customer", None, now()))).await),
    ];
    for kind in kinds {
        assert!(expected.contains(&kind), "{kinds:?}");
    }
}

/// Until the server has its connections back.
async fn comes_back(store: &PostgresStore) {
    let begun = Instant::now();
    while let Err(error) = store.status(&id("nobody")).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_and_back_it_answers() {
    let Some(mut server) = Server::start(Disk::Synced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    server.kill();
    all_fail(&store, &[Kind::NoConnection]).await;
    server.start_again();
    comes_back(&store).await;
    assert!(is_live(&store, "a").await);
    // Also when nobody asked meanwhile: the pool is full of connections to the server that was.
    let all = futures_util::future::join_all((0..10).map(|_| is_live(&store, "a"))).await;
    assert_eq!(all, [true; 10]);
    server.kill();
    server.start_again();
    let request = by_subject("customer", now());
    let terminated = store.terminate(&request).await.unwrap();
    assert_eq!(names(&terminated), ["a"]);
}

#[tokio::test]
async fn an_application_starts_before_its_server() {
    let Some(mut server) = Server::start(Disk::NotSynced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    let (name, url) = (prefix(), server.url());
    drop((store, pool));
    server.kill();
    let pool = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let store = PostgresStore::builder(pool).with_table_prefix(name).build();
    let store = store.unwrap();
    all_fail(&store, &[Kind::NoConnection]).await;
    server.start_again();
    let begun = Instant::now();
    while store.migrate().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    begin(&store, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time() {
    let Some(server) = Server::start(Disk::NotSynced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    server.signal("-STOP");
    all_fail(&store, &[Kind::TimedOut, Kind::NoConnection]).await;
    server.signal("-CONT");
    comes_back(&store).await;
    // What was asked may have happened, late; what is asked now is answered.
    let request = by_subject("customer", now());
    in_time(store.terminate(&request)).await.unwrap();
    assert!(!is_live(&store, "a").await);
    let later = now().saturating_add(Duration::from_secs(60));
    begin(&store, session("d", "another", None, later)).await;
    // Questions that nobody waited for took no place in the pool for good.
    let all = (0..10).map(|_| in_time(is_live(&store, "d")));
    assert_eq!(futures_util::future::join_all(all).await, [true; 10]);
}

#[tokio::test]
async fn connections_that_the_server_closed_are_made_again_and_nobody_notices() {
    let Some(server) = Server::shared() else {
        return;
    };
    let name = prefix();
    let pool = pool_with(&server, &[("application_name", &name)]);
    let (store, _) = store(&pool).await;
    let admin = super::pool(&server);
    let terminate = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{name}'"
    );
    for nth in 0..5 {
        let all = (0..5).map(|_| is_live(&store, "nobody"));
        futures_util::future::join_all(all).await;
        assert!(number(&admin, "", &terminate).await > 0);
        begin(&store, session(&nth.to_string(), "customer", None, now())).await;
        assert!(number(&admin, "", &terminate).await > 0);
        assert!(is_live(&store, &nth.to_string()).await);
    }
    assert!(number(&admin, "", &terminate).await > 0);
    let terminated = store.terminate(&by_subject("customer", now())).await;
    assert_eq!(terminated.unwrap().newly_ended, 5);
}

/// Until a new connection sees it; the others do a moment later.
async fn set_read_only(server: &Server, value: &str) {
    let writes = [("default_transaction_read_only", "off")];
    let admin = pool_with(server, &writes);
    let set = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
    admin.execute(set.as_str()).await.unwrap();
    admin.execute("SELECT pg_reload_conf()").await.unwrap();
    let seen =
        format!("SELECT (current_setting('default_transaction_read_only') = '{value}')::int::int8");
    let begun = Instant::now();
    while number(&pool(server), "", &seen).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_takes_no_logout_and_answers_the_guard() {
    let Some(server) = Server::start(Disk::NotSynced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    set_read_only(&server, "on").await;
    // A connection hears of it a moment after the others.
    let begun = Instant::now();
    while store
        .extend(&id("a"), session("a", "x", None, now()).expires_at())
        .await
        .is_ok()
    {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    all_writes_fail(&store, &[Kind::ReadOnly]).await;
    assert!(is_live(&store, "a").await, "the guard is still answered");
    set_read_only(&server, "off").await;
    let request = by_subject("customer", now());
    let begun = Instant::now();
    let terminated = loop {
        match store.terminate(&request).await {
            Ok(terminated) => break terminated,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
    };
    assert_eq!(names(&terminated), ["a"]);
}

#[tokio::test]
async fn a_full_disk_takes_no_logout_and_acknowledges_none() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, prefix) = store(&pool).await;
    begin(&store, session("a", "customer", Some("A"), now())).await;
    // At each table a logout writes to, as the server would say it.
    let request = by_subject("customer", now());
    for table in ["marks", "sessions", "news"] {
        let full = "CREATE OR REPLACE FUNCTION {p}full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_now BEFORE INSERT OR UPDATE ON {p}TABLE EXECUTE FUNCTION {p}full();";
        run(&pool, &prefix, &full.replace("TABLE", table)).await;
        assert_eq!(
            kind(store.terminate(&request).await),
            Kind::NoRoom,
            "{table}"
        );
        assert!(is_live(&store, "a").await, "half of a logout at {table}");
        let free = format!("DROP TRIGGER full_now ON {{p}}{table}");
        run(&pool, &prefix, &free).await;
    }
    assert_eq!(names(&store.terminate(&request).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_lock_that_is_never_let_go_is_an_error_in_time_for_those_it_concerns() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, prefix) = store(&pool).await;
    begin(&store, session("a", "customer", Some("A"), now())).await;
    begin(&store, session("b", "other", Some("B"), now())).await;
    let mut stuck = pool.begin().await.unwrap();
    let lock = format!("SELECT FROM {prefix}sessions WHERE id = 'a' FOR UPDATE");
    stuck.execute(lock.as_str()).await.unwrap();
    let request = by_subject("customer", now());
    assert_eq!(
        kind(in_time(store.terminate(&request)).await),
        Kind::TimedOut
    );
    let ended = in_time(store.terminate(&by_subject("other", now()))).await;
    assert_eq!(names(&ended.unwrap()), ["b"]);
    assert!(
        in_time(is_live(&store, "a")).await,
        "a question waits for no lock"
    );
    stuck.rollback().await.unwrap();
    assert_eq!(names(&store.terminate(&request).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_an_error_in_time() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    let mut busy = Vec::new();
    for _ in 0..10 {
        busy.push(pool.acquire().await.unwrap());
    }
    all_fail(&store, &[Kind::NoConnection]).await;
    drop(busy);
    assert!(is_live(&store, "a").await);
    pool.close().await;
    all_fail(&store, &[Kind::NoConnection]).await;
}

#[tokio::test]
async fn without_its_tables_the_store_says_so() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let store = PostgresStore::builder(pool.clone()).with_table_prefix(prefix());
    let store = store.build().unwrap();
    all_fail(&store, &[Kind::NotMigrated]).await;
    store.migrate().await.unwrap();
    begin(&store, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn a_name_with_a_nul_is_refused_and_nobody_is_signed_in() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, _) = store(&pool).await;
    let new = session("a", "cust\0mer", None, now());
    assert_eq!(kind(store.register(new).await), Kind::Unexpected);
    assert!(!is_live(&store, "a").await);
    store
        .terminate(&by_subject("cust\0mer", now()))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_error_names_no_password_and_no_session() {
    let Some(server) = Server::start(Disk::NotSynced, &[]) else {
        return;
    };
    let admin = pool(&server);
    admin
        .execute("CREATE ROLE shop LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    let rules = server.data().join("pg_hba.conf");
    let all = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, "host all shop all scram-sha-256\n").unwrap();
    append(&rules, all);
    admin.execute("SELECT pg_reload_conf()").await.unwrap();
    let options: PgConnectOptions = server.url().parse().unwrap();
    let options = options.username("shop").password("secret-password");
    let pool = PgPoolOptions::new().connect_lazy_with(options);
    let store = PostgresStore::builder(pool).build().unwrap();
    let secrets = ["secret-password", "secret-session", "secret-customer"];
    let begun = Instant::now();
    let error = loop {
        let new = session("secret-session", "secret-customer", None, now());
        let error = store.register(new).await.unwrap_err();
        if error.kind() == Kind::Denied {
            break error;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}");
    };
    assert_eq!(error.code().as_deref(), Some("28P01"));
    // A row that breaks a rule of the database: the server quotes it in the details.
    let (rows, prefix) = super::store(&admin).await;
    let check = "ALTER TABLE {p}sessions ADD CHECK (sub <> 'secret-customer')";
    run(&admin, &prefix, check).await;
    let new = session("secret-session", "secret-customer", None, now());
    let quoted = rows.register(new).await.unwrap_err();
    assert_eq!(quoted.code().as_deref(), Some("23514"));
    for error in [error, quoted] {
        let mut told = format!("{error} {error:?} {store:?} {rows:?}");
        let mut source = error.source();
        while let Some(inner) = source {
            told.push_str(&format!(" {inner} {inner:?}"));
            source = inner.source();
        }
        for secret in secrets {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
