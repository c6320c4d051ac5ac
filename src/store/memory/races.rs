//! Every interleaving of the steps of two operations, one after the other: no luck, no sleeping.
//!
//! Each operation runs on a thread of its own and stops at every `step`. A scheduler lets one of them go on at a time, and repeats the
//! whole with another choice until all are tried.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};

use super::tests::{at, by_sid, by_subject, clock, id, identity, session};
use super::*;

thread_local! {
    static GATE: RefCell<Option<(Arc<Gate>, usize)>> = const { RefCell::new(None) };
}

pub(super) fn step(_at: &'static str) {
    let gate = GATE.with(|gate| gate.borrow().clone());
    if let Some((gate, me)) = gate {
        gate.wait_for_turn(me);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Where {
    Running,
    Waiting,
    Done,
}

struct Gate {
    threads: Mutex<Vec<Where>>,
    changed: Condvar,
}

impl Gate {
    fn wait_for_turn(&self, me: usize) {
        let mut threads = self.threads.lock().unwrap();
        threads[me] = Where::Waiting;
        self.changed.notify_all();
        drop(
            self.changed
                .wait_while(threads, |threads| threads[me] == Where::Waiting)
                .unwrap(),
        );
    }

    fn done(&self, me: usize) {
        self.threads.lock().unwrap()[me] = Where::Done;
        self.changed.notify_all();
    }

    /// Lets the threads go on one at a time. `choices` says which, and is filled up to the end with the first that can; each with the
    /// number that could.
    fn run(&self, choices: &mut Vec<(usize, usize)>) {
        for turn in 0.. {
            let mut threads = self
                .changed
                .wait_while(self.threads.lock().unwrap(), |threads| {
                    threads.contains(&Where::Running)
                })
                .unwrap();
            let waiting: Vec<_> = (0..threads.len())
                .filter(|thread| threads[*thread] == Where::Waiting)
                .collect();
            if waiting.is_empty() {
                return;
            }
            if choices.len() == turn {
                choices.push((0, waiting.len()));
            }
            threads[waiting[choices[turn].0]] = Where::Running;
            self.changed.notify_all();
        }
    }
}

type Operation<A> = fn(&MemoryStore) -> A;

/// Tries every order of the steps of the operations over fresh stores.
fn every_order<A: Send, B: Send>(
    prepare: impl Fn() -> MemoryStore,
    first: Operation<A>,
    second: Operation<B>,
    check: impl Fn(&MemoryStore, A, B),
) -> usize {
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let mut tried = 0;
    loop {
        let store = prepare();
        let gate = Arc::new(Gate {
            threads: Mutex::new(vec![Where::Running; 2]),
            changed: Condvar::new(),
        });
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| on(&gate, 0, || first(&store)));
            let b = scope.spawn(|| on(&gate, 1, || second(&store)));
            gate.run(&mut choices);
            (a.join().unwrap(), b.join().unwrap())
        });
        check(&store, a, b);
        assert_eq!(
            store.0.by_subject.len(),
            linked(&store),
            "something is left behind"
        );
        tried += 1;
        while choices.last().is_some_and(|(choice, of)| choice + 1 == *of) {
            choices.pop();
        }
        match choices.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return tried,
        }
    }
}

fn on<A>(gate: &Arc<Gate>, me: usize, operation: impl FnOnce() -> A) -> A {
    GATE.with(|own| *own.borrow_mut() = Some((Arc::clone(gate), me)));
    step("begin");
    let answer = operation();
    GATE.with(|own| *own.borrow_mut() = None);
    gate.done(me);
    answer
}

/// How many sessions the index by `sub` has to hold: the live ones, and those that are still to be reported.
fn linked(store: &MemoryStore) -> usize {
    let all = by_subject("customer", 100_000);
    store.0.terminate(&all).sessions.len()
}

fn login(store: &MemoryStore) -> bool {
    let new = session("a", "customer", Some("A"), 0);
    store.0.register(&new) == Ok(Registration::Registered)
}

fn logout(store: &MemoryStore) -> Vec<String> {
    ids(&store.0.terminate(&by_sid("A", Some("customer"), 0)))
}

fn logout_of_subject(store: &MemoryStore) -> Vec<String> {
    ids(&store.0.terminate(&by_subject("customer", 0)))
}

fn ids(terminated: &Terminated) -> Vec<String> {
    let ids = terminated.sessions.iter();
    ids.map(|ended| ended.id.as_str().to_owned()).collect()
}

fn live(store: &MemoryStore, name: &str) -> bool {
    store.0.status(&id(name)).is_live()
}

fn empty() -> MemoryStore {
    tests::store(&clock())
}

fn with_session() -> MemoryStore {
    let store = empty();
    assert!(login(&store));
    store
}

#[test]
fn login_against_logout_in_every_order_leaves_no_session() {
    // BCL-149
    for logout in [logout as Operation<Vec<String>>, logout_of_subject] {
        let (taken, refused) = (RefCell::new(0), RefCell::new(0));
        let tried = every_order(empty, login, logout, |store, taken_now, ended| {
            assert!(!live(store, "a"));
            assert!(!login(store), "a late save");
            // Whoever was signed in is reported, and nobody else.
            assert_eq!(ended, if taken_now { vec!["a"] } else { vec![] });
            *if taken_now { &taken } else { &refused }.borrow_mut() += 1;
        });
        assert!(tried > 50, "{tried}");
        assert!(taken.into_inner() > 0 && refused.into_inner() > 0);
    }
}

#[test]
fn a_later_login_against_a_logout_of_the_subject_lives_in_every_order() {
    // BCL-143, BCL-149
    let later: Operation<bool> = |store| {
        let new = session("a", "customer", Some("A"), 6);
        store.0.register(&new) == Ok(Registration::Registered)
    };
    every_order(empty, later, logout_of_subject, |store, taken, ended| {
        assert!(taken && live(store, "a") && ended.is_empty());
    });
}

#[test]
fn a_later_login_with_the_same_sid_is_taken_for_good_or_ended_in_every_order() {
    // D-c: a sid has no cut-off, so whether it lives depends on the order; what was answered must be true.
    let later: Operation<bool> = |store| {
        let new = session("a", "customer", Some("A"), 6);
        store.0.register(&new) == Ok(Registration::Registered)
    };
    every_order(empty, later, logout, |store, taken, ended| {
        assert_eq!(live(store, "a"), taken && ended.is_empty());
        assert!(taken || ended.is_empty());
    });
}

#[test]
fn two_logouts_in_every_order_end_the_session_once() {
    // BCL-146
    let count: Operation<usize> = |store| store.0.terminate(&by_sid("A", None, 0)).newly_ended;
    let by_sub: Operation<usize> =
        |store| store.0.terminate(&by_subject("customer", 0)).newly_ended;
    every_order(with_session, count, by_sub, |store, one, two| {
        assert_eq!(one + two, 1);
        assert!(!live(store, "a"));
        assert_eq!(store.stats().live_sessions, 0);
        assert_eq!(store.stats().dead_ids, 1);
    });
}

#[test]
fn rotation_against_logout_in_every_order_leaves_no_session() {
    // Promise 2: and the logout reports the id the session had.
    let rotate: Operation<bool> = |store| store.0.rebind(&id("a"), &id("b")) == Rebinding::Rebound;
    every_order(with_session, rotate, logout, |store, moved, ended| {
        assert!(!live(store, "a") && !live(store, "b"));
        assert_eq!(ended, [if moved { "b" } else { "a" }]);
        assert!(!login(store), "a late save under the old id");
    });
}

#[test]
fn local_logout_against_logout_in_every_order_ends_the_session_once() {
    let leave: Operation<bool> = |store| store.0.unregister(&id("a"));
    every_order(with_session, leave, logout, |store, left, ended| {
        assert!(!live(store, "a"));
        assert_eq!(left, ended.is_empty());
        assert!(!login(store), "a late save");
        assert_eq!(
            (store.stats().live_sessions, store.stats().dead_ids),
            (0, 1)
        );
    });
}

#[test]
fn rotation_against_local_logout_in_every_order_has_one_winner() {
    let rotate: Operation<bool> = |store| store.0.rebind(&id("a"), &id("b")) == Rebinding::Rebound;
    let leave: Operation<bool> = |store| store.0.unregister(&id("a"));
    every_order(with_session, rotate, leave, |store, moved, left| {
        assert!(moved != left);
        assert_eq!(live(store, "b"), moved);
        assert!(!live(store, "a"));
    });
}

#[test]
fn expiry_against_logout_in_every_order_leaves_no_session_and_counts_right() {
    let prepare = || {
        let clock = clock();
        let store = tests::store(&clock);
        let new = NewSession::new(id("a"), identity("customer", Some("A"), 0), at(0));
        assert_eq!(store.0.register(&new), Ok(Registration::Registered));
        store
    };
    let sweep: Operation<()> = |store| {
        step("before the sweep");
        store.0.sweep_for_tests();
    };
    every_order(prepare, sweep, logout, |store, (), ended| {
        assert!(ended.is_empty() && !live(store, "a"));
        assert_eq!(store.stats().live_sessions, 0);
        assert!(!login(store));
    });
}

#[test]
fn late_save_against_logout_in_every_order_revives_nothing() {
    // BCL-149
    every_order(with_session, login, logout, |store, saved, ended| {
        assert!(!live(store, "a"));
        assert!(!saved || !ended.is_empty());
        assert!(!login(store));
        assert_eq!(store.stats().live_sessions, 0);
    });
}

#[test]
fn two_logins_under_one_id_in_every_order_leave_one_session() {
    every_order(empty, login, login, |store, one, two| {
        assert!(one && two && live(store, "a"));
        assert_eq!(store.stats().live_sessions, 1);
        assert_eq!(store.0.by_sid.len(), 1);
    });
}

#[test]
fn requests_against_logout_in_every_order_never_see_the_session_come_back() {
    let look: Operation<Vec<bool>> = |store| (0..4).map(|_| live(store, "a")).collect();
    let tried = every_order(with_session, look, logout, |_, seen, _| {
        assert!(
            seen.is_sorted_by(|before, after| before >= after),
            "{seen:?}"
        );
    });
    assert!(tried > 100, "{tried}");
    // Also while a login that the sid reaches, but no mark refuses, comes in between.
    let later: Operation<Vec<bool>> = |store| {
        let new = session("b", "customer", Some("A"), 6);
        let taken = store.0.register(&new) == Ok(Registration::Registered);
        vec![taken, live(store, "b"), live(store, "b")]
    };
    every_order(with_session, later, logout, |_, seen, _| {
        assert!(
            seen.is_sorted_by(|before, after| before >= after),
            "{seen:?}"
        );
    });
}

#[test]
fn login_against_the_folding_of_its_mark_is_refused_in_every_order() {
    // Promise 8: a coarser mark is there before the finer one goes.
    let crowded = || {
        let clock = clock();
        let store = MemoryStore::builder()
            .with_clock(clock)
            .with_max_marks(2)
            .build();
        for sid in ["A", "B"] {
            let new = session(sid, "customer", Some(sid), 0);
            assert_eq!(store.0.register(&new), Ok(Registration::Registered));
            let terminated = store.0.terminate(&by_sid(sid, None, 0));
            store.0.forget(&terminated);
        }
        store
    };
    let one_more: Operation<()> = |store| {
        store.0.terminate(&by_sid("C", None, 0));
    };
    let tried = every_order(crowded, login, one_more, |store, taken, ()| {
        assert!(!taken && !live(store, "a"));
        assert!(store.stats().folded_marks > 0);
    });
    assert!(tried > 50, "{tried}");
}

#[test]
fn folding_under_logins_and_logouts_keeps_its_counts() {
    // Threads without a schedule, for what the steps do not reach.
    let store = MemoryStore::builder()
        .with_clock(clock())
        .with_max_marks(50)
        .build();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for nth in 0..2_000 {
                    let sid = format!("{thread} {nth}");
                    let new = session(&sid, "customer", Some(&sid), 1_000 + nth);
                    let _ = store.0.register(&new);
                    let terminated = store.0.terminate(&by_sid(&sid, None, nth));
                    store.0.forget(&terminated);
                    assert!(!live(store, &sid));
                }
            });
        }
    });
    let stats = store.stats();
    assert_eq!(stats.live_sessions, 0);
    assert!(stats.marks <= 54, "{stats:?}");
    assert_eq!(store.0.by_subject.len(), 0);
    assert_eq!(store.0.live.load(Ordering::Relaxed), 0);
}
