//! SQLite, beside one bare row a transaction and one bare row by its key, on the same file system with the same settings.

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tower_backchannel_logout::store::SqliteStore;

use crate::load::{AT_ONCE, Bench, Cost, row, size, table};
use crate::services::Folder;

pub(crate) fn run() {
    measure(size());
}

/// Processor time of this process: the database runs in it.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap_or(0))
        .sum();
    Duration::from_millis(ticks * 10)
}

fn pool(file: &Path, synchronous: SqliteSynchronous, connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(Duration::from_secs(30));
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

async fn fill(file: &Path, from: usize, to: usize) {
    // Nothing of this has to survive a power cut.
    let quick = SqliteStore::builder(pool(file, SqliteSynchronous::Off, 1))
        .build()
        .unwrap();
    let bench = Bench::new(quick, cpu);
    let logins = bench.measure(from..to, AT_ONCE, async |nth| bench.login(nth, nth).await);
    logins.await;
}

#[tokio::main(flavor = "current_thread")]
async fn measure(size: usize) {
    let folder = Folder::new("sqlite-bench");
    let file = folder.path().join("sessions.db");
    let bench = Bench::new(SqliteStore::open(&file).await.unwrap(), cpu);

    let bare = pool(&file, SqliteSynchronous::Full, 1);
    sqlx::raw_sql("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT)")
        .execute(&bare)
        .await
        .unwrap();
    let (few, rounds) = (1_000, 5_000);
    let insert = bench
        .measure(0..rounds, AT_ONCE, async |_| {
            let insert = sqlx::query("INSERT INTO bare (text) VALUES ('a session of a customer')");
            insert.execute(&bare).await.unwrap();
        })
        .await;
    let select = bench
        .measure(1..rounds, AT_ONCE, async |nth| {
            let select = sqlx::query("SELECT text FROM bare WHERE id = ?1");
            let id = i64::try_from(nth).unwrap();
            select.bind(id).fetch_one(&bare).await.unwrap();
        })
        .await;
    table("SQLite, synchronous FULL", "bare insert");
    row("bare select by key", select, insert.per_second);
    row("bare insert", insert, insert.per_second);

    let scattered = |nth: usize, of: usize| nth.wrapping_mul(7_368_787) % of;
    let mut costs: Vec<[Cost; 2]> = Vec::new();
    let mut known = 0;
    for sessions in [few, size] {
        fill(&file, known, sessions).await;
        known = sessions;
        let guard = bench
            .measure(0..rounds, AT_ONCE, async |nth| {
                bench.guard(scattered(nth, sessions)).await
            })
            .await;
        row(
            &format!("guard, {sessions} sessions"),
            guard,
            insert.per_second,
        );
        let begin = 100_000_000 + sessions * 100;
        let login = bench
            .measure(begin..begin + rounds, AT_ONCE, async |nth| {
                bench.login(nth, nth).await
            })
            .await;
        row(
            &format!("login, {sessions} sessions"),
            login,
            insert.per_second,
        );
        let end = bench
            .measure(begin..begin + rounds, AT_ONCE, async |nth| {
                bench.end(nth).await
            })
            .await;
        row(
            &format!("logout, {sessions} sessions (two transactions)"),
            end,
            insert.per_second,
        );
        costs.push([guard, end]);
    }
    let bytes =
        std::fs::metadata(&file).map_or(0, |file| file.len()) / u64::try_from(size).unwrap();
    let ratio = |nth: usize| costs[1][nth].p50.as_secs_f64() / costs[0][nth].p50.as_secs_f64();
    println!("\n{bytes} bytes a session in the file.");
    println!(
        "{size} sessions beside 1,000, median: guard {:.2}, logout {:.2}.",
        ratio(0),
        ratio(1)
    );
    let [effective, ended, forgotten] = bench.many(300_000_000, 10_000).await;
    println!(
        "logout of 10,000 sessions: in effect after {effective:?}, all ended after {ended:?}, all forgotten after {forgotten:?}"
    );
}
