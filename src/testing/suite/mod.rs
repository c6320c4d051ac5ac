//! A suite for stores: each claim is one promise of the session port, and any store author can run them all.
//!
//! ```
//! use tower_backchannel_logout::store::MemoryStore;
//! use tower_backchannel_logout::testing::suite;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let report = suite::run_all(async |clock| MemoryStore::builder().with_clock(clock).build()).await;
//! report.assert_holds();
//! # }
//! ```
//!
//! 1. Every claim gets a store of its own, fresh and empty, that takes its time from the given [`SuiteClock`] and has the default mark
//!    lifetime (10 minutes) and spread (5 seconds).
//! 2. A claim never panics: what it found is in the [`Report`].
//! 3. The race claims start both sides as tasks, in both orders and with every small lead. On the current-thread runtime that is
//!    deterministic; run the suite on the multi-thread runtime as well.
//! 4. A paused tokio clock saves waiting, but is not needed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Clock, UnixTime};
use crate::session::{
    LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, SessionIdentity,
    SessionRegistry, SessionStore, Terminated,
};
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

/// Fails the claim unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $claim:literal) => {
        if !$condition {
            return Err($crate::testing::suite::Broken::claim($claim));
        }
    };
}

/// Lists the claims of one file, for [`run_all`].
macro_rules! claims {
    ($run:ident: $($name:ident)*) => {
        pub(super) async fn $run<R: SessionRegistry, F: AsyncFn(SuiteClock) -> R>(
            new_store: &F,
            report: &mut Report,
        ) {
            $(
                let clock = SuiteClock::new();
                let store = new_store(clock.clone()).await;
                let world = World::new(store, clock);
                report.results.push((stringify!($name), $name(&world).await));
            )*
        }
    };
}

mod lifecycle;
mod logout;
mod marks;
mod races;
mod rotation;
mod saves;
mod watch;

pub use lifecycle::*;
pub use logout::*;
pub use marks::*;
pub use races::*;
pub use rotation::*;
pub use saves::*;
pub use watch::*;

/// The time of the suite: it moves only when a claim moves it.
#[derive(Clone, Debug)]
pub struct SuiteClock(Arc<AtomicI64>);

const START: i64 = 1_700_000_000;

impl SuiteClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    /// Moves the time to this many seconds after the start of the claim.
    pub(crate) fn set(&self, second: i64) {
        self.0.store(START.saturating_add(second), Ordering::SeqCst);
    }
}

impl Clock for SuiteClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Why a claim does not hold.
#[derive(Debug)]
pub struct Broken {
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Broken {
    pub(crate) const fn claim(what: &'static str) -> Self {
        Self { what, source: None }
    }

    fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            what: "the store failed",
            source: Some(Box::new(error)),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| &**error as _)
    }
}

/// What the suite found.
#[derive(Debug, Default)]
#[must_use = "a report nobody reads proves nothing"]
pub struct Report {
    pub(crate) results: Vec<(&'static str, Result<(), Broken>)>,
}

impl Report {
    /// How many claims were tried.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether nothing was tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// The claims that do not hold, and why.
    pub fn broken(&self) -> impl Iterator<Item = (&'static str, &Broken)> {
        self.results
            .iter()
            .filter_map(|(name, result)| Some((*name, result.as_ref().err()?)))
    }

    /// Passes if every claim holds.
    ///
    /// # Panics
    ///
    /// When one does not; the message names each.
    pub fn assert_holds(&self) {
        let broken: Vec<_> = self
            .broken()
            .map(|(name, why)| format!("{name}: {why} {:?}", why.source))
            .collect();
        assert!(broken.is_empty(), "broken claims: {broken:#?}");
        assert!(!self.is_empty(), "no claim was tried");
    }
}

/// Runs every claim over a store, each over a fresh one.
pub async fn run_all<R: SessionRegistry>(new_store: impl AsyncFn(SuiteClock) -> R) -> Report {
    let mut report = Report::default();
    run_lifecycle(&new_store, &mut report).await;
    run_logout(&new_store, &mut report).await;
    run_marks(&new_store, &mut report).await;
    run_saves(&new_store, &mut report).await;
    run_rotation(&new_store, &mut report).await;
    run_watch(&new_store, &mut report).await;
    run_races(&new_store, &mut report).await;
    report
}

/// The claim of a store with [`terminate`](SessionStore::terminate) alone: whatever is asked, it answers, again and again, and reports
/// no session that is not there. The store must be empty.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn an_empty_store_ends_nothing_and_succeeds<S: SessionStore>(
    store: &S,
) -> Result<(), Broken> {
    // BCL-144, BCL-146
    let requests = [
        by_subject("nobody", 0)?,
        by_sid("none", None, 0)?,
        by_sid("none", Some("nobody"), 0)?,
    ];
    for request in requests.iter().chain(&requests) {
        let terminated = store.terminate(request).await.map_err(Broken::store)?;
        ensure!(
            terminated.sessions.is_empty() && terminated.newly_ended == 0,
            "an empty store reported a session"
        );
        let forgotten = store.forget(request, &terminated).await;
        forgotten.map_err(Broken::store)?;
    }
    Ok(())
}

/// A store with its clock, and short ways to say what the claims say.
#[derive(Debug)]
pub struct World<R> {
    pub(crate) store: Arc<R>,
    pub(crate) clock: SuiteClock,
}

impl<R> Clone for World<R> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
        }
    }
}

impl<R: SessionRegistry> World<R> {
    /// A world of one claim: a fresh store that takes its time from this clock.
    #[must_use]
    pub fn new(store: R, clock: SuiteClock) -> Self {
        Self {
            store: Arc::new(store),
            clock,
        }
    }

    /// Whether a login was taken.
    pub(crate) async fn login(&self, new: NewSession) -> Result<bool, Broken> {
        let answer = self.store.register(new).await.map_err(Broken::store)?;
        Ok(answer == Registration::Registered)
    }

    /// A login that has to be taken.
    pub(crate) async fn begin(&self, new: NewSession) -> Result<(), Broken> {
        ensure!(self.login(new).await?, "a login was refused without reason");
        Ok(())
    }

    /// Whether a session is live, by the answer that is waited for and by the one at hand.
    pub(crate) async fn live(&self, name: &str) -> Result<bool, Broken> {
        let id = id(name)?;
        let status = self.store.status(&id).await.map_err(Broken::store)?;
        let at_hand = self.store.status_now(&id).map(|status| status.is_live());
        ensure!(
            status.is_live() || at_hand != Some(true),
            "the answer at hand is of before the end"
        );
        Ok(status.is_live() && at_hand != Some(false))
    }

    pub(crate) async fn end(&self, request: &LogoutRequest) -> Result<Terminated, Broken> {
        self.store.terminate(request).await.map_err(Broken::store)
    }

    /// The ids a logout reports, sorted.
    pub(crate) async fn ended(&self, request: &LogoutRequest) -> Result<Vec<String>, Broken> {
        let terminated = self.end(request).await?;
        let ids = terminated.sessions.iter();
        let mut ids: Vec<_> = ids.map(|ended| ended.id.as_str().to_owned()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    pub(crate) async fn forget(
        &self,
        request: &LogoutRequest,
        terminated: &Terminated,
    ) -> Result<(), Broken> {
        let forgotten = self.store.forget(request, terminated).await;
        forgotten.map_err(Broken::store)
    }

    pub(crate) async fn local_logout(&self, name: &str) -> Result<bool, Broken> {
        let ended = self.store.unregister(&id(name)?).await;
        ended.map_err(Broken::store)
    }

    pub(crate) async fn extend(&self, name: &str, until: i64) -> Result<bool, Broken> {
        let moved = self.store.extend(&id(name)?, at(until)).await;
        moved.map_err(Broken::store)
    }

    pub(crate) async fn rotate(&self, old: &str, new: &str) -> Result<bool, Broken> {
        let moved = self.store.rebind(&id(old)?, &id(new)?).await;
        Ok(moved.map_err(Broken::store)? == Rebinding::Rebound)
    }

    /// Whether a logout reaches an identity, by the answer that is waited for and by the one at hand.
    pub(crate) async fn gone(&self, identity: &SessionIdentity) -> Result<bool, Broken> {
        let gone = self.store.is_logged_out(identity).await;
        let gone = gone.map_err(Broken::store)?;
        let at_hand = self.store.is_logged_out_now(identity);
        ensure!(
            !gone || at_hand != Some(false),
            "the answer at hand is of before the logout"
        );
        Ok(gone || at_hand == Some(true))
    }
}

pub(crate) const fn at(second: i64) -> UnixTime {
    UnixTime::from_secs(START.saturating_add(second))
}

fn unfit(_: impl fmt::Debug) -> Broken {
    Broken::claim("the suite made an identifier that is none")
}

pub(crate) fn id(name: &str) -> Result<SessionId, Broken> {
    SessionId::parse(name).map_err(unfit)
}

pub(crate) fn identity_at(
    (issuer, client_id): (&str, &str),
    subject: &str,
    sid: Option<&str>,
    iat: Option<i64>,
) -> Result<SessionIdentity, Broken> {
    let mut identity = SessionIdentity::new(
        Issuer::parse(issuer).map_err(unfit)?,
        ClientId::parse(client_id).map_err(unfit)?,
        Subject::parse(subject).map_err(unfit)?,
    );
    if let Some(sid) = sid {
        identity = identity.with_sid(Sid::parse(sid).map_err(unfit)?);
    }
    if let Some(iat) = iat {
        identity = identity.with_id_token_iat(at(iat));
    }
    Ok(identity)
}

pub(crate) const HOME: (&str, &str) = ("https://op.example", "rp");

pub(crate) fn identity(
    subject: &str,
    sid: Option<&str>,
    iat: Option<i64>,
) -> Result<SessionIdentity, Broken> {
    identity_at(HOME, subject, sid, iat)
}

/// A session of an hour, begun with an ID Token of the given second.
pub(crate) fn session(
    name: &str,
    subject: &str,
    sid: Option<&str>,
    iat: i64,
) -> Result<NewSession, Broken> {
    let identity = identity(subject, sid, Some(iat))?;
    Ok(NewSession::new(id(name)?, identity, at(3600)))
}

pub(crate) fn request_at(
    (issuer, client_id): (&str, &str),
    subject: Option<&str>,
    sid: Option<&str>,
    cut_off: i64,
) -> Result<LogoutRequest, Broken> {
    let subject = subject.map(Subject::parse).transpose().map_err(unfit)?;
    let sid = sid.map(Sid::parse).transpose().map_err(unfit)?;
    let target = match (sid, subject) {
        (Some(sid), subject) => LogoutTarget::Session { sid, subject },
        (None, Some(subject)) => LogoutTarget::Subject(subject),
        (None, None) => return Err(unfit("a logout of nobody")),
    };
    Ok(LogoutRequest::new(
        Issuer::parse(issuer).map_err(unfit)?,
        ClientId::parse(client_id).map_err(unfit)?,
        target,
        at(cut_off),
        at(cut_off.saturating_add(360)),
    ))
}

pub(crate) fn by_subject(subject: &str, cut_off: i64) -> Result<LogoutRequest, Broken> {
    request_at(HOME, Some(subject), None, cut_off)
}

pub(crate) fn by_sid(
    sid: &str,
    subject: Option<&str>,
    cut_off: i64,
) -> Result<LogoutRequest, Broken> {
    request_at(HOME, subject, Some(sid), cut_off)
}
