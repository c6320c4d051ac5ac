//! Millions of random operations: the memory store and the plain reference never differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, SessionIdentity,
    SessionRegistry, SessionStatus, SessionStore, Terminated,
};
use tower_backchannel_logout::store::{MemoryStats, MemoryStore};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::faults::reference::{Record, Reference};

#[derive(Clone)]
struct Now(Arc<AtomicI64>);

impl Clock for Now {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A small generator of numbers (splitmix64): the same seed gives the same run.
struct Dice {
    seed: u64,
    /// A `sid` belongs to one customer and an id to one client, as in life. Without room, a mark of a `sid` becomes one of its customer,
    /// and a dead id one of its client.
    as_in_life: bool,
}

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn id(&mut self) -> SessionId {
        SessionId::parse(format!("session {}", self.roll(12))).unwrap()
    }

    fn subject(&mut self) -> Subject {
        Subject::parse(format!("customer {}", self.roll(4))).unwrap()
    }

    /// The customer of a session, or of a logout that names both.
    fn subject_with(&mut self, sid: &Sid) -> Subject {
        let any = self.subject();
        match sid.as_str().strip_prefix("sid ") {
            Some(nth) if self.as_in_life => Subject::parse(format!("customer {nth}")).unwrap(),
            _ => any,
        }
    }

    fn sid(&mut self) -> Option<Sid> {
        let nth = self.roll(6);
        (nth > 1).then(|| Sid::parse(format!("sid {nth}")).unwrap())
    }

    fn scope(&mut self) -> (Issuer, ClientId) {
        let mut seldom = || usize::from(self.roll(6) == 0 && !self.as_in_life);
        let issuer = ["https://op.example", "https://op.example/"][seldom()];
        let client_id = ["rp", "rp 2"][seldom()];
        (
            Issuer::parse(issuer).unwrap(),
            ClientId::parse(client_id).unwrap(),
        )
    }

    /// A moment around now: mostly just before, seldom long ago or later.
    fn moment(&mut self, now: i64) -> UnixTime {
        let before = [20, 20, 20, 700][usize::try_from(self.roll(4)).unwrap()];
        UnixTime::from_secs(now + 8 - i64::try_from(self.roll(before)).unwrap())
    }

    fn identity(&mut self, now: i64) -> SessionIdentity {
        let (issuer, client_id) = self.scope();
        let sid = self.sid();
        let subject = match &sid {
            Some(sid) => self.subject_with(sid),
            None => self.subject(),
        };
        let mut identity = SessionIdentity::new(issuer, client_id, subject).with_sid(sid);
        if self.roll(10) > 0 {
            identity = identity.with_id_token_iat(self.moment(now));
        }
        identity
    }

    fn request(&mut self, now: i64) -> LogoutRequest {
        let (issuer, client_id) = self.scope();
        let target = match self.sid() {
            Some(sid) => {
                let subject = (self.roll(2) == 0).then(|| self.subject_with(&sid));
                LogoutTarget::Session { sid, subject }
            }
            None => LogoutTarget::Subject(self.subject()),
        };
        let cut_off = self.moment(now);
        let usable_until = UnixTime::from_secs(cut_off.as_secs() + 360);
        LogoutRequest::new(issuer, client_id, target, cut_off, usable_until)
    }
}

fn ids(terminated: &Terminated) -> Vec<String> {
    let sessions = terminated.sessions.iter();
    let mut ids: Vec<_> = sessions.map(|ended| ended.id.as_str().to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// How full the store may be before it folds: its largest numbers of sessions and of marks.
type Room = Option<(usize, usize)>;

/// Plays random operations on both; the first difference ends it. A store without room may refuse more logins than the reference, and
/// report less a second time; that is all it may do.
async fn play(operations: u64, seed: u64, room: Room) -> MemoryStats {
    let clock = Now(Arc::new(AtomicI64::new(1_700_000_000)));
    let store = MemoryStore::builder().with_clock(clock.clone());
    let store = match room {
        None => store,
        Some((sessions, marks)) => store.with_max_sessions(sessions).with_max_marks(marks),
    };
    let store = store.build();
    let mut model = Reference::default();
    let mut dice = Dice {
        seed,
        as_in_life: room.is_some(),
    };
    let mut reports: Vec<(LogoutRequest, Terminated, Vec<Record>)> = Vec::new();
    let mut counts = [0_u64; 2];
    for nth in 0..operations {
        let now = clock.now().as_secs();
        let (id, at) = (dice.id(), format!("operation {nth} of seed {seed}"));
        match dice.roll(100) {
            0..30 => {
                let identity = dice.identity(now);
                let until = UnixTime::from_secs(now + i64::try_from(dice.roll(200)).unwrap());
                let mut new = NewSession::new(id, identity, until);
                if dice.roll(10) == 0 {
                    new = new.dangerous_adopt_existing();
                }
                let may = model.may_register(&new, now);
                let taken = store.register(new.clone()).await == Ok(Registration::Registered);
                assert!(may || !taken, "a login got in, {at}");
                assert!(taken || !may || room.is_some(), "register, {at}");
                if taken {
                    model.insert(&new);
                }
                counts[usize::from(taken)] += 1;
            }
            30..40 => {
                let request = dice.request(now);
                model.write_marks(&request, now);
                let (records, newly_ended) = model.end(&request, now);
                let mut expected: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
                expected.sort_unstable();
                let terminated = store.terminate(&request).await.unwrap();
                assert_eq!(terminated.newly_ended, newly_ended, "terminate, {at}");
                let mut reported = ids(&terminated);
                if room.is_some() {
                    expected.retain(|id| reported.contains(id));
                    reported.dedup();
                    expected.dedup();
                }
                assert_eq!(reported, expected, "terminate, {at}");
                reports.push((request, terminated, records));
            }
            40..45 if !reports.is_empty() => {
                let which = usize::try_from(dice.roll(reports.len() as u64)).unwrap();
                let (request, terminated, records) = reports.swap_remove(which);
                model.forget_records(&records);
                store.forget(&request, &terminated).await.unwrap();
                reports.truncate(20);
            }
            45..60 => {
                let live = model.is_live(&id, now);
                let status = store.status(&id).await.unwrap();
                let found = match status {
                    SessionStatus::Live(session) => Some(session.identity()),
                    _ => None,
                };
                assert_eq!(found, live, "status, {at}");
            }
            60..68 => {
                let until = now + i64::try_from(dice.roll(300)).unwrap();
                let moved = store.extend(&id, UnixTime::from_secs(until)).await.unwrap();
                assert_eq!(moved, model.extend(&id, until, now), "extend, {at}");
            }
            68..78 => {
                let new = dice.id();
                let expected = if new == id {
                    model.is_live(&id, now).is_some()
                } else {
                    let taken = model.take(&id, now);
                    taken.map(|record| model.put(record, &new)).is_some()
                };
                let answer = store.rebind(&id, &new).await.unwrap();
                assert_eq!(answer == Rebinding::Rebound, expected, "rebind, {at}");
            }
            78..83 => {
                let ended = store.unregister(&id).await.unwrap();
                assert_eq!(ended, model.unregister(&id, now), "unregister, {at}");
            }
            83..95 => {
                let identity = dice.identity(now);
                let gone = store.is_logged_out(&identity).await.unwrap();
                let expected = model.is_logged_out(&identity, now);
                assert!(gone || !expected, "a logout was forgotten, {at}");
                assert!(expected || !gone || room.is_some(), "is_logged_out, {at}");
            }
            _ => {
                let later = [1, 1, 5, 30, 700][usize::try_from(dice.roll(5)).unwrap()];
                clock.0.fetch_add(later, Ordering::Relaxed);
            }
        }
    }
    // Both answers came up often, or the run would prove little.
    let often = operations / if room.is_some() { 1000 } else { 50 };
    assert!(counts.iter().all(|count| *count > often), "{counts:?}");
    store.stats()
}

/// `SOAK_OPERATIONS=10000000 cargo test --release --test it soak` for the long run, `SOAK_SEED=4` for others than the first seeds.
fn size_and_seed() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).map(|count| count.parse().unwrap());
    (
        number("SOAK_OPERATIONS").unwrap_or(200_000),
        number("SOAK_SEED").unwrap_or(0),
    )
}

#[tokio::test]
async fn random_operations_show_no_difference_to_the_reference() {
    let (operations, first) = size_and_seed();
    for seed in first..first + 4 {
        let stats = play(operations / 4, seed, None).await;
        assert_eq!(stats.folded_marks, 0);
    }
}

#[tokio::test]
async fn a_store_without_room_never_lets_in_what_the_reference_refuses() {
    // Promise 8: overflow logs out more, never less.
    let (operations, first) = size_and_seed();
    let rooms = [(12, 0), (12, 2), (6, 1_000), (6, 3)];
    for (seed, room) in (first..).zip(rooms) {
        let stats = play(operations / 4, seed, Some(room)).await;
        assert!(room.1 == 1_000 || stats.folded_marks > 0, "{stats:?}");
        assert!(stats.dead_ids <= room.0, "{stats:?}");
    }
}
