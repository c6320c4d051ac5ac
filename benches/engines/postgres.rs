//! PostgreSQL, beside `pgbench` with as many clients on the same server: one row by its key, and one transaction that writes what a logout
//! has to.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tower_backchannel_logout::store::PostgresStore;

use crate::load::{AT_ONCE, Bench, Cost, row, size, table};
use crate::services::postgres::{Disk, Server, wait_for};

pub(crate) fn run() {
    let options = ["shared_buffers=512MB", "max_wal_size=8GB"];
    let Some(server) = Server::start(Disk::NotSynced, &options) else {
        return;
    };
    measure(
        "PostgreSQL, fsync off: what the processor does",
        &server,
        size(),
    );
    drop(server);
    let server = Server::start(Disk::Synced, &options).unwrap();
    measure("PostgreSQL, as it is set by default", &server, 10_000);
}

/// Of the server's processes, those that ended included.
fn cpu(server: &Server) -> Duration {
    let ticks = |id: u32, fields: &[usize]| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let stat = stat.rsplit(") ").next().unwrap_or_default().to_owned();
        let all: Vec<&str> = stat.split(' ').collect();
        let ticks = fields
            .iter()
            .filter_map(|nth| all.get(*nth)?.parse::<u64>().ok());
        ticks.sum::<u64>()
    };
    // utime and stime are the fields 14 and 15, those of ended children 16 and 17; two stand before the brace.
    let own: u64 = ticks(server.process_id(), &[11, 12, 13, 14]);
    let children = server.children().into_iter();
    let children: u64 = children.map(|id| ticks(id, &[11, 12])).sum();
    Duration::from_millis((own + children) * 10)
}

async fn number(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

/// What the server does at best for clients that ask one thing after the other.
fn limit(server: &Server, script: &str, count: usize) -> Cost {
    let file = server.data().parent().unwrap().join("script.sql");
    let mut text = File::create(&file).unwrap();
    text.write_all(script.as_bytes()).unwrap();
    let before = cpu(server);
    let mut pgbench: Command = server.client("pgbench");
    let output = pgbench
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
        .arg(format!("--client={AT_ONCE}"))
        .arg(format!("--transactions={}", count / AT_ONCE))
        .arg(format!("--file={}", file.display()))
        .args(["--log", "--log-prefix"])
        .arg(file.with_extension("log"))
        .arg("postgres")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{text}"));
        line.trim()
            .split(' ')
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let log = fs::read_dir(server.data().parent().unwrap()).unwrap();
    let log = log.map(|entry| entry.unwrap().path());
    let log = log.filter(|path| path.to_string_lossy().contains("script.log"));
    let mut times = Vec::new();
    for path in log {
        // client, number, microseconds, ...
        let lines = fs::read_to_string(&path).unwrap();
        let micros = lines
            .lines()
            .filter_map(|line| line.split(' ').nth(2)?.parse().ok());
        times.extend(micros.map(Duration::from_micros));
        fs::remove_file(path).unwrap();
    }
    times.sort_unstable();
    // Backends that ended are counted by their parent a moment later.
    wait_for("end of the clients", || {
        (server.children().len() < AT_ONCE).then_some(())
    });
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    Cost {
        per_second: figure("tps = "),
        p50: at(50),
        p99: at(99),
        cpu: (cpu(server) - before) / u32::try_from(times.len()).unwrap(),
    }
}

const READ: &str = "\\set n random(1, 100000)\nSELECT text FROM bare_read WHERE id = :n;\n";

/// A mark, a line of the log, and one session that is changed.
const WRITE: &str = "\\set n random(1, 100000)
WITH mark AS (INSERT INTO bare_mark VALUES (:client_id * 10000000 + :n, 1, 2) ON CONFLICT (id) DO UPDATE SET a = excluded.a),
    news AS (INSERT INTO bare_news (text) VALUES ('a notice of twenty two.'))
UPDATE bare_read SET number = number + 1 WHERE id = :n RETURNING text;
";

#[tokio::main(flavor = "current_thread")]
async fn measure(title: &str, server: &Server, size: usize) {
    let options: PgConnectOptions = server.url().parse().unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(u32::try_from(AT_ONCE).unwrap())
        .connect_lazy_with(options);
    let store = PostgresStore::builder(pool.clone())
        .with_timeout(Duration::from_secs(60))
        .build()
        .unwrap();
    store.migrate().await.unwrap();
    let bare = "CREATE TABLE bare_read (number int, id bigint PRIMARY KEY, text text);
        INSERT INTO bare_read SELECT 0, n, repeat('x', 200) FROM generate_series(1, 100000) AS n;
        CREATE TABLE bare_mark (id bigint PRIMARY KEY, a bigint, b bigint);
        CREATE TABLE bare_news (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text)";
    pool.execute(sqlx::raw_sql(bare)).await.unwrap();
    pool.execute("VACUUM ANALYZE").await.unwrap();
    let bench = Bench::new(store, || cpu(server));
    let rounds = 9_600;
    let (read, write) = (
        limit(server, READ, 2 * rounds),
        limit(server, WRITE, rounds),
    );
    table(title, "pgbench write");
    let base = write.per_second;
    row("`pgbench` read: one row by its key", read, base);
    row(
        "`pgbench` write: a mark, a line of the log, a session",
        write,
        base,
    );

    let scattered = |nth: usize, of: usize| nth.wrapping_mul(7_368_787) % of;
    let mut costs: Vec<[Cost; 2]> = Vec::new();
    let mut known = 0;
    for sessions in [1_000, size] {
        let bytes = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relname = 'backchannel_sessions'";
        let before = number(&pool, bytes).await;
        let login = bench.measure(known..sessions, AT_ONCE, async |nth| {
            bench.login(nth, nth).await
        });
        let login = login.await;
        let grown = number(&pool, bytes).await - before;
        row(&format!("login, up to {sessions} sessions"), login, base);
        pool.execute("VACUUM ANALYZE").await.unwrap();
        let guard = bench.measure(0..2 * rounds, AT_ONCE, async |nth| {
            bench.guard(scattered(nth, sessions)).await
        });
        let guard = guard.await;
        row(&format!("guard, {sessions} sessions"), guard, base);
        let begin = 100_000_000 + sessions * 100;
        let logins = bench.measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.login(nth, nth).await
        });
        logins.await;
        let end = bench.measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.end(nth).await
        });
        let end = end.await;
        row(
            &format!("logout, {sessions} sessions (two round trips)"),
            end,
            base,
        );
        if sessions == size {
            let count = i64::try_from(sessions - known).unwrap();
            println!("\n{} bytes a session, with its indexes.", grown / count);
        }
        costs.push([guard, end]);
        known = sessions;
    }
    let ratio = |nth: usize| costs[1][nth].cpu.as_secs_f64() / costs[0][nth].cpu.as_secs_f64();
    println!(
        "{size} sessions beside 1,000, server CPU: guard {:.2}, logout {:.2}.",
        ratio(0),
        ratio(1)
    );
    for round in 0..3 {
        let [effective, ended, forgotten] = bench.many(300_000_000 + round * 100_000, 10_000).await;
        println!(
            "logout of 10,000 sessions: in effect after {effective:?}, all ended after {ended:?}, all forgotten after {forgotten:?}"
        );
    }
}
