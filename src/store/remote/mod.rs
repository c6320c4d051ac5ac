//! What the shared stores have in common: everything but the engine. An [`Engine`] keeps sessions and marks where several nodes
//! see them, each operation one atomic step; this room adds what lives in the process, so that every engine behaves alike.
//!
//! 1. What this node did itself, it knows before it answers: connections that wait here are woken, without waiting for the channel.
//! 2. What other nodes did comes in through the [`feed`]: by the channel at once, by the log a poll interval later at most.
//! 3. A wake-up is a hint. Whoever is woken asks the engine, in one round trip; no notice ends anything by itself.

use std::future::Future;
use std::sync::Arc;

mod backoff;
mod copy;
mod engine;
mod feed;
mod forward;
mod node;
mod options;
mod recent;
mod tag;
pub(crate) mod time;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use engine::{Engine, Listener, Look, News, Notice};
#[allow(unused_imports, reason = "used by the public stores")]
pub(crate) use forward::forward_to_remote;
pub(crate) use options::RemoteOptions;
#[allow(unused_imports, reason = "used by the public stores")]
pub(crate) use options::remote_setters;
pub(crate) use tag::Tag;

use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::session::{
    LogoutRequest, NewSession, Rebinding, Registration, Session, SessionIdentity, SessionRegistry,
    SessionStatus, SessionStore, Terminated,
};
use crate::types::{SessionId, Subject};
use node::{Node, identity_tags, session_tags};
use recent::Moment;

/// A shared store as one node sees it. Cheap to clone; clones are the same node.
pub(crate) struct Remote<E>(Arc<Node<E>>);

impl<E> Clone for Remote<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Engine> Remote<E> {
    /// The engine has to use the policy of the options.
    pub(crate) fn new(engine: E, options: RemoteOptions) -> Result<Self, ConfigError> {
        options.check()?;
        Ok(Self(Arc::new(Node::new(engine, options))))
    }

    /// With the options nobody has changed, which are fine.
    #[allow(dead_code, reason = "not every engine has a short cut")]
    pub(crate) fn with_defaults(engine: E) -> Self {
        Self(Arc::new(Node::new(engine, RemoteOptions::default())))
    }

    pub(crate) fn engine(&self) -> &E {
        &self.0.engine
    }

    /// After an operation of this node, also one that failed: it may have had its effect.
    fn did(&self, notice: &Notice) -> Moment {
        self.0.apply(notice)
    }

    fn keep_live(&self, id: &SessionId, session: &Session, asked: Moment, own: Option<Moment>) {
        self.0.keep(
            || session_tags(id, session),
            asked,
            own,
            |copy, stamp| copy.keep_session(id, session.clone(), stamp),
        );
    }

    /// Begins a question whose answer may be kept.
    fn ask(&self) -> Moment {
        if self.0.copy.is_some() {
            Node::keep_fed(&self.0);
        }
        self.0.recent.moment()
    }
}

impl<E: Engine> SessionStore for Remote<E> {
    type Error = E::Error;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, E::Error> {
        let terminated = self.0.engine.terminate(request, self.0.now()).await;
        self.did(&Notice::of_logout(request));
        if terminated
            .as_ref()
            .is_ok_and(|ended| is_odd(request, ended))
        {
            // BCL-142: ended all the same.
            tracing::warn!(
                iss = %request.issuer(),
                "the sub of a logout token is not that of the session its sid names"
            );
        }
        terminated
    }

    async fn forget(
        &self,
        request: &LogoutRequest,
        terminated: &Terminated,
    ) -> Result<(), E::Error> {
        if terminated.sessions.is_empty() {
            return Ok(());
        }
        let now = self.0.now();
        self.0.engine.forget(request, terminated, now).await
    }
}

/// Whether the `sid` reached a session of somebody else than the token says, or sessions of several.
fn is_odd(request: &LogoutRequest, terminated: &Terminated) -> bool {
    let with_sid = terminated.sessions.iter();
    let with_sid = with_sid.filter_map(|ended| ended.session.as_ref());
    let mut subjects = with_sid
        .filter(|session| session.sid().is_some())
        .map(Session::subject);
    let named = request.target().subject().map(Subject::as_str);
    let sub = named.or_else(|| subjects.next());
    request.target().sid().is_some() && subjects.any(|subject| Some(subject) != sub)
}

impl<E: Engine> SessionRegistry for Remote<E> {
    async fn register(&self, session: NewSession) -> Result<Registration, E::Error> {
        let (now, iat) = (self.0.now(), session.identity().id_token_iat());
        if !session.adopts_existing() && self.0.engine.policy().is_too_old(iat, now) {
            return Ok(Registration::AlreadyLoggedOut);
        }
        let asked = self.ask();
        if !session.adopts_existing() {
            self.0.announce_taking(session.id());
        }
        let registered = self.0.engine.register(&session, now).await;
        // It may have replaced another session.
        let own = self.did(&Notice::of_id(session.id()));
        if self.0.copy.is_some() && matches!(registered, Ok(Registration::Registered)) {
            let live = Session::new(session.identity()).with_expires_at(session.expires_at());
            self.keep_live(session.id(), &live, asked, Some(own));
        }
        registered
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, E::Error> {
        let asked = self.ask();
        let look = self.0.engine.look(id, self.0.now()).await?;
        Ok(match look {
            Look::Live(session) => {
                self.keep_live(id, &session, asked, None);
                SessionStatus::Live(session)
            }
            Look::MovedTo(_) | Look::Ended => SessionStatus::Ended,
            Look::Unknown => SessionStatus::Unknown,
        })
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        self.0.copied(id).map(SessionStatus::Live)
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, E::Error> {
        let extended = self.0.engine.extend(id, expires_at, self.0.now()).await;
        self.did(&Notice::of_id(id));
        extended
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, E::Error> {
        if old == new {
            let look = self.0.engine.look(old, self.0.now()).await?;
            return Ok(match look {
                Look::Live(_) => Rebinding::Rebound,
                _ => Rebinding::NotLive,
            });
        }
        // Before it happens: a connection that looks for the first time meanwhile has to know that it is followed.
        self.0.announce_rotation(old);
        self.0.announce_taking(new);
        let rebound = self.0.engine.rebind(old, new, self.0.now()).await;
        self.did(&Notice {
            tags: vec![Tag::id(old), Tag::id(new)],
        });
        rebound
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, E::Error> {
        let ended = self.0.engine.unregister(id, self.0.now()).await;
        self.did(&Notice::of_id(id));
        ended
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, E::Error> {
        let (engine, now) = (&self.0.engine, self.0.now());
        // The mark that ended it may be gone by now: what cannot be shown to be alive is over.
        if engine.policy().is_too_old(identity.id_token_iat(), now) {
            return Ok(true);
        }
        let asked = self.ask();
        let marked = engine.is_marked(identity, now).await?;
        if !marked {
            self.0.keep(
                || identity_tags(identity),
                asked,
                None,
                |copy, stamp| copy.keep_identity(identity, stamp),
            );
        }
        Ok(marked)
    }

    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        let now = self.0.now();
        if self
            .0
            .engine
            .policy()
            .is_too_old(identity.id_token_iat(), now)
        {
            return Some(true);
        }
        let unmarked = self.0.copy.as_ref()?.is_unmarked(identity, now);
        unmarked.then_some(false)
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        watch::ended(Arc::clone(&self.0), id)
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch::identity_ended(Arc::clone(&self.0), identity.clone())
    }
}
