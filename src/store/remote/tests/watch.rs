//! Connections that stay open, over two nodes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::watch::GRACE;
use super::{POLL, begin, end, id, is_over, node, rotate, settle, time_until_over, two_nodes};
use crate::session::{NewSession, Registration, SessionRegistry, SessionStore};
use crate::testing::suite::{self, at};

#[tokio::test(start_paused = true)]
async fn a_logout_at_one_node_ends_the_connections_at_the_other_at_once_and_no_others() {
    let (_shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    begin(&here, "b").await;
    let mut a = Box::pin(here.ended(&id("a")));
    let mut b = Box::pin(here.ended(&id("b")));
    assert!(!is_over(&mut a).await);
    assert!(!is_over(&mut b).await);
    end(&there, "a").await;
    assert!(is_over(&mut a).await);
    assert!(!is_over(&mut b).await);
    let everybody = suite::by_subject("customer", 0).unwrap();
    there.terminate(&everybody).await.unwrap();
    assert!(is_over(&mut b).await);
}

#[tokio::test(start_paused = true)]
async fn with_the_channel_cut_an_end_is_late_by_a_poll_interval_at_most() {
    let (shelf, here, there, _clock) = two_nodes();
    shelf.cut_channel();
    for round in 0..50_u64 {
        let name = format!("a{round}");
        begin(&here, &name).await;
        let mut watch = Box::pin(here.ended(&id(&name)));
        assert!(!is_over(&mut watch).await);
        // At any place between two polls.
        tokio::time::sleep(Duration::from_millis(round * 37)).await;
        end(&there, &name).await;
        let late = time_until_over(watch).await;
        assert!(late <= POLL, "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_channel_works_again_once_it_is_mended() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    shelf.cut_channel();
    tokio::time::sleep(Duration::from_secs(60)).await;
    shelf.mend_channel();
    tokio::time::sleep(Duration::from_secs(6)).await;
    end(&there, "a").await;
    assert!(is_over(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_between_two_channels_is_read_from_the_log_at_once() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    shelf.cut_channel();
    settle().await;
    end(&there, "a").await;
    shelf.mend_channel();
    let late = time_until_over(watch).await;
    assert!(late <= Duration::from_millis(100), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_reach_back_makes_everybody_look() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    begin(&here, "b").await;
    let watch = Box::pin(here.ended(&id("a")));
    let mut other = Box::pin(here.ended(&id("b")));
    assert!(!is_over(&mut other).await);
    shelf.cut_channel();
    settle().await;
    end(&there, "a").await;
    shelf.trim();
    assert!(time_until_over(watch).await <= POLL);
    assert!(!is_over(&mut other).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_follows_rotations_on_other_nodes() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    rotate(&there, "a", "b").await;
    assert!(!is_over(&mut watch).await);
    // Several of which nothing was heard are followed too.
    shelf.cut_channel();
    for (old, new) in [("b", "c"), ("c", "d"), ("d", "e")] {
        rotate(&there, old, new).await;
    }
    tokio::time::sleep(POLL).await;
    shelf.mend_channel();
    assert!(!is_over(&mut watch).await);
    tokio::time::sleep(Duration::from_secs(6)).await;
    there.unregister(&id("e")).await.unwrap();
    assert!(is_over(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_not_looked_yet_is_not_handed_to_the_next_session_of_the_id() {
    let (_shelf, here, _there, _clock) = two_nodes();
    begin(&here, "a").await;
    begin(&here, "b").await;
    // Never polled before the id is taken.
    let mut by_login = Box::pin(here.ended(&id("a")));
    let later = suite::session("a", "customer", Some("a"), 10).unwrap();
    assert_eq!(here.register(later).await, Ok(Registration::Registered));
    let mut by_rotation = Box::pin(here.ended(&id("a")));
    rotate(&here, "b", "a").await;
    let mut of_the_last = Box::pin(here.ended(&id("a")));
    assert!(is_over(&mut by_login).await);
    assert!(is_over(&mut by_rotation).await);
    assert!(!is_over(&mut of_the_last).await);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_given_up_before_has_no_connection() {
    let (_shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    rotate(&here, "a", "b").await;
    for node in [&here, &there] {
        let mut watch = Box::pin(node.ended(&id("a")));
        assert!(is_over(&mut watch).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_not_looked_yet_follows_a_rotation_of_this_node() {
    let (shelf, here, _there, _clock) = two_nodes();
    begin(&here, "a").await;
    // Never polled before the rotation.
    let mut fresh = Box::pin(here.ended(&id("a")));
    // Its answer is on the way while the id moves: it says live, or moved.
    let mut asking = Box::pin(here.ended(&id("a")));
    let gate = shelf.gate();
    assert!(!is_over(&mut asking).await);
    gate.reached().await;
    rotate(&here, "a", "b").await;
    rotate(&here, "b", "c").await;
    gate.open();
    assert!(!is_over(&mut fresh).await);
    assert!(!is_over(&mut asking).await);
    end(&here, "a").await;
    assert!(is_over(&mut fresh).await);
    assert!(is_over(&mut asking).await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_logout_overtakes_is_asked_for_again() {
    for everywhere in [false, true] {
        let (shelf, here, there, _clock) = two_nodes();
        begin(&here, "a").await;
        let mut watch = Box::pin(here.ended(&id("a")));
        assert!(!is_over(&mut watch).await);
        // The second connection's answer says live; then the logout, whose names this node does not watch for it yet.
        let gate = shelf.gate();
        let mut second = Box::pin(here.ended(&id("a")));
        assert!(!is_over(&mut second).await);
        gate.reached().await;
        let request = if everywhere {
            suite::by_subject("customer", 0).unwrap()
        } else {
            suite::by_sid("a", None, 0).unwrap()
        };
        there.terminate(&request).await.unwrap();
        assert!(is_over(&mut watch).await);
        gate.open();
        assert!(is_over(&mut second).await);
    }
}

#[tokio::test(start_paused = true)]
async fn to_open_a_connection_costs_one_look_and_what_others_do_costs_none() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    // The first one starts the feed, which makes everybody look once.
    let mut first = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut first).await);
    let before = shelf.counts.looks.load(Ordering::SeqCst);
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    for other in 0..500 {
        let request = suite::by_sid(&format!("other {other}"), None, 0).unwrap();
        there.terminate(&request).await.unwrap();
        // Fewer than the log holds between two polls.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!is_over(&mut watch).await);
    assert_eq!(shelf.counts.looks.load(Ordering::SeqCst), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_out_of_reach_ends_nothing_and_is_not_pressed() {
    let (shelf, here, there, clock) = two_nodes();
    begin(&here, "a").await;
    begin(&here, "b").await;
    let mut a = Box::pin(here.ended(&id("a")));
    let mut b = Box::pin(here.ended(&id("b")));
    assert!(!is_over(&mut a).await);
    here.engine().go_away(true);
    // One that begins meanwhile waits too.
    let mut late = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut late).await);
    let before = shelf.counts.looks.load(Ordering::SeqCst);
    let news = shelf.counts.news.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!is_over(&mut a).await);
    assert!(!is_over(&mut late).await);
    let looks = shelf.counts.looks.load(Ordering::SeqCst) - before;
    assert!(looks <= 60, "{looks} looks in ten minutes");
    let news = shelf.counts.news.load(Ordering::SeqCst) - news;
    assert!(news <= 700, "{news} polls in ten minutes");

    end(&there, "a").await;
    assert!(!is_over(&mut a).await);
    here.engine().go_away(false);
    assert!(time_until_over(a).await <= Duration::from_secs(2));
    assert!(is_over(&mut late).await);
    assert!(!is_over(&mut b).await);
    drop(clock);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_a_session_is_over_a_little_after_its_end() {
    let (_shelf, here, _there, clock) = two_nodes();
    let identity = suite::identity("customer", None, Some(0)).unwrap();
    let session = NewSession::new(id("a"), identity, at(100));
    assert_eq!(here.register(session).await, Ok(Registration::Registered));
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    here.engine().go_away(true);
    let grace = i64::try_from(GRACE.as_secs()).unwrap();
    clock.set(100 + grace - 1);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert!(!is_over(&mut watch).await);
    clock.set(100 + grace);
    assert!(time_until_over(watch).await <= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_another_node_moved_is_followed() {
    let (_shelf, here, there, clock) = two_nodes();
    for (name, until) in [("a", 100), ("b", 100)] {
        let identity = suite::identity("customer", None, Some(0)).unwrap();
        let session = NewSession::new(id(name), identity, at(until));
        assert_eq!(here.register(session).await, Ok(Registration::Registered));
    }
    let mut further = Box::pin(here.ended(&id("a")));
    let mut nearer = Box::pin(here.ended(&id("b")));
    assert!(!is_over(&mut further).await);
    assert!(!is_over(&mut nearer).await);
    assert_eq!(there.extend(&id("a"), at(200)).await, Ok(true));
    assert_eq!(there.extend(&id("b"), at(50)).await, Ok(true));
    settle().await;
    clock.set(50);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_over(&mut nearer).await);
    clock.set(199);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!is_over(&mut further).await);
    clock.set(200);
    assert!(time_until_over(further).await <= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_another_login_took_over_ends_the_connections_of_the_first() {
    let (_shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    // The same session once more: nothing ended.
    begin(&there, "a").await;
    assert!(!is_over(&mut watch).await);
    let later = suite::session("a", "customer", Some("a"), 10).unwrap();
    assert_eq!(there.register(later).await, Ok(Registration::Registered));
    assert!(is_over(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn a_stateless_connection_ends_with_a_logout_at_the_other_node() {
    let (shelf, here, there, _clock) = two_nodes();
    let identity = suite::identity("customer", Some("A"), Some(0)).unwrap();
    let mut watch = Box::pin(here.identity_ended(&identity));
    assert!(!is_over(&mut watch).await);
    let request = suite::by_sid("A", None, 0).unwrap();
    there.terminate(&request).await.unwrap();
    assert!(is_over(&mut watch).await);

    let identity = suite::identity("customer", Some("B"), Some(0)).unwrap();
    let mut watch = Box::pin(here.identity_ended(&identity));
    assert!(!is_over(&mut watch).await);
    shelf.cut_channel();
    settle().await;
    let request = suite::by_subject("customer", 0).unwrap();
    there.terminate(&request).await.unwrap();
    assert!(time_until_over(watch).await <= POLL);
}

#[tokio::test(start_paused = true)]
async fn a_stateless_connection_ends_when_no_mark_can_vouch_for_it() {
    let (shelf, here, _there, clock) = two_nodes();
    let identity = suite::identity("customer", None, Some(0)).unwrap();
    let mut watch = Box::pin(here.identity_ended(&identity));
    assert!(!is_over(&mut watch).await);
    let asked = shelf.counts.marked.load(Ordering::SeqCst);
    clock.set(600);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!is_over(&mut watch).await);
    clock.set(601);
    assert!(time_until_over(watch).await <= Duration::from_secs(60));
    // The clock says it; the store was not asked again.
    assert_eq!(shelf.counts.marked.load(Ordering::SeqCst), asked);
}

#[test]
fn a_connection_may_be_asked_for_outside_of_a_runtime() {
    let shelf = super::Shelf::new();
    let node = node(&shelf, suite::SuiteClock::new());
    let watch = node.ended(&id("a"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(watch);
}
