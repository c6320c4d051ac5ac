//! The session of tower-sessions as the session of a request.

use super::{Presented, RequestHead, SessionExtractor};
use crate::types::SessionId;

/// An extractor for the sessions of tower-sessions, 0.14 and 0.15: the id that its session layer has read, whatever the cookie is
/// called and whether it is plain, signed or private.
///
/// The guard belongs *inside* of the session layer, around the routes that only customers who are signed in may see: a session that
/// nobody is signed in with is unknown to the store, and the guard refuses it. Around other routes there is no need for a guard:
/// [`BackchannelSessionStore`] loads nothing that ended.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use tower_backchannel_logout::guard::{LiveSession, SessionGuardLayer, TowerSession};
/// use tower_backchannel_logout::store::MemoryStore;
/// use tower_backchannel_logout::store::tower_sessions::BackchannelSessionStore;
/// use tower_sessions::SessionManagerLayer;
///
/// type Sessions = BackchannelSessionStore<tower_sessions::MemoryStore, MemoryStore>;
///
/// async fn account(Extension(live): Extension<LiveSession>) -> String {
///     format!("orders of {}", live.session().subject())
/// }
///
/// fn app(sessions: Sessions) -> Router {
///     Router::new()
///         .route("/account", get(account))
///         .layer(SessionGuardLayer::new(sessions.clone(), TowerSession))
///         .route("/", get(async || "for everybody"))
///         .layer(SessionManagerLayer::new(sessions))
/// }
/// # let _ = app;
/// ```
///
/// A request without any session cookie passes, as always: the handler asks for the [`LiveSession`](super::LiveSession).
///
/// [`BackchannelSessionStore`]: crate::store::tower_sessions::BackchannelSessionStore
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a name without content")]
pub struct TowerSession;

impl SessionExtractor for TowerSession {
    fn extract(&self, head: &RequestHead<'_>) -> Presented {
        let extensions = head.extensions();
        let new = extensions.get::<tower_sessions_core::Session>();
        let old = extensions.get::<tower_sessions_core_014::Session>();
        let new = new.and_then(|session| session.id());
        let old = old.and_then(|session| session.id());
        let id = match (new, old) {
            (None, None) => return Presented::Nothing,
            (Some(id), None) => id.to_string(),
            (None, Some(id)) => id.to_string(),
            // Two session layers: nobody knows which of the two the handler asks.
            (Some(_), Some(_)) => return Presented::Unusable,
        };
        SessionId::parse(id).map_or(Presented::Unusable, Presented::Id)
    }
}
