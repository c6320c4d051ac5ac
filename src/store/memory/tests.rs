use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::session::LogoutTarget;
use crate::types::{ClientId, Issuer, Sid, Subject};

#[derive(Clone, Debug)]
pub(super) struct Now(pub(super) Arc<AtomicI64>);

impl Clock for Now {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(super) const T0: i64 = 1_700_000_000;

pub(super) fn clock() -> Now {
    Now(Arc::new(AtomicI64::new(T0)))
}

pub(super) fn at(second: i64) -> UnixTime {
    UnixTime::from_secs(T0 + second)
}

pub(super) fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

pub(super) fn client_id() -> ClientId {
    ClientId::parse("rp").unwrap()
}

pub(super) fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

pub(super) fn identity(subject: &str, sid: Option<&str>, iat: i64) -> SessionIdentity {
    let identity = SessionIdentity::new(issuer(), client_id(), Subject::parse(subject).unwrap())
        .with_id_token_iat(at(iat));
    match sid {
        Some(sid) => identity.with_sid(Sid::parse(sid).unwrap()),
        None => identity,
    }
}

pub(super) fn session(name: &str, subject: &str, sid: Option<&str>, iat: i64) -> NewSession {
    NewSession::new(id(name), identity(subject, sid, iat), at(3600))
}

pub(super) fn by_subject(subject: &str, cut_off: i64) -> LogoutRequest {
    let target = LogoutTarget::Subject(Subject::parse(subject).unwrap());
    LogoutRequest::new(
        issuer(),
        client_id(),
        target,
        at(cut_off),
        at(cut_off + 360),
    )
}

pub(super) fn by_sid(sid: &str, subject: Option<&str>, cut_off: i64) -> LogoutRequest {
    let target = LogoutTarget::Session {
        sid: Sid::parse(sid).unwrap(),
        subject: subject.map(|subject| Subject::parse(subject).unwrap()),
    };
    LogoutRequest::new(
        issuer(),
        client_id(),
        target,
        at(cut_off),
        at(cut_off + 360),
    )
}

pub(super) fn store(clock: &Now) -> MemoryStore {
    MemoryStore::builder().with_clock(clock.clone()).build()
}

fn register(store: &MemoryStore, new: &NewSession) -> Registration {
    store.0.register(new).unwrap()
}

fn is_live(store: &MemoryStore, name: &str) -> bool {
    store.0.status(&id(name)).is_live()
}

#[test]
fn what_is_over_leaves_nothing_behind() {
    let clock = clock();
    let store = store(&clock);
    for nth in 0..1000 {
        let name = format!("session {nth}");
        let new = session(&name, "customer", Some(&format!("sid {}", nth % 10)), 0);
        assert_eq!(register(&store, &new), Registration::Registered);
    }
    let first = store.0.terminate(&by_sid("sid 1", None, 0));
    assert_eq!(first.newly_ended, 100);
    store.0.forget(&first);
    store.0.terminate(&by_sid("sid 2", None, 0));
    assert!(store.0.unregister(&id("session 3")));
    let stats = store.stats();
    assert_eq!((stats.live_sessions, stats.dead_ids), (799, 201));
    clock.0.fetch_add(7200, Ordering::SeqCst);
    store.0.sweep_for_tests();
    let stats = store.stats();
    assert_eq!((stats.live_sessions, stats.dead_ids), (0, 0));
    assert_eq!(store.0.by_subject.len(), 0);
    assert_eq!(store.0.by_sid.len(), 0);
}

#[test]
fn writes_alone_keep_the_store_clean() {
    let clock = clock();
    let store = store(&clock);
    for nth in 0..50_000_i64 {
        clock.0.store(T0 + nth, Ordering::SeqCst);
        let name = format!("session {nth}");
        let new = NewSession::new(id(&name), identity(&name, Some(&name), nth), at(nth + 100));
        assert_eq!(register(&store, &new), Registration::Registered);
        if nth % 3 == 0 {
            store.0.terminate(&by_sid(&name, None, nth));
        }
    }
    // 100 seconds of sessions, 600 of dead ids and marks; the rest is what the sweep has not met yet.
    let stats = store.stats();
    assert!(stats.live_sessions < 2_000, "{stats:?}");
    assert!(stats.dead_ids < 2_000, "{stats:?}");
    assert!(stats.marks < 2_000, "{stats:?}");
    assert!(store.0.by_sid.len() < 4_000);
}

#[test]
fn a_full_store_refuses_logins_and_takes_them_again_when_sessions_expired() {
    let clock = clock();
    let store = MemoryStore::builder()
        .with_clock(clock.clone())
        .with_max_sessions(10)
        .build();
    for nth in 0..10 {
        let new = session(&format!("session {nth}"), "customer", None, 0);
        assert_eq!(register(&store, &new), Registration::Registered);
    }
    let more = session("one more", "customer", None, 0);
    assert_eq!(store.0.register(&more), Err(MemoryStoreError::Full));
    assert!(!is_live(&store, "one more"));
    assert!(store.0.unregister(&id("session 0")));
    assert_eq!(register(&store, &more), Registration::Registered);
    clock.0.store(T0 + 3600, Ordering::SeqCst);
    let later = NewSession::new(id("later"), identity("customer", None, 3600), at(7200));
    assert_eq!(register(&store, &later), Registration::Registered);
}

#[test]
fn marks_beyond_the_bound_are_folded_and_still_refuse() {
    // BCL-148: what a dropped mark would let in stays refused.
    let clock = clock();
    let store = MemoryStore::builder()
        .with_clock(clock.clone())
        .with_max_marks(100)
        .build();
    for nth in 0..1000 {
        store
            .0
            .terminate(&by_sid(&format!("sid {nth}"), None, nth / 10));
        assert!(store.stats().marks <= 100);
    }
    assert!(store.stats().folded_marks >= 900);
    for nth in 0..1000 {
        let new = session("late", "customer", Some(&format!("sid {nth}")), nth / 10);
        assert_eq!(register(&store, &new), Registration::AlreadyLoggedOut);
    }
    // A login after the folded cut-offs passes, and so does another client.
    let fresh = session("fresh", "customer", Some("sid 1"), 100 + 6);
    assert_eq!(register(&store, &fresh), Registration::Registered);
    let other = SessionIdentity::new(
        issuer(),
        ClientId::parse("other").unwrap(),
        Subject::parse("customer").unwrap(),
    );
    let other = NewSession::new(id("other"), other, at(60));
    assert_eq!(register(&store, &other), Registration::Registered);
}

#[test]
fn sid_marks_of_a_known_subject_fold_into_a_mark_of_that_subject_first() {
    let clock = clock();
    let store = MemoryStore::builder()
        .with_clock(clock.clone())
        .with_max_marks(100)
        .build();
    for nth in 0..101 {
        let sid = format!("sid {nth}");
        assert_eq!(
            register(&store, &session(&sid, "customer", Some(&sid), 0)),
            Registration::Registered
        );
        store.0.terminate(&by_sid(&sid, None, 10));
    }
    assert!(store.stats().marks <= 2, "{:?}", store.stats());
    let same = session("same", "customer", Some("sid 7"), 10);
    assert_eq!(register(&store, &same), Registration::AlreadyLoggedOut);
    let other = session("other", "somebody else", None, 0);
    assert_eq!(register(&store, &other), Registration::Registered);
}

#[test]
fn the_mark_of_a_sid_with_several_subjects_is_not_folded_into_that_of_one() {
    // Promise 8: one mark of each subject would refuse less.
    for at_once in [true, false] {
        let clock = clock();
        let store = MemoryStore::builder()
            .with_clock(clock.clone())
            .with_max_marks(100)
            .build();
        for (name, subject) in [("1", "one"), ("2", "two"), ("3", "one")] {
            let new = session(name, subject, Some("shared"), 20);
            assert_eq!(register(&store, &new), Registration::Registered);
            if !at_once {
                let terminated = store.0.terminate(&by_sid("shared", None, 10));
                assert_eq!(terminated.sessions.len(), 1);
                store.0.forget(&terminated);
            }
        }
        store.0.terminate(&by_sid("shared", None, 10));
        for nth in 0..100 {
            let sid = format!("sid {nth}");
            let new = session(&sid, "one", Some(&sid), 0);
            assert_eq!(register(&store, &new), Registration::Registered);
            store.0.terminate(&by_sid(&sid, None, 10));
        }
        assert!(store.stats().folded_marks > 90, "{:?}", store.stats());
        for subject in ["one", "two"] {
            let late = session("late", subject, Some("shared"), 10);
            assert_eq!(register(&store, &late), Registration::AlreadyLoggedOut);
        }
        let other = session("other", "two", None, 10);
        assert_eq!(register(&store, &other), Registration::Registered);
    }
}

#[test]
fn dead_ids_beyond_the_bound_still_take_no_late_save() {
    let clock = clock();
    let store = MemoryStore::builder()
        .with_clock(clock.clone())
        .with_max_sessions(10)
        .build();
    for nth in 0..100 {
        let new = session(&format!("session {nth}"), "customer", None, nth);
        assert_eq!(register(&store, &new), Registration::Registered);
        assert!(store.0.unregister(new.id()));
        assert!(store.stats().dead_ids <= 10);
    }
    for nth in 0..100 {
        let late = session(&format!("session {nth}"), "customer", None, nth);
        assert_eq!(register(&store, &late), Registration::AlreadyLoggedOut);
    }
    let fresh = session("fresh", "customer", None, 100);
    assert_eq!(register(&store, &fresh), Registration::Registered);
}

#[tokio::test]
async fn a_stateless_session_older_than_marks_live_is_over_also_when_its_mark_is_gone() {
    // BCL-148, BCL-153
    let clock = clock();
    let lifetime = Duration::from_secs(8 * 3600);
    let store = MemoryStore::builder()
        .with_clock(clock.clone())
        .with_mark_lifetime(lifetime)
        .build();
    let alice = identity("alice", None, 0);
    store.terminate(&by_subject("alice", 60)).await.unwrap();
    for (second, bob_is_over) in [
        (61, false),
        (8 * 3600, false),
        (8 * 3600 + 1, true),
        (90 * 3600, true),
    ] {
        clock.0.store(T0 + second, Ordering::SeqCst);
        assert!(
            store.is_logged_out(&alice).await.unwrap(),
            "after {second} s"
        );
        let bob = identity("bob", None, 0);
        assert_eq!(
            store.is_logged_out(&bob).await.unwrap(),
            bob_is_over,
            "after {second} s"
        );
    }
}
