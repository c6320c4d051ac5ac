//! What a node answers by itself, and when it does not.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::RemoteOptions;
use super::{
    Node, POLL, Shelf, ShelfEngine, begin, end, id, is_live, is_over, node, node_with, rotate,
    settle,
};
use crate::session::{NewSession, Registration, SessionRegistry, SessionStore};
use crate::store::remote::Remote;
use crate::testing::suite::{self, SuiteClock, at};

const BOUND: Duration = Duration::from_secs(1);

/// A node with a local copy, one without, and the time they share.
async fn two_nodes() -> (Arc<Shelf>, Node, Node, SuiteClock) {
    let (shelf, clock) = (Shelf::new(), SuiteClock::new());
    let here = node_with(&shelf, clock.clone(), |options| {
        options.local_copy = Some(1000)
    });
    let there = node(&shelf, clock.clone());
    // The first question starts the feed; then the node is in sync.
    assert!(!is_live(&here, "nobody").await);
    settle().await;
    (shelf, here, there, clock)
}

/// Whether the node says by itself that the session is live. It never says anything else.
fn is_copied(node: &Node, name: &str) -> bool {
    let status = node.status_now(&id(name));
    assert!(status.as_ref().is_none_or(|status| status.is_live()));
    status.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_asked_for_costs_no_round_trip() {
    let (shelf, here, there, _clock) = two_nodes().await;
    begin(&there, "a").await;
    settle().await;
    assert!(!is_copied(&here, "a"));
    assert!(is_live(&here, "a").await);
    let looks = shelf.counts.looks.load(Ordering::SeqCst);
    for _ in 0..100 {
        assert!(is_copied(&here, "a"));
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(shelf.counts.looks.load(Ordering::SeqCst), looks);
    // A login is known where it was taken.
    begin(&here, "b").await;
    assert!(is_copied(&here, "b"));
    // Without a copy every question is asked.
    assert!(is_live(&there, "a").await);
    assert!(!is_copied(&there, "a"));
}

#[tokio::test(start_paused = true)]
async fn only_live_sessions_are_answered() {
    let (_shelf, here, _there, _clock) = two_nodes().await;
    begin(&here, "a").await;
    end(&here, "a").await;
    for name in ["a", "nobody"] {
        assert!(!is_live(&here, name).await);
        assert!(!is_copied(&here, name));
    }
}

#[tokio::test(start_paused = true)]
async fn what_this_node_did_it_knows_before_it_answers() {
    let (_shelf, here, _there, _clock) = two_nodes().await;
    for name in ["a", "b", "c"] {
        begin(&here, name).await;
        assert!(is_copied(&here, name));
    }
    end(&here, "a").await;
    assert!(!is_copied(&here, "a"));
    rotate(&here, "b", "d").await;
    assert!(!is_copied(&here, "b"));
    assert_eq!(here.unregister(&id("c")).await, Ok(true));
    assert!(!is_copied(&here, "c"));
    let everybody = suite::by_subject("customer", 0).unwrap();
    assert!(is_live(&here, "d").await);
    assert!(is_copied(&here, "d"));
    here.terminate(&everybody).await.unwrap();
    assert!(!is_copied(&here, "d"));
}

#[tokio::test(start_paused = true)]
async fn a_logout_at_the_other_node_is_in_effect_here_at_once() {
    let (_shelf, here, there, _clock) = two_nodes().await;
    begin(&here, "a").await;
    begin(&here, "b").await;
    end(&there, "a").await;
    settle().await;
    assert!(!is_copied(&here, "a"));
    assert!(is_copied(&here, "b"));
    let everybody = suite::by_subject("customer", 0).unwrap();
    there.terminate(&everybody).await.unwrap();
    settle().await;
    assert!(!is_copied(&here, "b"));
}

#[tokio::test(start_paused = true)]
async fn with_the_channel_cut_a_logout_is_in_effect_within_a_poll_interval() {
    let (shelf, here, there, _clock) = two_nodes().await;
    shelf.cut_channel();
    settle().await;
    begin(&here, "a").await;
    end(&there, "a").await;
    assert!(is_copied(&here, "a"));
    tokio::time::sleep(POLL).await;
    settle().await;
    assert!(!is_copied(&here, "a"));
}

#[tokio::test(start_paused = true)]
async fn without_any_news_nothing_is_answered_after_the_bound() {
    let (_shelf, here, there, clock) = two_nodes().await;
    begin(&here, "a").await;
    assert!(is_copied(&here, "a"));
    here.engine().go_away(true);
    end(&there, "a").await;
    let mut answered = Duration::ZERO;
    for tick in 0..200 {
        if is_copied(&here, "a") {
            answered = Duration::from_millis(10) * tick;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        answered > Duration::ZERO && answered <= BOUND,
        "{answered:?}"
    );
    // Back in sync it is asked for, not remembered.
    here.engine().go_away(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!is_copied(&here, "a"));
    assert!(!is_live(&here, "a").await);
    drop(clock);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_answers_nothing_from_before() {
    let (_shelf, here, _there, clock) = two_nodes().await;
    begin(&here, "a").await;
    clock.set(2);
    assert!(is_copied(&here, "a"));
    // The clock of the runtime stood still meanwhile.
    clock.set(3);
    assert!(!is_copied(&here, "a"));
    tokio::time::sleep(POLL).await;
    settle().await;
    assert!(is_copied(&here, "a"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_notice_overtakes_is_not_kept() {
    let (shelf, here, there, _clock) = two_nodes().await;
    begin(&there, "a").await;
    begin(&there, "b").await;
    settle().await;
    for (name, request) in [
        ("a", suite::by_sid("a", None, 0).unwrap()),
        ("b", suite::by_subject("customer", 0).unwrap()),
    ] {
        // The store has answered: live. The answer is on its way when the notice arrives.
        let gate = shelf.gate();
        let asking = tokio::spawn({
            let here = here.clone();
            async move { is_live(&here, name).await }
        });
        gate.reached().await;
        there.terminate(&request).await.unwrap();
        settle().await;
        gate.open();
        assert!(asking.await.unwrap());
        assert!(!is_copied(&here, name));
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_about_others_does_not_keep_an_answer_out() {
    let (shelf, here, there, _clock) = two_nodes().await;
    begin(&there, "a").await;
    settle().await;
    let gate = shelf.gate();
    let asking = tokio::spawn({
        let here = here.clone();
        async move { is_live(&here, "a").await }
    });
    gate.reached().await;
    let other = suite::by_sid("other", Some("another"), 0).unwrap();
    there.terminate(&other).await.unwrap();
    settle().await;
    gate.open();
    assert!(asking.await.unwrap());
    assert!(is_copied(&here, "a"));
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_answered_until_a_logout_reaches_it() {
    let (shelf, here, there, clock) = two_nodes().await;
    let identity = suite::identity("customer", Some("A"), Some(0)).unwrap();
    let other = suite::identity("customer", Some("B"), Some(0)).unwrap();
    assert_eq!(here.is_logged_out_now(&identity), None);
    assert_eq!(here.is_logged_out(&identity).await, Ok(false));
    assert_eq!(here.is_logged_out_now(&identity), Some(false));
    assert_eq!(here.is_logged_out_now(&other), None);

    // The answer of the store is overtaken by the notice.
    let gate = shelf.gate();
    let asking = tokio::spawn({
        let (here, other) = (here.clone(), other.clone());
        async move { here.is_logged_out(&other).await }
    });
    gate.reached().await;
    let request = suite::by_sid("B", None, 0).unwrap();
    there.terminate(&request).await.unwrap();
    settle().await;
    gate.open();
    assert_eq!(asking.await.unwrap(), Ok(false));
    assert_eq!(here.is_logged_out_now(&other), None);
    assert_eq!(here.is_logged_out(&other).await, Ok(true));
    assert_eq!(here.is_logged_out_now(&other), None);

    assert_eq!(here.is_logged_out_now(&identity), Some(false));
    let request = suite::by_subject("customer", 0).unwrap();
    there.terminate(&request).await.unwrap();
    settle().await;
    assert_eq!(here.is_logged_out_now(&identity), None);
    // What no mark can vouch for needs no store to be over.
    clock.set(601);
    assert_eq!(here.is_logged_out_now(&identity), Some(true));
    assert_eq!(there.is_logged_out_now(&identity), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_answered_past_its_end() {
    let (_shelf, here, _there, clock) = two_nodes().await;
    let identity = suite::identity("customer", None, Some(0)).unwrap();
    let session = NewSession::new(id("a"), identity, at(2));
    assert_eq!(here.register(session).await, Ok(Registration::Registered));
    clock.set(1);
    assert!(is_copied(&here, "a"));
    clock.set(2);
    assert!(!is_copied(&here, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_reach_back_empties_the_copy() {
    let (shelf, here, there, _clock) = two_nodes().await;
    begin(&here, "a").await;
    shelf.cut_channel();
    settle().await;
    end(&there, "a").await;
    shelf.trim();
    tokio::time::sleep(POLL).await;
    settle().await;
    assert!(!is_copied(&here, "a"));
}

#[tokio::test(start_paused = true)]
async fn it_holds_no_more_than_it_may_and_what_goes_is_asked_for_again() {
    let shelf = Shelf::new();
    let node = node_with(&shelf, SuiteClock::new(), |options| {
        options.local_copy = Some(256)
    });
    for n in 0..2000 {
        begin(&node, &format!("s{n}")).await;
    }
    settle().await;
    let kept = node.0.copy.as_ref().unwrap().len();
    assert!((64..=256).contains(&kept), "{kept}");
    assert!(is_live(&node, "s0").await);
    assert!(is_copied(&node, "s0"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_a_copied_session_costs_no_look_and_ends_like_any_other() {
    let (shelf, here, there, _clock) = two_nodes().await;
    begin(&here, "a").await;
    let looks = shelf.counts.looks.load(Ordering::SeqCst);
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    assert_eq!(shelf.counts.looks.load(Ordering::SeqCst), looks);
    rotate(&there, "a", "b").await;
    assert!(!is_over(&mut watch).await);
    let everybody = suite::by_subject("customer", 0).unwrap();
    there.terminate(&everybody).await.unwrap();
    assert!(is_over(&mut watch).await);
    let mut over = Box::pin(here.ended(&id("b")));
    assert!(is_over(&mut over).await);
}

#[test]
fn options_that_cannot_work_are_refused_by_name() {
    let refused = |configure: fn(&mut RemoteOptions)| {
        let mut options = RemoteOptions::default();
        configure(&mut options);
        let built = Remote::new(ShelfEngine::new(&Shelf::new()), options);
        built.err().map(|error| error.field())
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(
        refused(|o| o.poll_interval = Duration::ZERO),
        Some("poll_interval")
    );
    assert_eq!(refused(|o| o.local_copy = Some(0)), Some("local_copy"));
    assert_eq!(refused(|o| o.staleness = Duration::from_millis(499)), None);
    assert_eq!(
        refused(|o| {
            o.local_copy = Some(1);
            o.staleness = Duration::from_millis(499);
        }),
        Some("local_copy_staleness")
    );
    assert_eq!(
        refused(|o| {
            o.local_copy = Some(1);
            o.staleness = Duration::from_millis(500);
        }),
        None
    );
}

#[test]
fn an_answer_of_the_copy_allocates_nothing_and_a_session_in_it_takes_at_most_450_bytes() {
    const SESSIONS: usize = 4_000;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let shelf = Shelf::new();
        let clock = SuiteClock::new();
        let here = node_with(&shelf, clock.clone(), |options| {
            // Two generations: none of them goes.
            options.local_copy = Some(4 * SESSIONS);
        });
        let there = node(&shelf, clock);
        assert!(!is_live(&here, "nobody").await);
        settle().await;
        // Names as long as those of UUIDs, an id of 128 bits in base64url.
        let (name, uuid) = (|nth| format!("{nth:022}"), |nth| format!("{nth:036}"));
        let sessions = 0..SESSIONS;
        for nth in sessions.clone() {
            let new = suite::session(&name(nth), &uuid(nth), Some(&uuid(nth)), 0).unwrap();
            assert_eq!(there.register(new).await, Ok(Registration::Registered));
        }
        settle().await;
        let counted = allocation_counter::measure(|| {
            for nth in sessions.clone() {
                let id = id(&name(nth));
                let asked = std::pin::pin!(here.status(&id));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(asked.poll(&mut context).is_ready());
            }
        });
        let bytes = counted.bytes_current / i64::try_from(SESSIONS).unwrap();
        println!("{bytes} bytes a session in the local copy");
        assert!((100..=450).contains(&bytes), "{bytes}");
        let known: Vec<_> = sessions.step_by(40).map(|nth| id(&name(nth))).collect();
        let counted = allocation_counter::measure(|| {
            for id in &known {
                assert!(here.status_now(id).is_some_and(|status| status.is_live()));
            }
        });
        assert_eq!(counted.count_total, 0);
    });
}
