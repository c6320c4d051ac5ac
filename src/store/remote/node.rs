//! What one node holds besides the engine: who waits here, and which notices were applied.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::feed::Feed;
use super::recent::Recent;
use super::{Engine, Look, Notice, RemoteOptions, Tag};
use crate::clock::{Clock, UnixTime};
use crate::event::hub::{Hub, Watch};
use crate::session::SessionIdentity;
use crate::session::marks::MarkKey;
use crate::types::{ClientId, Issuer, SessionId};

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
    pub(super) recent: Recent,
    pub(super) feed: Feed,
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
            options,
            hub: Arc::default(),
            recent: Recent::default(),
            feed: Feed::default(),
            looks: Semaphore::new(LOOKS_AT_ONCE),
        }
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Something changed, here or on another node: nobody relies on what was known before.
    pub(super) fn apply(&self, notice: &Notice) {
        self.recent.push(notice);
        for tag in &notice.tags {
            self.hub.wake(tag.short());
        }
    }

    /// Anything may have changed.
    pub(super) fn apply_all(&self) {
        self.recent.push_all();
        self.hub.wake_all();
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
