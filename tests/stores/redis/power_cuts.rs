//! `kill -9` in the middle of a burst of logouts: with an append-only file that is synced with each write, none that was acknowledged is
//! lost. A few small rounds by default; `BACKCHANNEL_POWER_CUTS=100` and `BACKCHANNEL_LOGOUTS=2000` for the long run.

use std::sync::Mutex;

use super::*;
use tower_backchannel_logout::session::SessionStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_logout_is_lost_in_a_power_cut() {
    let (rounds, logouts) = (
        setting("BACKCHANNEL_POWER_CUTS", 3),
        setting("BACKCHANNEL_LOGOUTS", 500),
    );
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = Server::start(&options) else {
        return;
    };
    let mut kept = 0;
    for round in 0..rounds {
        // Logouts that nobody waits for any more prove nothing.
        let builder = RedisStoreBuilder::new(server.url());
        let store = builder.with_timeout(Duration::from_secs(60));
        let store = store.build().unwrap();
        let begun = now();
        let name = |nth: usize| format!("{round} {nth}");
        let new = |nth: usize| {
            let sid = nth.is_multiple_of(2).then(|| name(nth));
            session(&name(nth), &name(nth), sid.as_deref(), begun)
        };
        let logins = (0..logouts).map(|nth| begin(&store, new(nth)));
        futures_util::future::join_all(logins).await;
        let (acknowledged, failed) = (Mutex::new(Vec::new()), Mutex::new(None));
        // Another moment of the burst in each round.
        let enough = 1 + (round * 7919) % logouts;
        let burst = (0..logouts).map(|nth| {
            let (store, acknowledged, failed) = (&store, &acknowledged, &failed);
            let request = if nth % 2 == 0 {
                by_sid(&name(nth), begun)
            } else {
                by_subject(&name(nth), begun)
            };
            async move {
                match store.terminate(&request).await {
                    Ok(_) => acknowledged.lock().unwrap().push(nth),
                    Err(error) => *failed.lock().unwrap() = Some(error),
                }
            }
        });
        let cut = async {
            while acknowledged.lock().unwrap().len() < enough {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
        };
        let mut burst = Box::pin(futures_util::future::join_all(burst));
        tokio::select! {
            () = cut => server.kill(),
            _ = &mut burst => panic!("no burst any more: {failed:?}"),
        }
        burst.await;
        server.start_again();
        let acknowledged = acknowledged.into_inner().unwrap();
        assert!(acknowledged.len() >= enough);
        kept += acknowledged.len();
        for nth in acknowledged {
            assert!(!is_live(&store, &name(nth)).await, "{} lives", name(nth));
            let late = store.register(new(nth)).await.unwrap();
            assert_eq!(late, Registration::AlreadyLoggedOut, "{}", name(nth));
        }
        let _: String = server.ask(&["FLUSHALL"]);
    }
    println!("{rounds} power cuts, {kept} acknowledged logouts, none lost");
}
