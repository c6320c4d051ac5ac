//! Nothing grows for ever: what is over goes, a little with each write.

use super::*;

const TABLES: [&str; 3] = ["sessions", "marks", "news"];

async fn rows(pool: &PgPool, prefix: &str) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(TABLES) {
        *count = number(pool, prefix, &format!("SELECT count(*) FROM {{p}}{table}")).await;
    }
    counts
}

/// As if minutes passed on the server: the horizon of the log moves twice.
async fn minutes_pass(pool: &PgPool, prefix: &str) {
    for _ in 0..2 {
        run(
            pool,
            prefix,
            "UPDATE {p}horizon SET at = at - interval '1 hour'; CALL {p}sweep_1(0, 601, 0)",
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_over_goes_with_later_writes() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let clock = Hand::new();
    // The server cleans up by its own clock as well: these are all in its past.
    clock.advance(-1_000_000);
    let (store, prefix) = configured(&pool, |builder| builder.with_clock(clock.clone())).await;
    for round in 0..5 {
        let begun = clock.now();
        for nth in 0..300 {
            let name = format!("{round} {nth}");
            begin(&store, session(&name, &name, Some(&name), begun)).await;
            match nth % 5 {
                0 => {
                    let request = by_sid(&name, begun);
                    let terminated = store.terminate(&request).await.unwrap();
                    store.forget(&request, &terminated).await.unwrap();
                }
                1 => {
                    // Nobody forgets it.
                    store
                        .terminate(&by_both(&name, &name, begun))
                        .await
                        .unwrap();
                }
                2 => {
                    assert!(store.unregister(&id(&name)).await.unwrap());
                }
                3 => {
                    let new = id(&format!("{name} new"));
                    assert_eq!(
                        store.rebind(&id(&name), &new).await.unwrap(),
                        Rebinding::Rebound
                    );
                }
                _ => {}
            }
        }
        let before = rows(&pool, &prefix).await;
        assert!(before[0] >= 300 && before[1] >= 100, "{before:?}");
        // A day and more: even those that nobody ended are over.
        clock.advance(90_000);
        minutes_pass(&pool, &prefix).await;
        for nth in 0..700 {
            let stateful = session(&format!("later {nth}"), "later", None, clock.now());
            let short = NewSession::new(
                stateful.id().clone(),
                stateful.identity().clone(),
                clock.now().saturating_add(Duration::from_secs(1)),
            );
            begin(&store, short).await;
        }
        let after = rows(&pool, &prefix).await;
        assert!(after[0] <= 750, "sessions: {before:?}, then {after:?}");
        assert!(after[1] <= 10, "marks: {before:?}, then {after:?}");
        // Transactions of other tests hold the log back, as they would hold back a vacuum.
        let begun = std::time::Instant::now();
        while rows(&pool, &prefix).await[2] > 10 {
            assert!(begun.elapsed() < Duration::from_secs(60), "news stays");
            minutes_pass(&pool, &prefix).await;
            run(&pool, &prefix, "CALL {p}sweep_1(0, 601, 192)").await;
        }
        clock.advance(90_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_clean_up_at_once_without_waiting_for_each_other() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (_, prefix) = store(&pool).await;
    run(
        &pool,
        &prefix,
        "INSERT INTO {p}sessions (tag, state, expires_at, sweep_at)
            SELECT decode(md5(n::text), 'hex'), 2, 1000, 2 FROM generate_series(1, 20000) AS n;
        INSERT INTO {p}marks (tag, reach, expires_at)
            SELECT decode(md5(n::text), 'hex'), 1, 1000 FROM generate_series(1, 20000) AS n;",
    )
    .await;
    // One of them stands still with its rows in the hand.
    let mut still = pool.begin().await.unwrap();
    let sweep = format!("CALL {prefix}sweep_1($1, 601, $2)");
    let now = now().as_secs();
    sqlx::query(&sweep)
        .bind(now)
        .bind(100)
        .execute(&mut *still)
        .await
        .unwrap();
    let nodes = (0..8).map(|_| {
        let (pool, sweep) = (pool.clone(), sweep.clone());
        tokio::spawn(async move {
            for _ in 0..30 {
                sqlx::query(&sweep)
                    .bind(now)
                    .bind(100)
                    .execute(&pool)
                    .await
                    .unwrap();
            }
        })
    });
    for node in futures_util::future::join_all(nodes).await {
        node.unwrap();
    }
    let [sessions, marks, _] = rows(&pool, &prefix).await;
    assert_eq!(
        [sessions, marks],
        [100, 100],
        "all but those in the hand of one"
    );
    still.rollback().await.unwrap();
}

#[tokio::test]
async fn a_node_whose_clock_is_ahead_throws_nothing_away() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, prefix) = store(&pool).await;
    begin(&store, session("a", "customer", None, now())).await;
    store.terminate(&by_subject("other", now())).await.unwrap();
    let ahead = Hand::new();
    ahead.advance(1_000_000);
    let wrong = PostgresStore::builder(pool.clone()).with_table_prefix(&prefix);
    let wrong = wrong.with_clock(ahead.clone()).build().unwrap();
    for nth in 0..200 {
        begin(&wrong, session(&format!("{nth}"), "x", None, ahead.now())).await;
    }
    assert!(is_live(&store, "a").await);
    let late = store.register(session("b", "other", None, now())).await;
    assert_eq!(late.unwrap(), Registration::AlreadyLoggedOut);
}

#[tokio::test]
async fn news_that_came_with_a_dump_of_another_server_goes() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let (store, prefix) = store(&pool).await;
    run(
        &pool,
        &prefix,
        "INSERT INTO {p}news (xid, notice) SELECT '9000000000'::xid8, 'AAAAAAAAAAAAAAAAAAAAAA' FROM generate_series(1, 50)",
    )
    .await;
    for nth in 0..70 {
        begin(&store, session(&format!("{nth}"), "x", None, now())).await;
    }
    assert_eq!(rows(&pool, &prefix).await[2], 0);
}
