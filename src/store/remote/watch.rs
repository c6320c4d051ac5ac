//! Waiting for the end of a session that other nodes may end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::backoff::Backoff;
use super::node::{Node, name_tags};
use super::{Engine, Look, Tag};
use crate::clock::UnixTime;
use crate::event::hub::Watch;
use crate::session::{Session, SessionIdentity};
use crate::types::{SessionId, Sid};

/// The longest time without a look at the clock: a clock that was set forward is noticed after it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long past its end, as far as it is known, a session counts as live while the store does not answer.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How many rotations are followed without a pause.
const HOPS: u32 = 16;

/// The pauses after a look without an answer. They may be long: whoever waits is woken when the store is back.
const fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(30))
}

/// One connection that waits for the end of one session.
struct Waiting<E> {
    node: Arc<Node<E>>,
    id: SessionId,
    watches: Vec<Watch>,
    /// Until the session was seen.
    unseen: Option<Unseen>,
    /// The session as it was seen last.
    known: Option<Session>,
}

/// What happened here to the id since the call, while nobody has seen the session yet.
struct Unseen {
    /// A rotation away from it began.
    rotated: Watch,
    /// Another session was about to get it.
    taken: Watch,
}

/// Resolves when the session is not live any more. It counts from the call, not from the first poll.
pub(super) fn ended<E: Engine>(
    node: Arc<Node<E>>,
    id: &SessionId,
) -> impl Future<Output = ()> + Send + 'static {
    // Subscribed first, looked at second: no end is missed.
    let waiting = Waiting {
        watches: vec![node.watch(Tag::id(id))],
        unseen: Some(Unseen {
            rotated: node.watch_rotation(id),
            taken: node.watch_taking(id),
        }),
        id: id.clone(),
        known: None,
        node,
    };
    Node::keep_fed(&waiting.node);
    waiting.until_ended()
}

impl<E: Engine> Waiting<E> {
    async fn until_ended(mut self) {
        // The call may have been made outside of a runtime.
        Node::keep_fed(&self.node);
        let mut pauses = pauses();
        let mut hops = 0_u32;
        // The guard has just asked: where there is a local copy, nothing has to be asked again.
        let before = self.node.recent.moment();
        if let Some(session) = self.node.copied(&self.id)
            && self.goes_on(session).await
            && !self.watch_names(before)
        {
            self.rest().await;
        }
        loop {
            drain(&mut self.watches).await;
            let before = self.node.recent.moment();
            match self.node.look(&self.id).await {
                Ok(Look::Live(session)) => {
                    pauses.reset();
                    hops = 0;
                    let names_missing = self.known.is_none();
                    if !self.goes_on(session).await {
                        return;
                    }
                    // A logout that was announced after the look and before this is looked for again.
                    if names_missing && self.watch_names(before) {
                        continue;
                    }
                    self.rest().await;
                }
                Ok(Look::MovedTo(id)) => {
                    if !self.follows().await {
                        return;
                    }
                    self.move_to(id);
                    hops = hops.saturating_add(1);
                    if hops.is_multiple_of(HOPS) {
                        pause(&mut self.watches, pauses.pause()).await;
                    }
                }
                Ok(Look::Ended | Look::Unknown) => return,
                Err(_) if self.is_long_over() => return,
                Err(_) => {
                    pause(&mut self.watches, pauses.pause()).await;
                }
            }
        }
    }

    /// Whether a live session under the id is still the one that is waited for.
    async fn goes_on(&mut self, found: Session) -> bool {
        let same = match (&self.known, &mut self.unseen) {
            (Some(known), _) => is_same(known, &found),
            // It may be either: of two that cannot be told apart, the connection is taken from the first one.
            (None, Some(unseen)) => !is_ready(pin!(unseen.taken.woken())).await,
            (None, None) => true,
        };
        self.known = Some(found);
        self.unseen = None;
        same
    }

    /// Waits under the names of the session too; whether a notice for them came since that moment.
    fn watch_names(&mut self, before: super::recent::Moment) -> bool {
        let Some(session) = &self.known else {
            return false;
        };
        let (subject, sid) = name_tags(
            session.issuer(),
            session.client_id(),
            session.subject(),
            session.sid(),
        );
        let tags: Vec<_> = [Some(subject), sid].into_iter().flatten().collect();
        self.watches
            .extend(tags.iter().map(|tag| self.node.watch(*tag)));
        self.node.recent.concerns(&tags, before, None)
    }

    /// Waits for a reason to look again: a wake-up, or the end of the session as it was seen last.
    async fn rest(&mut self) {
        loop {
            let now = self.node.now();
            let end = self.end();
            if end <= now || pause(&mut self.watches, until(end, now)).await {
                return;
            }
        }
    }

    fn end(&self) -> UnixTime {
        let end = self.known.as_ref().and_then(Session::expires_at);
        end.unwrap_or(UnixTime::from_secs(i64::MAX))
    }

    /// Over as far as is known, and the store does not say otherwise.
    fn is_long_over(&self) -> bool {
        self.end().saturating_add(GRACE) <= self.node.now()
    }

    /// Whether the session is followed to its new id. Of an id that was moved before the call, nothing is left to wait for.
    async fn follows(&mut self) -> bool {
        match &mut self.unseen {
            None => true,
            Some(unseen) => is_ready(pin!(unseen.rotated.woken())).await,
        }
    }

    fn move_to(&mut self, id: SessionId) {
        self.unseen = None;
        if let Some(watch) = self.watches.first_mut() {
            *watch = self.node.watch(Tag::id(&id));
        }
        self.id = id;
    }
}

/// An id that was given to another login names another session.
fn is_same(known: &Session, found: &Session) -> bool {
    known.issuer() == found.issuer()
        && known.client_id() == found.client_id()
        && known.subject() == found.subject()
        && known.sid() == found.sid()
        && known.id_token_iat() == found.id_token_iat()
}

/// Resolves when a logout reaches the identity. It counts from the call, not from the first poll.
pub(super) fn identity_ended<E: Engine>(
    node: Arc<Node<E>>,
    identity: SessionIdentity,
) -> impl Future<Output = ()> + Send + 'static {
    let (subject, sid) = name_tags(
        identity.issuer(),
        identity.client_id(),
        identity.subject().as_str(),
        identity.sid().map(Sid::as_str),
    );
    let tags = [Some(subject), sid].into_iter().flatten();
    let watches: Vec<_> = tags.map(|tag| node.watch(tag)).collect();
    Node::keep_fed(&node);
    until_identity_ended(node, identity, watches)
}

async fn until_identity_ended<E: Engine>(
    node: Arc<Node<E>>,
    identity: SessionIdentity,
    mut watches: Vec<Watch>,
) {
    Node::keep_fed(&node);
    let mut pauses = pauses();
    let is_too_old = || {
        let policy = node.engine.policy();
        policy.is_too_old(identity.id_token_iat(), node.now())
    };
    while !is_too_old() {
        drain(&mut watches).await;
        match node.ask_if_marked(&identity).await {
            Ok(true) => return,
            Ok(false) => {
                pauses.reset();
                // Only the clock is looked at between two wake-ups.
                while !is_too_old() && !pause(&mut watches, LOOK_AGAIN).await {}
            }
            Err(_) => {
                pause(&mut watches, pauses.pause()).await;
            }
        }
    }
}

fn until(moment: UnixTime, now: UnixTime) -> Duration {
    moment.saturating_duration_since(now).min(LOOK_AGAIN)
}

/// Takes the wake-ups that came: what is looked at next is newer than they are.
async fn drain(watches: &mut [Watch]) {
    std::future::poll_fn(|cx| {
        woken(watches, cx);
        Poll::Ready(())
    })
    .await;
}

/// Waits for a wake-up, but no longer than this; whether there was one.
async fn pause(watches: &mut [Watch], longest: Duration) -> bool {
    let mut sleep = pin!(tokio::time::sleep(longest));
    std::future::poll_fn(|cx| {
        if woken(watches, cx) {
            Poll::Ready(true)
        } else {
            sleep.as_mut().poll(cx).map(|()| false)
        }
    })
    .await
}

/// Polls every watch, so that one wake-up under several names is one.
fn woken(watches: &mut [Watch], cx: &mut std::task::Context<'_>) -> bool {
    let mut any = false;
    for watch in watches {
        any |= pin!(watch.woken()).poll(cx).is_ready();
    }
    any
}

async fn is_ready(mut future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}
