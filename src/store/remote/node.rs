//! What one node holds besides the engine: who waits here, and which notices were applied.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::copy::{LocalCopy, Stamp, Tags};
use super::feed::Feed;
use super::recent::{Moment, Recent};
use super::{Engine, Look, Notice, RemoteOptions, Tag};
use crate::clock::{Clock, UnixTime};
use crate::event::hub::{Hub, Watch};
use crate::session::marks::MarkKey;
use crate::session::{Session, SessionIdentity};
use crate::types::{ClientId, Issuer, SessionId, Sid};

/// How many connections of one node ask the store at one time: when many wake together, requests still get through.
const LOOKS_AT_ONCE: usize = 64;

/// How long one look for a connection may take.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Node<E> {
    pub(super) engine: Arc<E>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RemoteOptions,
    /// Connections that wait, by the tags of their id, `sid` and `sub`.
    pub(super) hub: Arc<Hub>,
    /// Those that have not looked yet, by their id alone: woken when another session is about to get it, and for nothing else.
    takings: Arc<Hub>,
    pub(super) recent: Recent,
    pub(super) feed: Feed,
    pub(super) copy: Option<LocalCopy>,
    looks: Semaphore,
}

/// A question that got no answer; the reason was logged.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl<E: Engine> Node<E> {
    pub(super) fn new(engine: E, options: RemoteOptions) -> Self {
        Self {
            engine: Arc::new(engine),
            clock: Arc::clone(&options.clock),
            copy: options
                .local_copy
                .map(|max| LocalCopy::new(max, options.staleness)),
            options,
            hub: Arc::default(),
            takings: Arc::default(),
            recent: Recent::default(),
            feed: Feed::default(),
            looks: Semaphore::new(LOOKS_AT_ONCE),
        }
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Something changed, here or on another node: nobody relies on what was known before.
    pub(super) fn apply(&self, notice: &Notice) -> Moment {
        let moment = self.recent.push(notice);
        if let Some(copy) = &self.copy {
            copy.void(notice);
        }
        for tag in &notice.tags {
            self.hub.wake(tag.short());
        }
        moment
    }

    /// Anything may have changed.
    pub(super) fn apply_all(&self) {
        self.recent.push_all();
        if let Some(copy) = &self.copy {
            copy.void_all();
        }
        self.hub.wake_all();
    }

    /// Keeps what the store answered to a question asked at that moment, unless a notice for these names came since (but for the own
    /// one): it may be about something that happened after the store answered.
    pub(super) fn keep(
        &self,
        tags: impl FnOnce() -> Tags,
        asked: Moment,
        own: Option<Moment>,
        keep: impl FnOnce(&LocalCopy, Stamp),
    ) {
        let Some(copy) = &self.copy else { return };
        let tags = tags();
        // The versions first: a notice that comes after the check changes them, and what is kept is void.
        let stamp = copy.stamp(&tags);
        if !self.recent.concerns(&tags, asked, own) {
            keep(copy, stamp);
        }
    }

    /// A live session, as far as this node knows it well enough by itself.
    pub(super) fn copied(&self, id: &SessionId) -> Option<Session> {
        self.copy.as_ref()?.session(id, self.now())
    }

    pub(super) fn watch(&self, tag: Tag) -> Watch {
        self.hub.watch(tag.short())
    }

    /// Under this key the watches that exist are told of a rotation before it happens.
    pub(super) fn watch_rotation(&self, id: &SessionId) -> Watch {
        self.hub.watch(rotation_key(id))
    }

    /// A rotation through this node is about to happen.
    pub(super) fn announce_rotation(&self, old: &SessionId) {
        self.hub.wake(rotation_key(old));
    }

    pub(super) fn watch_taking(&self, id: &SessionId) -> Watch {
        self.takings.watch(Tag::id(id).short())
    }

    /// A session is about to get this id through this node, by a login or a rotation.
    pub(super) fn announce_taking(&self, id: &SessionId) {
        self.takings.wake(Tag::id(id).short());
    }

    /// A look for a connection that waits.
    pub(super) async fn look(&self, id: &SessionId) -> Result<Look, NoAnswer> {
        self.ask(async { self.engine.look(id, self.now()).await })
            .await
    }

    pub(super) async fn ask_if_marked(&self, identity: &SessionIdentity) -> Result<bool, NoAnswer> {
        self.ask(async { self.engine.is_marked(identity, self.now()).await })
            .await
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, E::Error>>,
    ) -> Result<T, NoAnswer> {
        let _permit = self.looks.acquire().await.map_err(|_| NoAnswer)?;
        match timeout(LOOK_LIMIT, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::trace!(error = %error, "the session store failed");
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }
}

/// The names of a session, for the local copy.
pub(super) fn session_tags(id: &SessionId, session: &Session) -> Tags {
    let (subject, sid) = name_tags(
        session.issuer(),
        session.client_id(),
        session.subject(),
        session.sid(),
    );
    [Tag::id(id), subject, sid.unwrap_or(subject)]
}

/// The names of a stateless identity, for the local copy.
pub(super) fn identity_tags(identity: &SessionIdentity) -> Tags {
    let (subject, sid) = name_tags(
        identity.issuer(),
        identity.client_id(),
        identity.subject().as_str(),
        identity.sid().map(Sid::as_str),
    );
    [subject, subject, sid.unwrap_or(subject)]
}

fn rotation_key(id: &SessionId) -> u64 {
    !Tag::id(id).short()
}

/// The tags under which a logout reaches a session: of its `sub`, and of its `sid` if it has one.
pub(super) fn name_tags(
    issuer: &Issuer,
    client_id: &ClientId,
    subject: &str,
    sid: Option<&str>,
) -> (Tag, Option<Tag>) {
    let tag = |key| Tag::key(issuer, client_id, key);
    (
        tag(MarkKey::Subject(subject)),
        sid.map(|sid| tag(MarkKey::Sid(sid))),
    )
}
