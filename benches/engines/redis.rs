//! Redis, beside `redis-benchmark` with as many clients on the same server.

use std::process::Command;
use std::time::Duration;

use tower_backchannel_logout::store::RedisStore;

use crate::load::{AT_ONCE, Bench, Cost, row, size, table};
use crate::services::redis::Server;

pub(crate) fn run() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    measure("Redis, in memory alone", &server, size());
    drop(server);
    let options = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let server = Server::start(&options).unwrap();
    measure("Redis, appendfsync everysec", &server, 10_000);
    drop(server);
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let server = Server::start(&options).unwrap();
    measure("Redis, appendfsync always", &server, 10_000);
}

fn cpu(server: &Server) -> Duration {
    let seconds = |name| server.info("cpu", name).parse::<f64>().unwrap();
    Duration::from_secs_f64(
        seconds("used_cpu_user_main_thread") + seconds("used_cpu_sys_main_thread"),
    )
}

fn used_memory(server: &Server) -> usize {
    server.info("memory", "used_memory").parse().unwrap()
}

/// What the server does at best for clients that ask one thing after the other.
fn limit(server: &Server, command: &[&str]) -> Cost {
    let (count, before) = (50_000_u32, cpu(server));
    let output = Command::new("redis-benchmark")
        .args(["-p", &server.port().to_string(), "-n", &count.to_string()])
        .args(["-c", &AT_ONCE.to_string(), "--csv"])
        .args(command)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // test, rps, average, min, p50, p95, p99, max; milliseconds.
    let line = text.lines().last().unwrap();
    let fields: Vec<f64> = line
        .rsplit(',')
        .map(|field| field.trim_matches('"').parse().unwrap_or(0.0))
        .collect();
    let ms = |nth: usize| Duration::from_secs_f64(fields[nth] / 1e3);
    Cost {
        per_second: fields[6],
        p50: ms(3),
        p99: ms(1),
        cpu: (cpu(server) - before) / count,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure(title: &str, server: &Server, size: usize) {
    let store = RedisStore::connect(server.url()).unwrap();
    let bench = Bench::new(store, || cpu(server));
    let (few, rounds) = (1_000, 10_000);
    bench
        .measure(0..few, AT_ONCE, async |nth| bench.login(nth, nth).await)
        .await;

    let get = limit(server, &["GET", "{bcl}:nothing"]);
    let set = limit(
        server,
        &["SET", "{bcl}:something", "a session of a customer"],
    );
    table(title, "SET");
    row("`redis-benchmark` GET", get, set.per_second);
    row("`redis-benchmark` SET", set, set.per_second);

    let scattered = |nth: usize, of: usize| nth.wrapping_mul(7_368_787) % of;
    let guard_few = bench
        .measure(0..rounds, AT_ONCE, async |nth| {
            bench.guard(scattered(nth, few)).await
        })
        .await;
    row("guard, 1,000 sessions", guard_few, set.per_second);
    let begin = 100_000_000;
    bench
        .measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.login(nth, nth).await
        })
        .await;
    let end_few = bench
        .measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.end(nth).await
        })
        .await;
    row(
        "logout, 1,000 sessions (two round trips)",
        end_few,
        set.per_second,
    );

    let before = used_memory(server);
    let login = bench
        .measure(few..size, AT_ONCE, async |nth| bench.login(nth, nth).await)
        .await;
    let bytes = (used_memory(server) - before) / (size - few);
    row("login", login, set.per_second);
    let guard = bench
        .measure(0..rounds, AT_ONCE, async |nth| {
            bench.guard(scattered(nth, size)).await
        })
        .await;
    row(&format!("guard, {size} sessions"), guard, set.per_second);
    let begin = 200_000_000;
    bench
        .measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.login(nth, nth).await
        })
        .await;
    let before = used_memory(server);
    let end = bench
        .measure(begin..begin + rounds, AT_ONCE, async |nth| {
            bench.end(nth).await
        })
        .await;
    let left = before.abs_diff(used_memory(server)) / rounds;
    row(
        &format!("logout, {size} sessions (two round trips)"),
        end,
        set.per_second,
    );
    let alone = bench
        .measure(0..2_000, 1, async |nth| bench.guard(nth % few).await)
        .await;
    row("guard, one after the other", alone, set.per_second);

    println!(
        "\n{bytes} bytes a session; a logout freed or took {left} bytes a session until its mark and its dead id expire."
    );
    let ratio = |one: Cost, other: Cost| one.cpu.as_secs_f64() / other.cpu.as_secs_f64();
    println!(
        "{size} sessions beside 1,000, server CPU: guard {:.2}, logout {:.2}.",
        ratio(guard, guard_few),
        ratio(end, end_few)
    );
    for round in 0..3 {
        let [effective, ended, forgotten] = bench.many(300_000_000 + round * 100_000, 10_000).await;
        println!(
            "logout of 10,000 sessions: in effect after {effective:?}, all ended after {ended:?}, all forgotten after {forgotten:?}"
        );
    }
}
