//! `kill -9` in the middle of a burst of logouts, of the application or of the server: none that was acknowledged is lost. A few small
//! rounds by default; `BACKCHANNEL_POWER_CUTS=100` and `BACKCHANNEL_LOGOUTS=2000` for the long run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::*;

const URL: &str = "BACKCHANNEL_CHILD_URL";
const PREFIX: &str = "BACKCHANNEL_CHILD_PREFIX";
const ROUND: &str = "BACKCHANNEL_CHILD_ROUND";
const BEGUN: &str = "BACKCHANNEL_CHILD_BEGUN";

fn rounds() -> (usize, usize) {
    (
        setting("BACKCHANNEL_POWER_CUTS", 3),
        setting("BACKCHANNEL_LOGOUTS", 300),
    )
}

fn name(round: usize, nth: usize) -> String {
    format!("{round} {nth}")
}

/// By `sid`, by `sub`, and by both.
fn request(round: usize, nth: usize, begun: UnixTime) -> LogoutRequest {
    let name = name(round, nth);
    match nth % 3 {
        0 => by_sid(&name, begun),
        1 => by_subject(&name, begun),
        _ => by_both(&name, &name, begun),
    }
}

fn new(round: usize, nth: usize, begun: UnixTime) -> NewSession {
    let name = name(round, nth);
    let sid = (nth % 3 != 1).then_some(name.as_str());
    session(&name, &name, sid, begun)
}

async fn log_everybody_in(store: &PostgresStore, round: usize, logouts: usize, begun: UnixTime) {
    let logins = (0..logouts).map(|nth| begin(store, new(round, nth, begun)));
    for_all(logins).await;
}

/// All of them, as many at once as the pool has connections.
async fn for_all<T>(work: impl Iterator<Item = impl Future<Output = T>>) {
    use futures_util::StreamExt;
    let mut work = futures_util::stream::iter(work).buffer_unordered(10);
    while work.next().await.is_some() {}
}

async fn all_in_force(
    store: &PostgresStore,
    round: usize,
    acknowledged: &[usize],
    begun: UnixTime,
) {
    for nth in acknowledged {
        let name = name(round, *nth);
        assert!(!is_live(store, &name).await, "{name} lives");
        let late = store.register(new(round, *nth, begun)).await.unwrap();
        assert_eq!(late, Registration::AlreadyLoggedOut, "{name}");
    }
}

/// The application that is killed: not a test of its own.
#[tokio::test]
async fn the_application_that_is_killed() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let variable = |name| std::env::var(name).unwrap();
    let pool = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let builder = PostgresStore::builder(pool).with_table_prefix(variable(PREFIX));
    // It waits as long as it takes: this is about what was acknowledged.
    let store = builder
        .with_timeout(Duration::from_secs(60))
        .build()
        .unwrap();
    let round = variable(ROUND).parse().unwrap();
    let begun = UnixTime::from_secs(variable(BEGUN).parse().unwrap());
    let burst = (0..rounds().1).map(|nth| {
        let store = &store;
        async move {
            store.terminate(&request(round, nth, begun)).await.unwrap();
            // As the endpoint answers: after the store did, and not a moment before.
            let mut out = std::io::stdout();
            out.write_all(format!("acknowledged {nth}\n").as_bytes())
                .unwrap();
            out.flush().unwrap();
        }
    });
    for_all(burst).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test]
async fn no_acknowledged_logout_is_lost_when_the_application_is_killed() {
    let Some(server) = Server::start(Disk::Synced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let wide = |builder: PostgresStoreBuilder| builder.with_timeout(Duration::from_secs(60));
    let (store, prefix) = configured(&pool, wide).await;
    let (rounds, logouts) = rounds();
    let mut kept = 0;
    for round in 0..rounds {
        let begun = now();
        log_everybody_in(&store, round, logouts, begun).await;
        let mut application = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "postgres::kills::the_application_that_is_killed",
            ])
            .env(URL, server.url())
            .env(PREFIX, &prefix)
            .env(ROUND, round.to_string())
            .env(BEGUN, begun.as_secs().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = BufReader::new(application.stdout.take().unwrap());
        // Another moment of the burst in each round.
        let enough = 1 + (round * 7919) % logouts;
        let acknowledged = tokio::task::spawn_blocking(move || {
            let mut acknowledged = Vec::new();
            let mut killed = false;
            for line in told.lines() {
                let Ok(line) = line else { break };
                let nth = line.strip_prefix("acknowledged ").map(str::parse);
                let Some(Ok(nth)) = nth else { continue };
                acknowledged.push(nth);
                if acknowledged.len() >= enough && !killed {
                    killed = true;
                    application.kill().unwrap();
                }
            }
            let _gone = application.wait();
            acknowledged
        });
        let acknowledged: Vec<usize> = acknowledged.await.unwrap();
        assert!(acknowledged.len() >= enough);
        kept += acknowledged.len();
        all_in_force(&store, round, &acknowledged, begun).await;
    }
    println!("the application was killed {rounds} times, {kept} acknowledged logouts, none lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_logout_is_lost_in_a_power_cut() {
    let Some(mut server) = Server::start(Disk::Synced, &[]) else {
        return;
    };
    let pool = pool(&server);
    let wide = |builder: PostgresStoreBuilder| builder.with_timeout(Duration::from_secs(60));
    let (store, prefix) = configured(&pool, wide).await;
    // The burst itself does not wait for a server that is gone.
    let hasty = PostgresStore::builder(pool.clone()).with_table_prefix(&prefix);
    let hasty = hasty.build().unwrap();
    let (rounds, logouts) = rounds();
    let mut kept = 0;
    for round in 0..rounds {
        let begun = now();
        log_everybody_in(&store, round, logouts, begun).await;
        let (acknowledged, is_cut) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let enough = 1 + (round * 7919) % logouts;
        let burst = (0..logouts).map(|nth| {
            let (hasty, acknowledged, is_cut) = (&hasty, &acknowledged, &is_cut);
            async move {
                // Those that would only wait for a server that is gone prove nothing.
                if is_cut.load(Ordering::SeqCst) {
                    return;
                }
                if hasty.terminate(&request(round, nth, begun)).await.is_ok() {
                    acknowledged.lock().unwrap().push(nth);
                }
            }
        });
        let cut = async {
            while acknowledged.lock().unwrap().len() < enough {
                tokio::task::yield_now().await;
            }
            server.kill();
            is_cut.store(true, Ordering::SeqCst);
        };
        tokio::join!(for_all(burst), cut);
        server.start_again();
        let acknowledged = acknowledged.into_inner().unwrap();
        kept += acknowledged.len();
        all_in_force(&store, round, &acknowledged, begun).await;
    }
    println!("{rounds} power cuts, {kept} acknowledged logouts, none lost");
}
