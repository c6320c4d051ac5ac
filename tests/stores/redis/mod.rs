//! `RedisStore` on real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Registration, SessionIdentity, SessionRegistry,
    Terminated,
};
use tower_backchannel_logout::store::{
    RedisStore, RedisStoreBuilder, RedisStoreError, RedisStoreErrorKind,
};
use tower_backchannel_logout::testing::suite;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::services::redis::{Cluster, Server, ask, wait_for};

mod announcements;
mod building;
mod cluster;
mod failures;
mod power_cuts;
mod records;
mod round_trips;
mod suites;

/// A namespace nobody else has.
fn namespace() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(
            SystemClock::default().now().as_secs(),
        )))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn now() -> UnixTime {
    SystemClock::default().now()
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

fn client_id() -> ClientId {
    ClientId::parse("shop").unwrap()
}

fn identity(subject: &str, sid: Option<&str>, iat: UnixTime) -> SessionIdentity {
    let subject = Subject::parse(subject).unwrap();
    let identity = SessionIdentity::new(issuer(), client_id(), subject).with_id_token_iat(iat);
    match sid {
        Some(sid) => identity.with_sid(Sid::parse(sid).unwrap()),
        None => identity,
    }
}

/// A session of an hour, as of now.
fn session(name: &str, subject: &str, sid: Option<&str>, now: UnixTime) -> NewSession {
    let until = now.saturating_add(Duration::from_secs(3600));
    NewSession::new(id(name), identity(subject, sid, now), until)
}

fn by_subject(subject: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_subject(issuer(), client_id(), Subject::parse(subject).unwrap(), now)
}

fn by_sid(sid: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_sid(issuer(), client_id(), Sid::parse(sid).unwrap(), now)
}

fn by_both(sid: &str, subject: &str, now: UnixTime) -> LogoutRequest {
    let target = LogoutTarget::Session {
        sid: Sid::parse(sid).unwrap(),
        subject: Some(Subject::parse(subject).unwrap()),
    };
    LogoutRequest::new(issuer(), client_id(), target, now, now)
}

async fn begin(store: &RedisStore, new: NewSession) {
    assert_eq!(store.register(new).await.unwrap(), Registration::Registered);
}

async fn is_live(store: &RedisStore, name: &str) -> bool {
    store.status(&id(name)).await.unwrap().is_live()
}

fn names(terminated: &Terminated) -> Vec<&str> {
    let mut names: Vec<_> = terminated
        .sessions
        .iter()
        .map(|ended| ended.id.as_str())
        .collect();
    names.sort_unstable();
    names
}

fn kind<T: std::fmt::Debug>(answer: Result<T, RedisStoreError>) -> RedisStoreErrorKind {
    answer.unwrap_err().kind()
}
