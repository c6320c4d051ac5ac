//! The rules are written twice, in Rust and in SQL: whatever happens in whatever order, this store says what the memory store says.

use tower_backchannel_logout::session::SessionStatus;
use tower_backchannel_logout::store::MemoryStore;

use super::*;

/// A small generator, so that a failure can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const IDS: &[&str] = &["a", "b", "c", "d"];
const SUBJECTS: &[&str] = &["x", "y"];
const SIDS: &[&str] = &["s", "t"];

struct Both {
    tested: PostgresStore,
    oracle: MemoryStore,
    clock: Hand,
    dice: Dice,
}

impl Both {
    fn moment(&mut self) -> UnixTime {
        // Around the spread of 5 seconds and the lifetime of 600.
        let offset = [-601, -600, -300, -6, -5, -4, 0, 0, 0, 4, 5, 6, 300][self.dice.roll(13)];
        UnixTime::from_secs(self.clock.now().as_secs() + offset)
    }

    fn identity(&mut self) -> SessionIdentity {
        let (subject, sid) = (self.dice.pick(SUBJECTS), self.dice.pick(SIDS));
        let sid = (self.dice.roll(3) > 0).then_some(sid);
        if self.dice.roll(8) == 0 {
            let identity =
                SessionIdentity::new(issuer(), client_id(), Subject::parse(subject).unwrap());
            return match sid {
                Some(sid) => identity.with_sid(Sid::parse(sid).unwrap()),
                None => identity,
            };
        }
        let iat = self.moment();
        identity(subject, sid, iat)
    }

    fn request(&mut self) -> LogoutRequest {
        let (subject, sid) = (self.dice.pick(SUBJECTS), self.dice.pick(SIDS));
        let sid = Sid::parse(sid).unwrap();
        let subject = Subject::parse(subject).unwrap();
        let target = match self.dice.roll(3) {
            0 => LogoutTarget::Subject(subject),
            1 => LogoutTarget::Session { sid, subject: None },
            _ => LogoutTarget::Session {
                sid,
                subject: Some(subject),
            },
        };
        let cut_off = self.moment();
        let usable_until = cut_off.saturating_add(Duration::from_secs(360));
        LogoutRequest::new(issuer(), client_id(), target, cut_off, usable_until)
    }

    async fn step(&mut self) -> String {
        let (one, two) = (id(self.dice.pick(IDS)), id(self.dice.pick(IDS)));
        match self.dice.roll(10) {
            0..=2 => {
                let identity = self.identity();
                let end = self.moment().saturating_add(Duration::from_secs(700));
                let mut new = NewSession::new(one, identity, end);
                if self.dice.roll(6) == 0 {
                    new = new.dangerous_adopt_existing();
                }
                let told = self.tested.register(new.clone()).await.unwrap();
                let expected = self.oracle.register(new.clone()).await.unwrap();
                assert_eq!(told, expected, "{new:?} {:?}", new.id().as_str());
                format!("register {} {told:?}", new.id().as_str())
            }
            3 | 4 => {
                let request = self.request();
                let told = self.tested.terminate(&request).await.unwrap();
                let expected = self.oracle.terminate(&request).await.unwrap();
                assert_eq!(names(&told), names(&expected), "{request:?}");
                assert_eq!(told.newly_ended, expected.newly_ended, "{request:?}");
                let by_id = |terminated: &Terminated| {
                    let sessions = terminated.sessions.iter();
                    let mut all: Vec<_> = sessions
                        .map(|ended| (ended.id.as_str().to_owned(), ended.identity()))
                        .collect();
                    all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
                    all
                };
                assert_eq!(by_id(&told), by_id(&expected));
                if self.dice.roll(2) == 0 {
                    self.tested.forget(&request, &told).await.unwrap();
                    self.oracle.forget(&request, &expected).await.unwrap();
                }
                format!("terminate {:?}", names(&told))
            }
            5 => {
                let end = self.moment().saturating_add(Duration::from_secs(300));
                let told = self.tested.extend(&one, end).await.unwrap();
                assert_eq!(told, self.oracle.extend(&one, end).await.unwrap());
                format!("extend {} {told}", one.as_str())
            }
            6 => {
                let told = self.tested.rebind(&one, &two).await.unwrap();
                // An id that moved to this very one before is told so again; the memory store is never asked twice.
                let expected = self.oracle.rebind(&one, &two).await.unwrap();
                if told != expected {
                    assert_eq!((told, expected), (Rebinding::Rebound, Rebinding::NotLive));
                    assert!(self.tested.status(&two).await.unwrap().is_live());
                }
                format!("rebind {} {} {told:?}", one.as_str(), two.as_str())
            }
            7 => {
                let told = self.tested.unregister(&one).await.unwrap();
                assert_eq!(told, self.oracle.unregister(&one).await.unwrap());
                format!("unregister {} {told}", one.as_str())
            }
            8 => {
                let identity = self.identity();
                let told = self.tested.is_logged_out(&identity).await.unwrap();
                let expected = self.oracle.is_logged_out(&identity).await.unwrap();
                assert_eq!(told, expected, "{identity:?}");
                format!("is_logged_out {told}")
            }
            _ => {
                let seconds = [1, 5, 60, 299, 601][self.dice.roll(5)];
                self.clock.advance(seconds);
                format!("{seconds} seconds later")
            }
        }
    }

    async fn compare(&self) {
        for name in IDS {
            let told = self.tested.status(&id(name)).await.unwrap();
            let expected = self.oracle.status(&id(name)).await.unwrap();
            match (told, expected) {
                (SessionStatus::Live(told), SessionStatus::Live(expected)) => {
                    assert_eq!(told.identity(), expected.identity(), "{name}");
                    assert_eq!(told.expires_at(), expected.expires_at(), "{name}");
                }
                (told, expected) => {
                    assert_eq!(told.is_live(), expected.is_live(), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_rules_in_sql_are_those_in_rust() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = pool(&server);
    let rounds = std::env::var("BACKCHANNEL_MODEL_ROUNDS");
    let rounds = rounds.map_or(12, |rounds| rounds.parse().unwrap());
    for seed in 0..rounds {
        let clock = Hand::new();
        let (tested, _) = configured(&pool, |builder| builder.with_clock(clock.clone())).await;
        let oracle = MemoryStore::builder().with_clock(clock.clone()).build();
        let dice = Dice(seed);
        let mut both = Both {
            tested,
            oracle,
            clock,
            dice,
        };
        let mut steps = Vec::new();
        for _ in 0..120 {
            steps.push(both.step().await);
            eprintln!("seed {seed}: {}", steps[steps.len() - 1]);
            both.compare().await;
        }
    }
}
