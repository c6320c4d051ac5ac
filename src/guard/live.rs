//! The live session of a request, and the future that says when it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Request;

use super::check::{Watch, Who};
use crate::session::Session;
use crate::types::SessionId;

/// The live session a request presented, in the extensions of the request. Cheap to clone.
///
/// With axum: `Option<Extension<LiveSession>>`, since requests without a session pass the guard; axum answers 500 where a plain
/// `Extension` is missing.
///
/// ```
/// use tower_backchannel_logout::guard::LiveSession;
///
/// async fn stream(session: LiveSession) {
///     let mut ended = session.ended();
///     loop {
///         tokio::select! {
///             // First: what is still to be sent must not keep an ended session busy.
///             biased;
///             () = &mut ended => break, // say goodbye, close
///             _ = next_message() => { /* send it */ }
///         }
///     }
/// }
/// # async fn next_message() {}
/// ```
#[derive(Clone)]
pub struct LiveSession {
    who: Who,
    session: Session,
    watch: Arc<dyn Watch>,
}

impl LiveSession {
    pub(super) fn new(who: Who, session: Session, watch: Arc<dyn Watch>) -> Self {
        Self {
            who,
            session,
            watch,
        }
    }

    /// Gives it to the handler. It is kept where the response is looked at too.
    pub(super) fn hand_over<B>(self, request: &mut Request<B>) -> Option<Self> {
        let kept = self
            .watch
            .options()
            .look_at_responses()
            .then(|| self.clone());
        request.extensions_mut().insert(self);
        kept
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    pub(super) fn watch(&self) -> &Arc<dyn Watch> {
        &self.watch
    }

    /// The RP's own key of the session, as the request presented it; none for a stateless session.
    #[must_use]
    pub fn id(&self) -> Option<&SessionId> {
        match &self.who {
            Who::Id(id) => Some(id),
            Who::Identity(_) => None,
        }
    }

    /// The session as the store answered it: whose it is.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Resolves when this session ends: logged out by the OP or locally, or expired; at once if it ended meanwhile.
    /// Other sessions of the same customer do not matter. A stateless session has no expiry here: the application
    /// knows it.
    ///
    /// Ask *before* giving the session a new id: a future that exists follows the session to its new id, the old id
    /// by itself is a session that is over.
    #[must_use = "futures do nothing unless polled"]
    pub fn ended(&self) -> Ended {
        Ended::new(self.watch.ended(&self.who))
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession")
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

/// Resolves when a session ends. May be polled again afterwards; it then resolves at once.
#[must_use = "futures do nothing unless polled"]
pub struct Ended {
    // Never locked: the mutex makes `Sync` what is only reached through `&mut`, so that bodies stay `Sync`.
    future: Option<Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Ended {
    fn new(future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Self {
        Self {
            future: Some(Mutex::new(future)),
        }
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        let future = future.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = future.as_mut().poll(context);
        if ended.is_ready() {
            self.future = None;
        }
        ended
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended")
            .field("resolved", &self.future.is_none())
            .finish()
    }
}
