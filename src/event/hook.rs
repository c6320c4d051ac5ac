//! What the application does after a logout: the event, and the port that receives it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::session::{EndedSession, LogoutRequest, Terminated};
pub use crate::types::BoxError;

/// A logout that has taken effect: what it asked for and which sessions it ended.
///
/// Use it to drop refresh tokens that were obtained without `offline_access` (BCL 2.7, spec BCL-150), to revoke the
/// others where [`LogoutRequest::revoke_offline_access`] hints at it (spec BCL-151), or to forward the logout to the
/// RPs of an application that is an OP itself (spec BCL-152).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogoutEvent {
    request: LogoutRequest,
    terminated: Terminated,
}

impl LogoutEvent {
    /// An event, for testing a hook.
    #[must_use]
    pub const fn new(request: LogoutRequest, terminated: Terminated) -> Self {
        Self {
            request,
            terminated,
        }
    }

    /// What the OP, or the application itself, asked for.
    #[must_use]
    pub const fn request(&self) -> &LogoutRequest {
        &self.request
    }

    /// The sessions that ended. When a hook is repeated after a failure they are reported again, as far as the store
    /// remembers them.
    #[must_use]
    pub fn sessions(&self) -> &[EndedSession] {
        &self.terminated.sessions
    }

    pub(crate) const fn terminated(&self) -> &Terminated {
        &self.terminated
    }
}

/// Called after the sessions have ended and before the OP is answered.
///
/// It is called *at least* once for each logout: a repetition by the OP after a failure calls it again, so it has to be
/// idempotent. Closures that return a future are hooks too.
///
/// ```
/// use tower_backchannel_logout::event::LogoutEvent;
///
/// async fn drop_refresh_tokens(event: LogoutEvent) -> Result<(), std::io::Error> {
///     for session in event.sessions() {
///         // delete the refresh token that is kept under `session.id`
///         let _ = &session.id;
///     }
///     Ok(())
/// }
/// # let _ = drop_refresh_tokens;
/// ```
pub trait LogoutHook: Send + Sync + 'static {
    /// What can go wrong.
    type Error: Into<BoxError> + Send;

    /// Reacts to a logout.
    ///
    /// # Errors
    ///
    /// The OP is answered `503` and asked to repeat the request, unless hook failures are
    /// [ignored](crate::logout::OnHookFailure::Ignore).
    fn on_logout(
        &self,
        event: &LogoutEvent,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<F, Fut, E> LogoutHook for F
where
    F: Fn(LogoutEvent) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError> + Send,
{
    type Error = E;

    fn on_logout(&self, event: &LogoutEvent) -> impl Future<Output = Result<(), E>> + Send {
        self(event.clone())
    }
}

/// [`LogoutHook`] as an object.
pub trait DynLogoutHook: Send + Sync + 'static {
    /// [`LogoutHook::on_logout`], boxed.
    fn on_logout_dyn<'a>(
        &'a self,
        event: &'a LogoutEvent,
    ) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;
}

impl<H: LogoutHook> DynLogoutHook for H {
    fn on_logout_dyn<'a>(
        &'a self,
        event: &'a LogoutEvent,
    ) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>> {
        Box::pin(async move { self.on_logout(event).await.map_err(Into::into) })
    }
}

impl fmt::Debug for dyn DynLogoutHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutHook")
    }
}

/// A hook behind a pointer.
pub(crate) type SharedHook = Arc<dyn DynLogoutHook>;
