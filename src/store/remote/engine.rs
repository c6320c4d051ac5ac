//! The port between what all shared stores do alike and one engine: Redis, PostgreSQL, SQLite.

use std::future::Future;

use super::Tag;
use crate::clock::UnixTime;
use crate::session::marks::MarkPolicy;
use crate::session::{
    LogoutRequest, NewSession, Rebinding, Registration, Session, SessionIdentity, Terminated,
};
use crate::types::SessionId;

/// What an engine knows of an id.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// Registered, not ended, not expired, and no mark selects it. The session says when it expires.
    Live(Session),
    /// The session lives on, or lived on, under this id.
    MovedTo(SessionId),
    /// Known to have ended.
    Ended,
    /// Nothing is known of it.
    Unknown,
}

/// What changed, for the other nodes: the tags of the ids, `sid`s and `sub`s whose sessions should be looked at again. A notice is a
/// hint: it may come twice, late, or for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) tags: Vec<Tag>,
}

impl Notice {
    /// What a logout announces: the tags of its [`keys`](crate::session::marks::keys), and for sessions without a `sid` that of
    /// their `sub` (they wait under the tag of [`MarkKey::Subject`](crate::session::marks::MarkKey::Subject)).
    pub(crate) fn of_logout(request: &LogoutRequest) -> Self {
        use crate::session::marks::MarkKey;
        let (issuer, client_id) = (request.issuer(), request.client_id());
        let sid = request.target().sid().map(|sid| MarkKey::Sid(sid.as_str()));
        let subject = request.target().subject();
        let subject = subject.map(|subject| MarkKey::Subject(subject.as_str()));
        let keys = [sid, subject].into_iter().flatten();
        Self {
            tags: keys.map(|key| Tag::key(issuer, client_id, key)).collect(),
        }
    }

    /// What a change of one id announces: a local logout, a moved end, a rotation.
    pub(crate) fn of_id(id: &SessionId) -> Self {
        Self {
            tags: vec![Tag::id(id)],
        }
    }

    /// For a channel or a table that takes text: the tags with a space between.
    pub(crate) fn to_text(&self) -> String {
        let tags: Vec<_> = self.tags.iter().map(|tag| tag.to_text()).collect();
        tags.join(" ")
    }

    /// Reads a notice; words that are no tags, of a later version, are passed over.
    pub(crate) fn from_text(text: &str) -> Self {
        Self {
            tags: text.split(' ').filter_map(Tag::from_text).collect(),
        }
    }
}

/// What was announced since the last look at the log of notices.
#[derive(Clone, Debug)]
pub(crate) struct News<C> {
    pub(crate) notices: Vec<Notice>,
    /// The log does not reach back to the last look: anything may have changed.
    pub(crate) incomplete: bool,
    /// Where the next look begins.
    pub(crate) cursor: C,
}

/// Keeps sessions and marks where several nodes see them.
///
/// 1. Every method is one atomic step with respect to every other, also on other nodes; the rules are those of
///    [`marks`](crate::session::marks).
/// 2. A change is announced in the same step: on a channel that [`listen`](Self::listen) hears, and in a bounded log that
///    [`news`](Self::news) reads, so that a node that missed the channel finds out.
/// 3. `now` is the only clock that decides; the engine's own may clean up, later than `now` would.
pub(crate) trait Engine: Send + Sync + 'static {
    type Error: std::error::Error + Send + Sync + 'static;
    /// A place in the log of notices.
    type Cursor: Clone + Send + Sync + 'static;
    type Listener: Listener<Error = Self::Error>;

    /// The times the algorithm depends on, as the engine uses them.
    fn policy(&self) -> &MarkPolicy;

    /// The marks first, then the sessions; see [`SessionStore::terminate`](crate::session::SessionStore::terminate).
    fn terminate(
        &self,
        request: &LogoutRequest,
        now: UnixTime,
    ) -> impl Future<Output = Result<Terminated, Self::Error>> + Send;

    /// See [`SessionStore::forget`](crate::session::SessionStore::forget). An empty list costs no round trip.
    fn forget(
        &self,
        request: &LogoutRequest,
        terminated: &Terminated,
        now: UnixTime,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    fn register(
        &self,
        session: &NewSession,
        now: UnixTime,
    ) -> impl Future<Output = Result<Registration, Self::Error>> + Send;

    /// The question of every request, in one round trip, the marks included: a logout is in effect with its marks.
    fn look(
        &self,
        id: &SessionId,
        now: UnixTime,
    ) -> impl Future<Output = Result<Look, Self::Error>> + Send;

    fn extend(
        &self,
        id: &SessionId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// The old id becomes a dead one that knows where its session went.
    fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> impl Future<Output = Result<Rebinding, Self::Error>> + Send;

    fn unregister(
        &self,
        id: &SessionId,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Whether a mark refuses this identity. Whether its ID Token is too old is not the question here.
    fn is_marked(
        &self,
        identity: &SessionIdentity,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// What was announced after this place; without one, nothing, and where the log ends now.
    fn news(
        &self,
        after: Option<&Self::Cursor>,
    ) -> impl Future<Output = Result<News<Self::Cursor>, Self::Error>> + Send;

    /// Begins to listen to the channel. `None` where the engine has none: then [`news`](Self::news) is all there is.
    fn listen(&self) -> impl Future<Output = Result<Option<Self::Listener>, Self::Error>> + Send;
}

/// The channel of an engine, as one node hears it.
pub(crate) trait Listener: Send + 'static {
    type Error: std::error::Error + Send + Sync + 'static;

    /// The next notice. After an error the listener is dropped and another one made.
    fn next(&mut self) -> impl Future<Output = Result<Notice, Self::Error>> + Send;
}
