//! Asks on each request whether its session is still live, and keeps ended sessions out.
//!
//! 1. The application's [`SessionExtractor`] says which session a request presents: an id that the store knows, or a
//!    stateless identity that the application has authenticated itself.
//! 2. A request without a session passes untouched.
//! 3. With a live session the handler is called and finds a [`LiveSession`] in the extensions of the request. Its
//!    [`ended`](LiveSession::ended) future is how WebSocket and SSE handlers end with the session.
//! 4. With a session that ended, that nobody knows, or that cannot be told for sure, the answer is `401`, and when the
//!    store does not answer in time `503`; never cached ([`Rejection`]).
//! 5. If the session ends while the handler runs, the response sets its cookie no more
//!    ([`with_session_cookie`](SessionGuardLayer::with_session_cookie)).
//! 6. On request, streaming bodies end with their session ([`with_ended_bodies`](SessionGuardLayer::with_ended_bodies)).
//!
//! ```
//! use tower_backchannel_logout::config::ConfigError;
//! use tower_backchannel_logout::guard::{SessionCookie, SessionGuardLayer};
//! use tower_backchannel_logout::store::MemoryStore;
//!
//! fn guarded(store: MemoryStore) -> Result<axum::Router, ConfigError> {
//!     let guard = SessionGuardLayer::new(store, SessionCookie::parse("__Host-session")?);
//!     Ok(axum::Router::new()
//!         .route("/account", axum::routing::get(|| async { "yours" }))
//!         .layer(guard)
//!         // Outside of the guard: whoever comes with a dead cookie can log in again.
//!         .route("/login", axum::routing::get(|| async { "welcome" })))
//! }
//! ```
//!
//! # What it can and cannot end
//!
//! Sessions that a store knows end on every node. Stateless sessions (signed or encrypted cookies, bearer JWTs) end
//! because each request is compared with the marks of logouts: give the guard their `sub`, `sid` and the `iat` of their
//! first ID Token, and let the store keep marks for as long as such a session can live. What a browser or an app has
//! already received, caches included, is out of reach (spec BCL-153).
//!
//! # Security
//!
//! The guard is only as good as its place: it belongs around everything that trusts the session, and inside of
//! whatever authenticates a stateless one.
//!
//! # Cancel safety
//!
//! Dropping a response future before the store has answered means that the handler never runs.

mod body;
mod check;
mod cookie;
mod extract;
mod future;
#[cfg(feature = "tower-sessions")]
mod late_save;
mod layer;
mod live;
mod rejection;
mod service;
#[cfg(feature = "tower-sessions")]
mod tower_sessions;

pub use body::GuardBody;
pub use cookie::SessionCookie;
pub use extract::{Presented, RequestHead, SessionExtractor};
pub use future::ResponseFuture;
#[cfg(feature = "tower-sessions")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower-sessions")))]
pub use late_save::{LateSave, LateSaveFuture, LateSaveLayer};
pub use layer::SessionGuardLayer;
pub use live::{Ended, LiveSession};
pub use rejection::Rejection;
pub use service::SessionGuard;
#[cfg(feature = "tower-sessions")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower-sessions")))]
pub use tower_sessions::TowerSession;
