//! The traits a store implements, and what they answer.

use std::borrow::Borrow;
use std::error::Error;
use std::future::Future;

use super::{LogoutRequest, NewSession, Session, SessionIdentity};
use crate::clock::UnixTime;
use crate::types::SessionId;

/// A session that a logout ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedSession {
    /// The RP's own key of the session.
    pub id: SessionId,
    /// Whose session it was, if the store knows.
    pub session: Option<Session>,
}

impl EndedSession {
    /// A session that ended, by its key.
    #[must_use]
    pub const fn new(id: SessionId) -> Self {
        Self { id, session: None }
    }

    /// Adds whose session it was.
    #[must_use]
    pub fn with_session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// Adds whose session it was.
    #[must_use]
    pub fn with_identity(self, identity: impl Borrow<SessionIdentity>) -> Self {
        self.with_session(Session::new(identity))
    }

    /// Whose session it was, as a value of its own.
    #[must_use]
    pub fn identity(&self) -> Option<SessionIdentity> {
        self.session.as_ref().map(Session::identity)
    }
}

/// What [`SessionStore::terminate`] ended.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Terminated {
    /// Every session the request reached and that was not yet [forgotten](SessionStore::forget), also those that an
    /// earlier delivery of the same request ended.
    pub sessions: Vec<EndedSession>,
    /// How many of them were live until now.
    pub newly_ended: usize,
}

impl Terminated {
    /// Sessions that all were live until now.
    #[must_use]
    pub const fn new(sessions: Vec<EndedSession>) -> Self {
        let newly_ended = sessions.len();
        Self {
            sessions,
            newly_ended,
        }
    }
}

/// The pluggable port: ends the sessions a verified Logout Token names (BCL 2.7).
///
/// # Cancel safety
///
/// The future may be dropped at any point; the request is then repeated by the OP. What it ended stays ended.
pub trait SessionStore: Send + Sync + 'static {
    /// What can go wrong in this store; kept as the source of the error the endpoint logs.
    type Error: Error + Send + Sync + 'static;

    /// Ends every session the request names, and answers only when that is as durable as the store is (spec BCL-145).
    ///
    /// Ending twice, or ending none, is success (spec BCL-144, 146). Until [`forget`](Self::forget) is called for them,
    /// a repetition reports the same sessions again, so that a failed hook can be repeated.
    ///
    /// # Errors
    ///
    /// When a session may still be live. The OP is then asked to repeat the request (spec BCL-147).
    fn terminate(
        &self,
        request: &LogoutRequest,
    ) -> impl Future<Output = Result<Terminated, Self::Error>> + Send;

    /// Called once everything that had to follow the logout is done: records kept only to be reported again may go. It
    /// must not weaken the mark. The default does nothing.
    ///
    /// # Errors
    ///
    /// An error here is logged and changes nothing: the sessions are ended.
    fn forget(
        &self,
        request: &LogoutRequest,
        terminated: &Terminated,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = (request, terminated);
        async { Ok(()) }
    }
}

/// What [`SessionRegistry::register`] answers. Callers must look: a refused session is not signed in.
#[must_use = "a login that is already logged out must be refused"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a login is either taken or refused"
)]
pub enum Registration {
    /// The session is live.
    Registered,
    /// A logout that reaches this session came first (spec BCL-149). Do not sign the customer in: start the login again.
    AlreadyLoggedOut,
}

/// What [`SessionRegistry::status`] answers.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a session is live, ended or unknown"
)]
pub enum SessionStatus {
    /// Registered, not ended, not expired.
    Live(Session),
    /// Known to have ended. A store may answer `Unknown` instead once it has cleaned up.
    Ended,
    /// Never registered, or over so long ago that nothing of it is left.
    Unknown,
}

impl SessionStatus {
    /// Whether the session is live.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }
}

/// What [`SessionRegistry::rebind`] answers. Callers must look: when the session is not live, neither is its new id.
#[must_use = "a session that ended meanwhile has no new id"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a session is moved or is not live")]
pub enum Rebinding {
    /// The session is live under the new id, and the old one is dead.
    Rebound,
    /// There is no live session under the old id; the new one is not live either.
    NotLive,
}

/// The richer port: a store that knows the live sessions.
///
/// Every method is atomic with respect to [`terminate`](SessionStore::terminate): whichever order the two arrive in, a
/// session that the logout reaches ends up ended.
pub trait SessionRegistry: SessionStore {
    /// Records a session at login, unless a logout that reaches it came first, or its ID Token is so old that a logout could
    /// have been forgotten since (see [`NewSession::dangerous_adopt_existing`]).
    ///
    /// A session that is live under the same id is replaced, unless its ID Token is later. An id that ended takes no login with the
    /// ID Token it ended with, or an older one. So a late save brings nothing back.
    ///
    /// # Errors
    ///
    /// When the store cannot answer; the customer must then not be signed in.
    fn register(
        &self,
        session: NewSession,
    ) -> impl Future<Output = Result<Registration, Self::Error>> + Send;

    /// Whether a session is live: the question of every request.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    fn status(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<SessionStatus, Self::Error>> + Send;

    /// The answer of [`status`](Self::status) if the store has it at hand; `None` if it would have to wait. Asked first
    /// on each request, so that a store in memory, or one with a fresh local copy, costs neither a future nor a timer.
    /// The default is `None`.
    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        let _ = id;
        None
    }

    /// Moves the end of a live session; `false` when it is not live. Never brings an ended session back.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    fn extend(
        &self,
        id: &SessionId,
        expires_at: UnixTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Moves a live session to a new id in one step (session-id rotation after login).
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
    ) -> impl Future<Output = Result<Rebinding, Self::Error>> + Send;

    /// The local logout of one session; `false` when it was not live. A request in flight cannot register the id again with the
    /// ID Token of this session; a later login can.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    fn unregister(&self, id: &SessionId) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Whether a logout reaches a session of this identity: the question of stateless applications, answered from the
    /// marks alone.
    ///
    /// An identity whose `iat` is further back than marks live is logged out too: the mark that ended it may be gone. So the
    /// lifetime of marks has to be the longest lifetime of a stateless session. One without `iat` is reached by every mark
    /// of its `sub` or `sid` for as long as the mark lives, and by none after that: keep the `iat`.
    ///
    /// # Errors
    ///
    /// When the store cannot answer.
    fn is_logged_out(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// The answer of [`is_logged_out`](Self::is_logged_out) if the store has it at hand, as in
    /// [`status_now`](Self::status_now). The default is `None`.
    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        let _ = identity;
        None
    }

    /// Resolves when the session is no longer live: logged out, locally or by the OP, or expired. At once when it is
    /// not live now. It follows the session through [`rebind`](Self::rebind).
    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static;

    /// Resolves when a logout reaches a session of this identity, for connections of stateless applications.
    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static;
}
