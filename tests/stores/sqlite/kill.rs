//! `kill -9` in the middle of a burst of logouts: whatever was acknowledged is in force afterwards. How many
//! rounds, and logouts in each: `BACKCHANNEL_KILL_ROUNDS` and `BACKCHANNEL_KILL_LOGOUTS`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;

const CHILD: &str = "BACKCHANNEL_KILL_CHILD";

#[tokio::test]
async fn no_acknowledged_logout_is_lost_when_the_process_is_killed() {
    let rounds = setting("BACKCHANNEL_KILL_ROUNDS", 3);
    let logouts = setting("BACKCHANNEL_KILL_LOGOUTS", 200);
    for round in 0..rounds {
        let folder = Folder::new("sqlite-kill");
        let file = folder.path().join("sessions.db");
        let store = SqliteStore::open(&file).await.unwrap();
        let begun = now();
        for nth in 0..logouts {
            let new = session(&format!("s{nth}"), &format!("customer {nth}"), None, begun);
            assert_eq!(store.register(new).await.unwrap(), Registration::Registered);
        }
        // This test binary again, as the process that is killed.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sqlite::kill::the_process_that_is_killed",
                "--nocapture",
            ])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        // Another place in each round.
        let enough = 1 + (round * 37 + 11) % logouts;
        while acknowledged.len() < enough {
            let line = lines.next().unwrap().unwrap();
            if line.ends_with("all answered") {
                break;
            }
            // The name of the test may stand in front of the first one.
            if let Some((_, nth)) = line.split_once("ended ") {
                acknowledged.push(nth.parse::<usize>().unwrap());
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !acknowledged.is_empty(),
            "round {round}: nothing was answered"
        );
        for line in lines.map_while(Result::ok) {
            let nth = line
                .split_once("ended ")
                .and_then(|(_, nth)| nth.parse::<usize>().ok());
            acknowledged.extend(nth);
        }
        drop(store);
        let again = SqliteStore::open(&file).await.unwrap();
        for nth in &acknowledged {
            let id = id(&format!("s{nth}"));
            assert!(
                !again.status(&id).await.unwrap().is_live(),
                "round {round}: {nth}"
            );
            // Signed in before the logout, however long looking takes.
            let late = session(
                &format!("late {nth}"),
                &format!("customer {nth}"),
                None,
                begun,
            );
            let late = again.register(late).await.unwrap();
            assert_eq!(late, Registration::AlreadyLoggedOut, "round {round}: {nth}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(file) = std::env::var_os(CHILD) else {
        return;
    };
    let store = SqliteStore::open(file).await.unwrap();
    let mut burst = tokio::task::JoinSet::new();
    for nth in 0..setting("BACKCHANNEL_KILL_LOGOUTS", 200) {
        let store = store.clone();
        burst.spawn(async move {
            // A logout that fails is answered 503 and promises nothing.
            if store
                .terminate(&logout(&format!("customer {nth}")))
                .await
                .is_ok()
            {
                println!("ended {nth}");
            }
        });
    }
    burst.join_all().await;
    println!("all answered");
    // Until it is killed.
    std::future::pending::<()>().await;
}
