//! Customers, sessions and logouts as the tests of every shared store have them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Registration, SessionIdentity, SessionRegistry,
    Terminated,
};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(now().as_secs())))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A number that the environment may set: how long a run is.
pub(crate) fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

pub(crate) fn now() -> UnixTime {
    SystemClock::default().now()
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse("shop").unwrap()
}

pub(crate) fn identity(subject: &str, sid: Option<&str>, iat: UnixTime) -> SessionIdentity {
    let subject = Subject::parse(subject).unwrap();
    let identity = SessionIdentity::new(issuer(), client_id(), subject).with_id_token_iat(iat);
    match sid {
        Some(sid) => identity.with_sid(Sid::parse(sid).unwrap()),
        None => identity,
    }
}

/// A session of a day, as of now.
pub(crate) fn session(name: &str, subject: &str, sid: Option<&str>, now: UnixTime) -> NewSession {
    let until = now.saturating_add(Duration::from_secs(86_400));
    NewSession::new(id(name), identity(subject, sid, now), until)
}

pub(crate) fn by_subject(subject: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_subject(issuer(), client_id(), Subject::parse(subject).unwrap(), now)
}

pub(crate) fn by_sid(sid: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_sid(issuer(), client_id(), Sid::parse(sid).unwrap(), now)
}

pub(crate) fn by_both(sid: &str, subject: &str, now: UnixTime) -> LogoutRequest {
    let target = LogoutTarget::Session {
        sid: Sid::parse(sid).unwrap(),
        subject: Some(Subject::parse(subject).unwrap()),
    };
    LogoutRequest::new(issuer(), client_id(), target, now, now)
}

pub(crate) async fn begin(store: &impl SessionRegistry, new: NewSession) {
    assert_eq!(store.register(new).await.unwrap(), Registration::Registered);
}

pub(crate) async fn is_live(store: &impl SessionRegistry, name: &str) -> bool {
    store.status(&id(name)).await.unwrap().is_live()
}

pub(crate) fn names(terminated: &Terminated) -> Vec<&str> {
    let mut names: Vec<_> = terminated
        .sessions
        .iter()
        .map(|ended| ended.id.as_str())
        .collect();
    names.sort_unstable();
    names
}
