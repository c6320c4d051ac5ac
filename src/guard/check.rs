//! The decision: is the presented session live, and does it still stand once the handler has answered?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::time::timeout;

use super::{LiveSession, Presented, Rejection, RequestHead, SessionCookie};
use crate::measure::{self, Guarded};
use crate::quiet::Quiet;
use crate::session::{Session, SessionIdentity, SessionRegistry, SessionStatus};
use crate::types::SessionId;

pub(super) type Respond = dyn Fn(Rejection, &RequestHead<'_>) -> Response<Bytes> + Send + Sync;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Clone)]
pub(super) struct Options {
    pub(super) time_limit: Duration,
    pub(super) allow_unknown: bool,
    pub(super) allow_on_store_failure: bool,
    pub(super) cookie: Option<SessionCookie>,
    pub(super) end_bodies: bool,
    pub(super) respond: Option<Arc<Respond>>,
    /// A store that is down is met by every request; shared by all services of one layer.
    pub(super) quiet: Arc<Quiet>,
}

impl Options {
    /// Whether the session still matters once the handler has answered.
    pub(super) const fn look_at_responses(&self) -> bool {
        self.cookie.is_some() || self.end_bodies
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(1),
            allow_unknown: false,
            allow_on_store_failure: false,
            cookie: None,
            end_bodies: false,
            respond: None,
            quiet: Arc::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("time_limit", &self.time_limit)
            .field("allow_unknown", &self.allow_unknown)
            .field("allow_on_store_failure", &self.allow_on_store_failure)
            .field("cookie", &self.cookie)
            .field("end_bodies", &self.end_bodies)
            .finish_non_exhaustive()
    }
}

/// Whose liveness is asked for.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Id(SessionId),
    Identity(Arc<SessionIdentity>),
}

impl Who {
    fn presented(presented: Presented) -> Option<Self> {
        match presented {
            Presented::Id(id) => Some(Self::Id(id)),
            Presented::Identity(identity) => Some(Self::Identity(Arc::new(identity))),
            Presented::Nothing | Presented::Unusable => None,
        }
    }
}

/// What becomes of a request.
pub(super) enum Verdict {
    Live(LiveSession),
    /// Passes without a handle.
    Pass,
    Reject(Rejection),
}

pub(super) enum Decision {
    Now(Verdict),
    /// The store has to be awaited.
    Ask(Boxed<Verdict>),
}

/// What becomes of the session cookies of a response.
pub(super) enum Review {
    /// The session of the request still stands: nothing is touched.
    Stands,
    /// It ended meanwhile. Of the fields that set its cookie, in their order, those stay that set another live session;
    /// the last of these is what the browser has now.
    Ended {
        keep: Vec<bool>,
        successor: Option<LiveSession>,
    },
}

/// A store and how it is asked.
pub(super) struct Sessions<St> {
    pub(super) store: Arc<St>,
    pub(super) options: Options,
}

impl<St: SessionRegistry> Sessions<St> {
    /// The decision of every request. Allocates when the store has to be awaited (its future).
    pub(super) fn decide(self: &Arc<Self>, presented: Presented) -> Decision {
        if let Presented::Unusable = presented {
            measure::guarded(Guarded::Unusable);
            return Decision::Now(reject(Rejection::SessionUnusable));
        }
        let Some(who) = Who::presented(presented) else {
            return Decision::Now(Verdict::Pass);
        };
        match self.status_now(&who) {
            Some(status) => Decision::Now(self.verdict(who, status)),
            None => Decision::Ask(Box::pin(Arc::clone(self).ask(who))),
        }
    }

    async fn ask(self: Arc<Self>, who: Who) -> Verdict {
        match timeout(self.options.time_limit, self.status(&who)).await {
            Ok(Ok(status)) => self.verdict(who, status),
            Ok(Err(error)) => {
                tracing::trace!(error = %error, "the session store failed");
                self.unanswered(Rejection::StoreFailure)
            }
            Err(_) => self.unanswered(Rejection::StoreTimeout),
        }
    }

    fn verdict(self: &Arc<Self>, who: Who, status: SessionStatus) -> Verdict {
        measure::guarded(match status {
            SessionStatus::Live(_) => Guarded::Live,
            SessionStatus::Ended => Guarded::Ended,
            SessionStatus::Unknown => Guarded::Unknown,
        });
        match status {
            SessionStatus::Live(session) => {
                Verdict::Live(LiveSession::new(who, session, Arc::clone(self) as _))
            }
            SessionStatus::Ended => reject(Rejection::SessionEnded),
            SessionStatus::Unknown if self.options.allow_unknown => Verdict::Pass,
            SessionStatus::Unknown => reject(Rejection::SessionUnknown),
        }
    }

    fn unanswered(&self, rejection: Rejection) -> Verdict {
        let allowed = self.options.allow_on_store_failure;
        let outcome = if allowed { "passed" } else { "refused" };
        let reason = rejection.code();
        measure::guarded(match rejection {
            Rejection::StoreTimeout => Guarded::StoreTimeout,
            _ => Guarded::StoreFailure,
        });
        match self.options.quiet.ask() {
            Some(kept_back) => {
                tracing::warn!(outcome, reason, kept_back, "session not checked");
            }
            None => tracing::debug!(outcome, reason, "session not checked"),
        }
        if allowed {
            Verdict::Pass
        } else {
            Verdict::Reject(rejection)
        }
    }

    fn status_now(&self, who: &Who) -> Option<SessionStatus> {
        match who {
            Who::Id(id) => self.store.status_now(id),
            Who::Identity(identity) => self
                .store
                .is_logged_out_now(identity)
                .map(|logged_out| stateless(logged_out, identity)),
        }
    }

    async fn status(&self, who: &Who) -> Result<SessionStatus, St::Error> {
        match who {
            Who::Id(id) => self.store.status(id).await,
            Who::Identity(identity) => {
                let logged_out = self.store.is_logged_out(identity).await?;
                Ok(stateless(logged_out, identity))
            }
        }
    }

    async fn review_all(self: Arc<Self>, who: Who, set: Vec<Presented>) -> Review {
        let limit = self.options.time_limit;
        let rejection = match timeout(limit, self.judge(&who, &set)).await {
            Ok(Ok(review)) => return review,
            Ok(Err(error)) => {
                tracing::trace!(error = %error, "the session store failed");
                Rejection::StoreFailure
            }
            Err(_) => Rejection::StoreTimeout,
        };
        match self.unanswered(rejection) {
            Verdict::Pass => Review::Stands,
            _ => Review::Ended {
                keep: vec![false; set.len()],
                successor: None,
            },
        }
    }

    async fn judge(self: &Arc<Self>, who: &Who, set: &[Presented]) -> Result<Review, St::Error> {
        if self.status(who).await?.is_live() {
            return Ok(Review::Stands);
        }
        let mut keep = Vec::with_capacity(set.len());
        let mut successor = None;
        for presented in set {
            let Some(other) = Who::presented(presented.clone()) else {
                keep.push(false);
                continue;
            };
            // A session id that rotated, or a login as somebody else: it stands on its own.
            let status = self.status(&other).await?;
            keep.push(status.is_live());
            if let SessionStatus::Live(session) = status {
                successor = Some(LiveSession::new(other, session, Arc::clone(self) as _));
            }
        }
        Ok(Review::Ended { keep, successor })
    }
}

fn stateless(logged_out: bool, identity: &Arc<SessionIdentity>) -> SessionStatus {
    if logged_out {
        SessionStatus::Ended
    } else {
        SessionStatus::Live(Session::new(Arc::clone(identity)))
    }
}

fn reject(rejection: Rejection) -> Verdict {
    tracing::debug!(
        outcome = "refused",
        reason = rejection.code(),
        "no live session"
    );
    Verdict::Reject(rejection)
}

/// What the handle and the response need of the store, whichever store it is.
pub(super) trait Watch: Send + Sync {
    fn options(&self) -> &Options;

    /// Whether the session is live, if the store can say so without waiting.
    fn live_now(&self, who: &Who) -> Option<bool>;

    fn ended(&self, who: &Who) -> Boxed<()>;

    /// Asks again, because the handler answered with fields that set the session cookie: `set` says to what.
    fn review(self: Arc<Self>, who: Who, set: Vec<Presented>) -> Boxed<Review>;
}

impl<St: SessionRegistry> Watch for Sessions<St> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn live_now(&self, who: &Who) -> Option<bool> {
        self.status_now(who).map(|status| status.is_live())
    }

    fn ended(&self, who: &Who) -> Boxed<()> {
        match who {
            Who::Id(id) => Box::pin(self.store.ended(id)),
            Who::Identity(identity) => Box::pin(self.store.identity_ended(identity)),
        }
    }

    fn review(self: Arc<Self>, who: Who, set: Vec<Presented>) -> Boxed<Review> {
        Box::pin(self.review_all(who, set))
    }
}
