//! A customer with very many sessions.

use super::*;

/// Sessions of one customer, as if they had been registered.
async fn customer(
    store: &PostgresStore,
    now: UnixTime,
    (pool, prefix): (&PgPool, &str),
    count: i64,
) {
    begin(store, session("first", "customer", Some("sid"), now)).await;
    let copy = format!(
        "INSERT INTO {{p}}sessions (expires_at, iat, sweep_at, state, tag, fine_key, sub_key, id, issuer, client_id, sub, sid)
            SELECT s.expires_at, s.iat, s.sweep_at, 0, substring(sha256(
                '\\x6964'::bytea || int8send(length(n::text)) || n::text::bytea) FOR 16),
                s.fine_key, s.sub_key, n::text, s.issuer, s.client_id, s.sub, s.sid
            FROM {{p}}sessions s, generate_series(2, {count}) AS n WHERE s.id = 'first'"
    );
    run(pool, prefix, &copy).await;
    assert!(
        is_live(store, "2").await,
        "the copies are found by their ids"
    );
}

async fn none_is_live(store: &PostgresStore, count: i64) {
    for nth in (2..=count).step_by(97) {
        assert!(!is_live(store, &nth.to_string()).await, "{nth} lives");
    }
    assert!(!is_live(store, "first").await);
}

#[tokio::test]
async fn ten_thousand_sessions_end_at_once() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    for request in [
        by_subject("customer", now()),
        by_sid("sid", now()),
        by_both("sid", "customer", now()),
    ] {
        let wide = |builder: PostgresStoreBuilder| builder.with_timeout(Duration::from_secs(60));
        let (store, prefix) = configured(&pool, wide).await;
        customer(&store, now(), (&pool, &prefix), 10_000).await;
        let terminated = store.terminate(&request).await.unwrap();
        assert_eq!(terminated.newly_ended, 10_000);
        assert_eq!(terminated.sessions.len(), 10_000);
        none_is_live(&store, 10_000).await;
        let unfinished = "SELECT count(*) FROM {p}marks WHERE unfinished_at IS NOT NULL";
        assert_eq!(number(&pool, &prefix, unfinished).await, 0);
        let again = store.terminate(&request).await.unwrap();
        assert_eq!((again.newly_ended, again.sessions.len()), (0, 10_000));
        store.forget(&request, &again).await.unwrap();
        let again = store.terminate(&request).await.unwrap();
        assert!(again.sessions.is_empty(), "they were forgotten");
    }
}

#[tokio::test]
async fn a_sid_ends_all_its_sessions_however_many_are_newer_than_the_logout() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let wide = |builder: PostgresStoreBuilder| builder.with_timeout(Duration::from_secs(60));
    let (store, prefix) = configured(&pool, wide).await;
    customer(&store, now(), (&pool, &prefix), 5_000).await;
    let newer = "UPDATE {p}sessions SET iat = iat + 100 WHERE id ~ '[0-4]$'";
    run(&pool, &prefix, newer).await;
    let terminated = store.terminate(&by_sid("sid", now())).await.unwrap();
    assert_eq!(terminated.newly_ended, 5_000);
    none_is_live(&store, 5_000).await;
}

#[tokio::test]
async fn a_logout_that_is_interrupted_is_in_effect_for_good_and_is_carried_on_with() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let clock = Hand::new();
    // In the past of the server, so that it may clean up whatever the test says is over.
    clock.advance(-1_000_000);
    let (store, prefix) = configured(&pool, |builder| {
        builder
            .with_clock(clock.clone())
            .with_timeout(Duration::from_secs(60))
    })
    .await;
    customer(&store, clock.now(), (&pool, &prefix), 5_000).await;
    let fail = "CREATE FUNCTION {p}fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM {p}sessions WHERE state = 1) >= 3000 THEN
                RAISE 'the power is cut' USING ERRCODE = 'disk_full'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER fail AFTER UPDATE ON {p}sessions EXECUTE FUNCTION {p}fail();";
    run(&pool, &prefix, fail).await;
    let request = by_subject("customer", clock.now());
    let answer = store.terminate(&request).await;
    assert_eq!(kind(answer), PostgresStoreErrorKind::NoRoom);
    let live = "SELECT count(*) FROM {p}sessions WHERE state = 0";
    assert_eq!(
        number(&pool, &prefix, live).await,
        2_900,
        "a hundred ended in the first transaction, a thousand in each of two more"
    );
    none_is_live(&store, 5_000).await;
    assert!(!store.unregister(&id("4999")).await.unwrap());
    assert_eq!(
        store.rebind(&id("4999"), &id("new")).await.unwrap(),
        Rebinding::NotLive
    );
    let end = clock.now().saturating_add(Duration::from_secs(90_000));
    assert!(!store.extend(&id("4999"), end).await.unwrap());
    // Long after marks live otherwise, and nobody repeated the logout.
    clock.advance(7_200);
    none_is_live(&store, 5_000).await;
    run(&pool, &prefix, "DROP TRIGGER fail ON {p}sessions").await;
    for nth in 0..400 {
        begin(
            &store,
            session(&format!("later {nth}"), "x", None, clock.now()),
        )
        .await;
    }
    let left = "SELECT count(*) FROM {p}sessions WHERE state = 0 AND sub = 'customer'";
    assert_eq!(number(&pool, &prefix, left).await, 0);
    clock.advance(7_200);
    for nth in 400..800 {
        begin(
            &store,
            session(&format!("later {nth}"), "x", None, clock.now()),
        )
        .await;
    }
    let marks = "SELECT count(*) FROM {p}marks";
    assert_eq!(
        number(&pool, &prefix, marks).await,
        0,
        "the mark went at last"
    );
    none_is_live(&store, 5_000).await;
}
