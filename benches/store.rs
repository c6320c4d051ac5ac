//! The memory store at its size: a million sessions, a million marks. Each path asserts its result before it is measured; `bounds` asserts
//! the numbers the design promises that do not depend on the machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Registration, SessionIdentity, SessionRegistry,
    SessionStore,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

mod kit;

use kit::now;

const MILLION: usize = 1_000_000;

struct Made {
    issuer: Issuer,
    client_id: ClientId,
    now: UnixTime,
}

impl Made {
    fn new() -> Self {
        Self {
            issuer: Issuer::parse("https://login.example/realms/shop").unwrap(),
            client_id: ClientId::parse("shop-frontend").unwrap(),
            now: SystemClock::default().now(),
        }
    }

    fn id(&self, nth: usize) -> SessionId {
        // 22 bytes, as 128 bits in base64url.
        SessionId::parse(format!("{:022x}", nth.wrapping_mul(0x9E37_79B9_7F4A_7C15))).unwrap()
    }

    fn identity(&self, subject: usize, sid: usize) -> SessionIdentity {
        // 36 bytes each, as a UUID.
        SessionIdentity::new(
            self.issuer.clone(),
            self.client_id.clone(),
            Subject::parse(format!("{subject:036x}")).unwrap(),
        )
        .with_sid(Sid::parse(format!("{sid:036}")).unwrap())
        .with_id_token_iat(self.now)
    }

    fn session(&self, nth: usize, subject: usize) -> NewSession {
        let until = self.now.saturating_add(Duration::from_secs(86_400));
        NewSession::new(self.id(nth), self.identity(subject, nth), until)
    }

    fn by_subject(&self, subject: usize) -> LogoutRequest {
        let subject = Subject::parse(format!("{subject:036x}")).unwrap();
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        LogoutRequest::for_subject(issuer, client_id, subject, self.now)
    }

    fn by_sid(&self, sid: usize) -> LogoutRequest {
        let target = LogoutTarget::Session {
            sid: Sid::parse(format!("{sid:036}")).unwrap(),
            subject: None,
        };
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        LogoutRequest::new(issuer, client_id, target, self.now, self.now)
    }

    fn store(&self) -> MemoryStore {
        MemoryStore::builder()
            .with_max_sessions(4 * MILLION)
            .with_max_marks(4 * MILLION)
            .build()
    }

    /// A million sessions, each of its own customer.
    fn full(&self) -> MemoryStore {
        let store = self.store();
        for nth in 0..MILLION {
            let taken = now(store.register(self.session(nth, nth))).unwrap();
            assert_eq!(taken, Registration::Registered);
        }
        store
    }
}

/// Visits the sessions in an order the caches cannot guess.
fn scattered(nth: usize) -> usize {
    nth.wrapping_mul(7_368_787) % MILLION
}

fn bounds(_: &mut Criterion) {
    let made = Made::new();
    let mut full = None;
    let held = allocation_counter::measure(|| full = Some(made.full()));
    let store = full.unwrap();
    let bytes = held.bytes_current / MILLION as i64;
    println!("memory: {bytes} bytes a session at 1,000,000 (target 400)");
    assert!(bytes <= 400, "{bytes} bytes a session");

    let ids: Vec<_> = (0..100_000).map(|nth| made.id(scattered(nth))).collect();
    let counted = allocation_counter::measure(|| {
        for id in &ids {
            assert!(now(store.status(id)).unwrap().is_live());
        }
    });
    assert_eq!(counted.count_total, 0, "the guard allocates");

    let rate = |threads: usize| {
        let rounds = 5;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (store, ids) = (&store, &ids);
                scope.spawn(move || {
                    for nth in 0..rounds * ids.len() {
                        let id = &ids[(nth + thread * 50_000) % ids.len()];
                        assert!(now(store.status(black_box(id))).unwrap().is_live());
                    }
                });
            }
        });
        (threads * rounds * ids.len()) as f64 / begun.elapsed().as_secs_f64()
    };
    // The best of five each, in turns: a busy machine disturbs two threads more than one.
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for _ in 0..5 {
        (one, two) = (one.max(rate(1)), two.max(rate(2)));
    }
    println!(
        "threads: one {one:.0}/s, two {two:.0}/s, ratio {:.2} (target 1.7)",
        two / one
    );

    let held = allocation_counter::measure(|| {
        for nth in 0..MILLION {
            let request = made.by_sid(10 * MILLION + nth);
            assert!(now(store.terminate(&request)).unwrap().sessions.is_empty());
        }
    });
    let bytes = held.bytes_current / MILLION as i64;
    println!("memory: {bytes} bytes a mark at 1,000,000");
    assert_eq!(store.stats().marks, MILLION);

    // How long a session of a customer with 10,000 of them stays live after the logout began: asked by another thread.
    let customer = usize::MAX;
    let mut effective = Vec::new();
    let mut whole = Vec::new();
    for round in 0..11 {
        let first = 20 * MILLION + round * 10_000;
        for nth in first..first + 10_000 {
            let taken = now(store.register(made.session(nth, customer - round))).unwrap();
            assert_eq!(taken, Registration::Registered);
        }
        let (request, last) = (made.by_subject(customer - round), made.id(first + 9_999));
        let barrier = std::sync::Barrier::new(2);
        let (effect, all) = std::thread::scope(|scope| {
            let (store, request, last, barrier) = (&store, &request, &last, &barrier);
            let guard = scope.spawn(move || {
                barrier.wait();
                while now(store.status(last)).unwrap().is_live() {}
                Instant::now()
            });
            barrier.wait();
            let begun = Instant::now();
            let terminated = now(store.terminate(request)).unwrap();
            now(store.forget(request, &terminated)).unwrap();
            let all = begun.elapsed();
            assert_eq!(terminated.newly_ended, 10_000);
            (guard.join().unwrap().saturating_duration_since(begun), all)
        });
        effective.push(effect);
        whole.push(all);
    }
    effective.sort_unstable();
    whole.sort_unstable();
    println!(
        "logout of 10,000 sessions: effective after {:?} at best, median {:?} (target 20 µs); all done after {:?}, median {:?} (target 10 ms)",
        effective[0], effective[5], whole[0], whole[5]
    );
}

fn guard(c: &mut Criterion) {
    let made = Made::new();
    let store = made.full();
    let ids: Vec<_> = (0..100_000).map(|nth| made.id(scattered(nth))).collect();
    let unknown: Vec<_> = (0..100_000).map(|nth| made.id(5 * MILLION + nth)).collect();
    assert!(now(store.status(&ids[0])).unwrap().is_live());
    assert!(!now(store.status(&unknown[0])).unwrap().is_live());
    let mut nth = 0;
    c.bench_function("status/live_of_1m", |b| {
        b.iter(|| {
            nth = (nth + 1) % ids.len();
            now(store.status(black_box(&ids[nth])))
        })
    });
    c.bench_function("status/unknown_of_1m", |b| {
        b.iter(|| {
            nth = (nth + 1) % unknown.len();
            now(store.status(black_box(&unknown[nth])))
        })
    });
    let identities: Vec<_> = (0..10_000).map(|nth| made.identity(nth, nth)).collect();
    assert!(!now(store.is_logged_out(&identities[0])).unwrap());
    c.bench_function("is_logged_out/no_marks", |b| {
        b.iter(|| now(store.is_logged_out(black_box(&identities[0]))))
    });
    for nth in 0..MILLION {
        now(store.terminate(&made.by_sid(10 * MILLION + nth))).unwrap();
    }
    assert!(!now(store.is_logged_out(&identities[0])).unwrap());
    c.bench_function("is_logged_out/1m_marks", |b| {
        b.iter(|| {
            nth = (nth + 1) % identities.len();
            now(store.is_logged_out(black_box(&identities[nth])))
        })
    });
}

fn writes(c: &mut Criterion) {
    let made = Made::new();
    let store = made.full();
    let mut next = 100 * MILLION;
    let mut login = || {
        next += 1;
        (next, made.session(next, next))
    };
    let (nth, new) = login();
    kit::allocations("register/at_1m", 8, || {
        assert_eq!(now(store.register(new)).unwrap(), Registration::Registered);
    });
    let request = made.by_sid(nth);
    kit::allocations("terminate/by_sid", 8, || {
        let terminated = now(store.terminate(&request)).unwrap();
        assert_eq!(terminated.newly_ended, 1);
        now(store.forget(&request, &terminated)).unwrap();
    });
    c.bench_function("register/at_1m", |b| {
        b.iter_batched(
            &mut login,
            |(_, new)| assert_eq!(now(store.register(new)).unwrap(), Registration::Registered),
            BatchSize::SmallInput,
        )
    });
    c.bench_function("terminate/by_sid", |b| {
        b.iter_batched(
            || {
                let (nth, new) = login();
                assert_eq!(now(store.register(new)).unwrap(), Registration::Registered);
                made.by_sid(nth)
            },
            |request| {
                let terminated = now(store.terminate(&request)).unwrap();
                assert_eq!(terminated.newly_ended, 1);
                now(store.forget(&request, &terminated)).unwrap();
            },
            BatchSize::SmallInput,
        )
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bounds, guard, writes
}
criterion_main!(benches);
