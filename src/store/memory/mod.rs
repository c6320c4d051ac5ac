//! Sessions in the memory of one process.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, UnixTime};
use crate::session::marks::MarkPolicy;
use crate::session::{
    LogoutRequest, NewSession, Rebinding, Registration, SessionIdentity, SessionRegistry,
    SessionStatus, SessionStore, Terminated,
};
use crate::types::SessionId;

mod engine;
mod ids;
mod mark_table;
mod names;
mod pending;
mod prints;
mod register;
mod scopes;
mod terminate;
mod watch;

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

use engine::Engine;

const DEFAULT_MAX: usize = 1_000_000;

/// A [`SessionRegistry`] in memory, for one process: nothing outlives it, and other nodes know nothing of it. Cheap to clone; clones
/// share the sessions.
///
/// 1. No lock covers the whole store; the question of each request takes one shared lock of one part in 64.
/// 2. Everything expires by itself, a little with each write. There is no background task.
/// 3. Everything is bounded. At `max_sessions` logins fail with [`MemoryStoreError::Full`]; at `max_marks` marks are folded into
///    coarser ones, with a warning: more is refused then, never less.
///
/// ```
/// use tower_backchannel_logout::session::{NewSession, Registration, SessionIdentity, SessionRegistry};
/// use tower_backchannel_logout::store::MemoryStore;
/// use tower_backchannel_logout::clock::{Clock, SystemClock};
/// use tower_backchannel_logout::{ClientId, Issuer, SessionId, Subject};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let identity = SessionIdentity::new(
///     Issuer::parse("https://op.example")?,
///     ClientId::parse("shop")?,
///     Subject::parse("customer-1")?,
/// );
/// let in_an_hour = SystemClock::default().now().saturating_add(std::time::Duration::from_secs(3600));
/// let session = NewSession::new(SessionId::parse("from the cookie")?, identity, in_an_hour);
/// if store.register(session).await? == Registration::AlreadyLoggedOut {
///     // Do not sign the customer in: start the login again.
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Engine>);

/// Configures a [`MemoryStore`].
#[derive(Clone)]
#[must_use = "nothing is built before `build`"]
pub struct MemoryStoreBuilder {
    clock: Arc<dyn Clock>,
    policy: MarkPolicy,
    max_sessions: usize,
    max_marks: usize,
}

/// What a [`MemoryStore`] cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryStoreError {
    /// It holds as many sessions as it may; the login cannot be recorded and must not be taken.
    #[error("the session store is full; raise with_max_sessions or let sessions expire sooner")]
    Full,
}

/// How full a [`MemoryStore`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Live sessions, with some that expired and were not met since.
    pub live_sessions: usize,
    /// Ids that ended and are remembered.
    pub dead_ids: usize,
    /// Marks.
    pub marks: usize,
    /// Marks that were folded into coarser ones since the start, because there were too many.
    pub folded_marks: u64,
}

impl MemoryStore {
    /// A store with the defaults, see [`MemoryStoreBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins to configure a store.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder {
            clock: Arc::new(SystemClock),
            policy: MarkPolicy::default(),
            max_sessions: DEFAULT_MAX,
            max_marks: DEFAULT_MAX,
        }
    }

    /// How full it is, for metrics.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        let count = |counter: i64| usize::try_from(counter).unwrap_or_default();
        MemoryStats {
            live_sessions: count(self.0.live.load(Ordering::Relaxed)),
            dead_ids: count(self.0.dead.load(Ordering::Relaxed)),
            marks: self.0.marks.len(),
            folded_marks: self.0.marks.folded(),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStoreBuilder {
    /// Where the time comes from. Default [`SystemClock`].
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a mark lives. Default 10 minutes, the time a login may take. For stateless sessions, which are known by the marks alone,
    /// their longest lifetime: with less, a session that was logged out lives again.
    pub fn with_mark_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy = self.policy.with_lifetime(lifetime);
        self
    }

    /// How far two clocks of one OP may be apart. Default 5 seconds. More ends sessions that began right after a logout.
    pub fn with_spread(mut self, spread: Duration) -> Self {
        self.policy = self.policy.with_spread(spread);
        self
    }

    /// The largest number of live sessions. Default 1,000,000, at most some 400 MB. Beyond it, logins fail. As many ids that ended are
    /// remembered; beyond it the oldest are folded into coarser marks.
    pub fn with_max_sessions(mut self, max: usize) -> Self {
        self.max_sessions = max;
        self
    }

    /// The largest number of marks. Default 1,000,000, some 120 MB. Beyond it, the oldest are folded into coarser ones.
    pub fn with_max_marks(mut self, max: usize) -> Self {
        self.max_marks = max;
        self
    }

    /// Makes the store.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore(Arc::new(Engine::new(self)))
    }
}

impl SessionStore for MemoryStore {
    type Error = MemoryStoreError;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, MemoryStoreError> {
        Ok(self.0.terminate(request))
    }

    async fn forget(
        &self,
        _request: &LogoutRequest,
        terminated: &Terminated,
    ) -> Result<(), MemoryStoreError> {
        self.0.forget(terminated);
        Ok(())
    }
}

impl SessionRegistry for MemoryStore {
    async fn register(&self, session: NewSession) -> Result<Registration, MemoryStoreError> {
        self.0.register(&session)
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, MemoryStoreError> {
        Ok(self.0.status(id))
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        Some(self.0.status(id))
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, MemoryStoreError> {
        Ok(self.0.extend(id, expires_at))
    }

    async fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
    ) -> Result<Rebinding, MemoryStoreError> {
        Ok(self.0.rebind(old, new))
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, MemoryStoreError> {
        Ok(self.0.unregister(id))
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, MemoryStoreError> {
        Ok(self.0.is_logged_out(identity))
    }

    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        Some(self.0.is_logged_out(identity))
    }

    /// Needs a tokio runtime with time enabled. An expiry is noticed within a second.
    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        let cell = self.0.find_cell(id);
        watch::ended(Arc::clone(&self.0), cell)
    }

    /// Needs a tokio runtime with time enabled.
    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch::identity_ended(Arc::clone(&self.0), identity.clone())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryStore").field(&self.stats()).finish()
    }
}

impl fmt::Debug for MemoryStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStoreBuilder")
            .field("policy", &self.policy)
            .field("max_sessions", &self.max_sessions)
            .field("max_marks", &self.max_marks)
            .finish_non_exhaustive()
    }
}

/// A place between two steps, where the race tests decide who goes on.
#[cfg(not(test))]
#[inline(always)]
const fn step(_at: &'static str) {}

#[cfg(test)]
use races::step;
