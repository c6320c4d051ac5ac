//! No statement scans a table, however many rows it has and whatever the planner knew when it made its plan.

use super::*;

/// A server that writes down the plan of every statement, those inside of procedures as well.
const TELLING: &[(&str, &str)] = &[
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_nested_statements", "on"),
    ("auto_explain.log_level", "log"),
];

/// Every statement of the store more often than the planner needs to settle for one plan.
async fn everything(store: &PostgresStore) {
    for nth in 0..80 {
        let (name, new) = (format!("plan {nth}"), format!("plan {nth} new"));
        let now = now();
        begin(store, session(&name, &name, Some(&name), now)).await;
        begin(store, session(&name, &name, Some(&name), now)).await;
        assert!(is_live(store, &name).await);
        let marked = store
            .is_logged_out(&identity(&name, Some(&name), now))
            .await;
        assert!(!marked.unwrap());
        for seconds in [7200, 60] {
            let end = now.saturating_add(Duration::from_secs(seconds));
            assert!(store.extend(&id(&name), end).await.unwrap());
        }
        assert_eq!(
            store.rebind(&id(&name), &id(&new)).await.unwrap(),
            Rebinding::Rebound
        );
        let request = match nth % 4 {
            0 => by_sid(&name, now),
            1 => by_both(&name, &name, now),
            2 => by_subject(&name, now),
            _ => {
                assert!(store.unregister(&id(&new)).await.unwrap());
                continue;
            }
        };
        let terminated = store.terminate(&request).await.unwrap();
        assert_eq!(terminated.newly_ended, 1);
        store.forget(&request, &terminated).await.unwrap();
    }
}

/// The plans of a log, each from its statement on.
fn plans(log: &str) -> Vec<&str> {
    log.split(" LOG:  duration: ")
        .filter(|part| part.contains("plan:"))
        .collect()
}

fn none_scans(log: &str, prefix: &str) -> usize {
    let plans = plans(log);
    for plan in &plans {
        for table in ["sessions", "marks", "news"] {
            let scan = format!("Seq Scan on {prefix}{table}");
            assert!(!plan.contains(&scan), "{plan}");
        }
    }
    plans.len()
}

#[tokio::test]
async fn no_statement_scans_a_table() {
    let Some(server) = Server::start(Disk::NotSynced, &["autovacuum=off"]) else {
        return;
    };
    let admin = pool(&server);
    let (_, prefix) = store(&admin).await;
    let rows = std::env::var("BACKCHANNEL_PLAN_ROWS");
    let rows = rows.map_or(100_000, |rows| rows.parse().unwrap());
    let fill = format!(
        "INSERT INTO {{p}}sessions (expires_at, iat, sweep_at, state, tag, fine_key, sub_key, id, issuer, client_id, sub, sid)
            SELECT e, 1, e / 600 + 1, n % 3, decode(md5('t' || n), 'hex'), decode(md5('f' || n), 'hex'),
                decode(md5('s' || n / 2), 'hex'), md5('t' || n), 'https://op.example', 'shop', md5('s' || n / 2), md5('f' || n)
            FROM generate_series(1, {rows}) AS n, LATERAL (SELECT 4000000000 + n % 100000 AS e) AS e;
        INSERT INTO {{p}}marks (reach, expires_at, tag)
            SELECT 1, 4000000000 + n, decode(md5('m' || n), 'hex') FROM generate_series(1, {rows} / 10) AS n;
        INSERT INTO {{p}}news (notice) SELECT md5(n::text) FROM generate_series(1, {rows} / 10) AS n;"
    );
    run(&admin, &prefix, &fill).await;
    let analyze = ["sessions", "marks", "news"].map(|table| format!("ANALYZE {{p}}{table}"));
    run(&admin, &prefix, &analyze.join(";")).await;
    let pool = pool_with(&server, TELLING);
    let store = PostgresStore::builder(pool)
        .with_table_prefix(&prefix)
        .build();
    let store = store.unwrap();
    // A connection that waits reads the log of notices.
    begin(&store, session("waits", "waits", None, now())).await;
    let waiting = tokio::spawn(store.ended(&id("waits")));
    everything(&store).await;
    assert!(store.unregister(&id("waits")).await.unwrap());
    waiting.await.unwrap();
    let log = std::fs::read_to_string(server.log()).unwrap();
    let count = none_scans(&log, &prefix);
    assert!(count > 1_000, "only {count} plans were written down");
    if std::env::var_os("BACKCHANNEL_SHOW_PLANS").is_some() {
        let mut shown = std::collections::BTreeMap::new();
        for plan in plans(&log) {
            let statement = plan.split("Query Text: ").nth(1).unwrap_or_default();
            let key: String = statement.chars().take(120).collect();
            shown.insert(key, plan);
        }
        for plan in shown.values() {
            println!("{plan}");
        }
    }
}

#[tokio::test]
async fn a_plan_from_a_quiet_night_survives_the_morning() {
    let Some(server) = Server::start(Disk::NotSynced, &["autovacuum=off"]) else {
        return;
    };
    let admin = pool(&server);
    let (_, prefix) = store(&admin).await;
    let fill = "INSERT INTO {p}sessions (expires_at, sweep_at, state, tag)
        SELECT 4000000000, 6666667, 2, decode(md5(n::text), 'hex') FROM generate_series(1, 10000) AS n";
    run(&admin, &prefix, fill).await;
    // A handful of marks, and the planner knows it.
    let few = "INSERT INTO {p}marks (reach, expires_at, tag)
        SELECT 1, 4000000000, decode(md5(n::text), 'hex') FROM generate_series(1, 5) AS n";
    run(&admin, &prefix, few).await;
    for table in ["sessions", "marks"] {
        let vacuum = format!("VACUUM ANALYZE {prefix}{table}");
        admin.execute(vacuum.as_str()).await.unwrap();
    }
    let pool = pool_with(&server, TELLING);
    let store = PostgresStore::builder(pool)
        .with_table_prefix(&prefix)
        .build();
    let store = store.unwrap();
    begin(&store, session("a", "customer", Some("A"), now())).await;
    for _ in 0..20 {
        assert!(is_live(&store, "a").await);
        let marked = store
            .is_logged_out(&identity("customer", None, now()))
            .await;
        assert!(!marked.unwrap());
    }
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(none_scans(&log, &prefix) >= 40);
}
