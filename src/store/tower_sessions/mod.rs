//! Back-channel logout for the sessions of [tower-sessions](https://docs.rs/tower-sessions), whatever store they are in.
//!
//! [`BackchannelSessionStore`] stands around any tower-sessions store, of version 0.14 or 0.15, and keeps a
//! [`SessionRegistry`] beside it: who is signed in under which id, and the marks of logouts. The application says once, in its login
//! callback, whose session it is ([`sign_in`](BackchannelSessionStore::sign_in)). The wrapper does the rest:
//!
//! 1. **A session with an identity is loaded only while the registry says that it is live.** Otherwise it is as if there were none,
//!    and its record is deleted. Nothing else decides: a record that a late save or a crash left behind opens nothing.
//! 2. **A login is registered when its record is written.** If a logout came first, no record is left.
//! 3. **A late save is refused.** It is written only while the session is live, and taken back if it ended meanwhile. The request is
//!    answered as if it had been saved; [`LateSaveLayer`](crate::guard::LateSaveLayer) takes the `Set-Cookie` out.
//! 4. **`cycle_id` is followed**: the new id is the same session, with the ID Token of its login. A logout that comes between the
//!    old id and the new one ends it.
//! 5. **`flush` and `delete` end the session** and close its live connections, and so does taking the identity out of the session.
//! 6. **A logout ends the session in the registry first.** Then the records are deleted. If the store cannot do that now, it is tried
//!    again with the next logout, and meanwhile rule 1 holds.
//! 7. Sessions without an identity pass through. The registry is not asked when they are created or loaded. It is when one is saved
//!    or deleted: only the registry knows whether somebody was signed in under the same id before.
//!
//! ```
//! use axum::extract::{Path, State};
//! use axum::http::StatusCode;
//! use axum::{Router, routing::get};
//! use tower_backchannel_logout::clock::{Clock, SystemClock};
//! use tower_backchannel_logout::endpoint::LogoutService;
//! use tower_backchannel_logout::guard::{LateSaveLayer, SessionCookie};
//! use tower_backchannel_logout::logout::Logout;
//! use tower_backchannel_logout::provider::Providers;
//! use tower_backchannel_logout::session::{Registration, SessionIdentity};
//! use tower_backchannel_logout::store::MemoryStore;
//! use tower_backchannel_logout::store::tower_sessions::{BackchannelSessionStore, IdentityInSession};
//! use tower_backchannel_logout::{BoxError, ClientId, Issuer, Sid, Subject};
//! use tower_sessions::{Session, SessionManagerLayer};
//!
//! // Any tower-sessions store, and any registry of this crate.
//! type Sessions = BackchannelSessionStore<tower_sessions::MemoryStore, MemoryStore>;
//!
//! /// The end of the login callback. `sub`, `sid` and `iat` are those of the verified ID Token.
//! async fn signed_in(sessions: &Sessions, session: &Session, sub: &str, sid: &str) -> Result<bool, BoxError> {
//!     let identity = SessionIdentity::new(
//!         Issuer::parse("https://op.example")?,
//!         ClientId::parse("shop")?,
//!         Subject::parse(sub)?,
//!     )
//!     .with_sid(Sid::parse(sid)?)
//!     .with_id_token_iat(SystemClock::default().now());
//!     Ok(sessions.sign_in(session, &identity).await? == Registration::Registered)
//! }
//!
//! async fn login(
//!     State(sessions): State<Sessions>,
//!     session: Session,
//!     Path((sub, sid)): Path<(String, String)>,
//! ) -> Result<&'static str, StatusCode> {
//!     let live = signed_in(&sessions, &session, &sub, &sid).await;
//!     match live.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)? {
//!         true => Ok("welcome"),
//!         false => Ok("you were logged out meanwhile: start again"),
//!     }
//! }
//!
//! async fn account(session: Session) -> Result<String, StatusCode> {
//!     match session.identity().await {
//!         Ok(Some(identity)) => Ok(format!("orders of {}", identity.subject().as_str())),
//!         Ok(None) => Err(StatusCode::UNAUTHORIZED),
//!         Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
//!     }
//! }
//!
//! fn app(providers: Providers) -> Result<Router, BoxError> {
//!     let sessions = Sessions::new(tower_sessions::MemoryStore::default(), MemoryStore::new());
//!     let logout = Logout::builder(sessions.clone(), providers).build();
//!     Ok(Router::new()
//!         .route("/login/{sub}/{sid}", get(login))
//!         .route("/account", get(account))
//!         .layer(SessionManagerLayer::new(sessions.clone()))
//!         // Outside of it: a late save sets no cookie.
//!         .layer(LateSaveLayer::new(SessionCookie::parse("id")?))
//!         .route_service("/backchannel-logout", LogoutService::new(logout))
//!         .with_state(sessions))
//! }
//! # let _ = app;
//! ```
//!
//! # The registry
//!
//! It has to live as long as the sessions do, and to be shared by every node that shares them. A [`MemoryStore`](super::MemoryStore) in
//! front of sessions in a database forgets with its process who is signed in, and rule 1 then signs everybody out; nodes with a memory
//! registry each sign each other's customers out.
//!
//! # Live connections
//!
//! [`session_ended`](BackchannelSessionStore::session_ended) is a future for WebSocket and SSE handlers. The guard works too:
//! with [`TowerSession`](crate::guard::TowerSession) as its extractor and placed *inside* of the session layer, it refuses whoever is not
//! signed in, gives the handler a [`LiveSession`](crate::guard::LiveSession), and can end streaming bodies.
//!
//! # What it cannot do
//!
//! - A `CachingSessionStore` *around* the wrapper answers from its cache and never asks. Put the wrapper outermost; around a caching
//!   store it is right.
//! - A request that has loaded its session goes on with what it has loaded. What it saves is refused; what it answers goes out.
//! - Two requests that change the id of one session at the same moment both lose it, and the customer signs in again: the second
//!   deletion of an id could as well be a local logout, which must win.
//! - tower-sessions deletes the old id before it writes the new one, and does not say that a rotation is meant. The session waits for
//!   its new id for at most one minute. Its open connections end with the old id, unless the rotation was begun by
//!   [`cycle_id`](BackchannelSessionStore::cycle_id) of the wrapper.
//!
//! # Security
//!
//! The session id is a credential and is never logged. An id is used once: data that is written after a `flush`, for which
//! tower-sessions would take the id it has just deleted, gets a new one.
//!
//! # Errors
//!
//! When the registry cannot answer, nothing is loaded or saved: the error goes to the application as one of the store.
//!
//! # Cancel safety
//!
//! Every call may be dropped at any point. A login whose request is dropped is either registered or refused by rule 1; a logout that
//! was acknowledged stays.

mod clean;
mod follow;
mod identity;
mod port;
mod rotation;
mod sign_in;
mod version;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::clock::{Clock, SystemClock};
use crate::session::{SessionIdentity, SessionRegistry};
use crate::types::SessionId;

pub use identity::IDENTITY_KEY;
pub use version::{Records, V0_14, V0_15, Version};

use clean::Leftovers;

/// A tower-sessions store whose sessions end by Back-Channel Logout: see the [module](self). Cheap to clone; clones share everything.
///
/// `S` is the tower-sessions store, `R` the registry. `V` follows from `S`; it has to be written in the types of an application on
/// tower-sessions 0.14 alone: `BackchannelSessionStore<PostgresStore, MemoryStore, V0_14>`.
///
/// It is a store three times over: for the `SessionManagerLayer`, for [`Logout`](crate::logout::Logout), and for the
/// [guard](crate::guard). As a [`SessionRegistry`] it is its registry; only [`unregister`](SessionRegistry::unregister) deletes the
/// record as well, and [`rebind`](SessionRegistry::rebind) moves none: ids change through `Session::cycle_id`.
pub struct BackchannelSessionStore<S, R, V = V0_15>
where
    V: Version,
{
    shared: Arc<Shared<S, R, V::Id>>,
    clock: Arc<dyn Clock>,
    version: PhantomData<fn() -> V>,
}

struct Shared<S, R, Id> {
    inner: S,
    registry: R,
    /// Names what waits for a new id, so that nobody can ask for it.
    secret: hmac::Key,
    leftovers: Leftovers<Id>,
}

impl<S, R, V> BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    /// Wraps a tower-sessions store, and follows its sessions in a registry.
    #[must_use]
    pub fn new(inner: S, registry: R) -> Self {
        let secret = [V::random(), V::random()].concat();
        Self {
            shared: Arc::new(Shared {
                inner,
                registry,
                secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
                leftovers: Leftovers::default(),
            }),
            clock: Arc::new(SystemClock),
            version: PhantomData,
        }
    }

    /// Takes the time from another clock: that of the registry. The default is the clock of the system.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl<S, R, V: Version> BackchannelSessionStore<S, R, V> {
    /// The tower-sessions store inside. What is written or deleted there is not followed.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.shared.inner
    }

    /// The registry beside it.
    #[must_use]
    pub fn registry(&self) -> &R {
        &self.shared.registry
    }
}

/// The key of a tower-sessions session in the registry: its id as the cookie has it.
fn key<V: Version>(id: V::Id) -> SessionId {
    SessionId::reread(&id.to_string())
}

/// The other way round; `None` for ids that are not of tower-sessions.
fn record_id<V: Version>(key: &SessionId) -> Option<V::Id> {
    key.as_str().parse().ok()
}

// By hand: neither the store nor the registry has to be `Clone`.
impl<S, R, V: Version> Clone for BackchannelSessionStore<S, R, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            clock: Arc::clone(&self.clock),
            version: PhantomData,
        }
    }
}

impl<S, R, V: Version> fmt::Debug for BackchannelSessionStore<S, R, V> {
    // What is inside may show its sessions: tower-sessions' own store in memory does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelSessionStore")
            .finish_non_exhaustive()
    }
}

/// The identity inside of a `tower_sessions::Session`, of either version.
///
/// The wrapper's [`sign_in`](BackchannelSessionStore::sign_in) is the better way in: it changes the id, saves, and answers. Where
/// the callback cannot reach the wrapper, [`insert_identity`](Self::insert_identity) is enough; the login is then registered when the
/// response is written, and a login that was logged out meanwhile is found out by the next request.
pub trait IdentityInSession {
    /// `tower_sessions::session::Error`.
    type Error;

    /// Says whose session this is. In memory, like every change of a session: it counts once the session is saved.
    ///
    /// The same identity once more changes nothing. Another one is another login, and ends the one before. Change the id first
    /// (`Session::cycle_id`), as with every login.
    ///
    /// # Errors
    ///
    /// When the session cannot be loaded.
    fn insert_identity(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whose session this is, as it was loaded; `None` when nobody is signed in.
    ///
    /// # Errors
    ///
    /// When the session cannot be loaded, or holds something else under [`IDENTITY_KEY`].
    fn identity(&self)
    -> impl Future<Output = Result<Option<SessionIdentity>, Self::Error>> + Send;
}
