//! OpenID Connect Back-Channel Logout for relying parties: tower middleware that ends exactly the sessions a Logout Token
//! names.
//!
//! An administrator clears a customer's sessions at the provider; the provider signs one Logout Token for each affected
//! application and POSTs it there; this crate proves that the provider sent it and ends the customer's sessions at once, also
//! when no browser is open. "BCL" is OpenID Connect Back-Channel Logout 1.0 with errata set 1; `BCL-nn` is a row of the
//! requirement matrix behind this crate and `D-x` one of its decisions, cited where they are enforced and in the tests that prove them.
//!
//! # Quick start
//!
//! ```sh
//! cargo add tower-backchannel-logout axum
//! cargo add tokio --features full
//! ```
//!
//! It needs Rust 1.88 and a C compiler (for aws-lc-rs), and runs on tokio. In axum:
//!
//! ```no_run
//! use tower_backchannel_logout::endpoint::LogoutService;
//! use tower_backchannel_logout::guard::{SessionCookie, SessionGuardLayer};
//! use tower_backchannel_logout::logout::Logout;
//! use tower_backchannel_logout::provider::{Client, Provider};
//! use tower_backchannel_logout::store::MemoryStore;
//!
//! # #[cfg(not(feature = "client"))]
//! # fn main() {}
//! # #[cfg(feature = "client")]
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = MemoryStore::new(); // clones share the sessions: the callback of the login has one too
//!     let provider = Provider::builder("https://id.brand.example") // exactly as the provider publishes it
//!         .with_client(Client::builder("orders-web").build()?)
//!         .build()?;
//!     let logout = Logout::builder(store.clone(), provider).build();
//!
//!     let app = axum::Router::new()
//!         .route("/account", axum::routing::get(|| async { "your orders" }))
//!         .layer(SessionGuardLayer::new(store, SessionCookie::parse("__Host-session")?))
//!         .route_service("/backchannel-logout", LogoutService::new(logout));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! It works if `curl -i -d logout_token=x http://127.0.0.1:3000/backchannel-logout` is answered `400` with `invalid_request`: the endpoint is there, and
//! takes nothing that the provider did not sign.
//!
//! At login the application registers the session, *and looks at the answer*: a logout may have come first.
//!
//! ```
//! use tower_backchannel_logout::session::{NewSession, Registration, SessionIdentity, SessionRegistry};
//! # use tower_backchannel_logout::{BoxError, ClientId, Issuer, SessionId, Sid, Subject, clock::UnixTime, store::MemoryStore};
//! # async fn callback(
//! #     store: &MemoryStore, issuer: Issuer, client_id: ClientId, subject: Subject, sid: Option<Sid>, iat: UnixTime,
//! #     random_id: SessionId, expires_at: UnixTime,
//! # ) -> Result<(), BoxError> {
//!
//! // From the verified ID Token: `iss`, the own `client_id`, `sub`, `sid` if there is one, and `iat`.
//! let identity = SessionIdentity::new(issuer, client_id, subject).with_sid(sid).with_id_token_iat(iat);
//! match store.register(NewSession::new(random_id, identity, expires_at)).await? {
//!     Registration::Registered => { /* set the cookie */ }
//!     Registration::AlreadyLoggedOut => { /* set none: start the login again */ }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! At a change of the session id it calls [`rebind`](session::SessionRegistry::rebind), at a local logout
//! [`unregister`](session::SessionRegistry::unregister).
//!
//! Then register the URL of the endpoint at the provider as the back-channel logout URL ([where](guide::providers)). What happens is told through
//! `tracing`: nobody hears it before a subscriber is installed, for example with `tracing_subscriber::fmt::init()`.
//!
//! | instead of axum with sessions in memory | begin here |
//! | --- | --- |
//! | plain hyper, or any tower stack | [`LogoutLayer`](endpoint::LogoutLayer) and `TowerToHyperService`: [first steps](guide::first_steps#plain-hyper-or-any-tower-stack) |
//! | tower-sessions, axum-login | a wrapper around the store you have: [first steps](guide::first_steps#with-tower-sessions) |
//! | signed cookies, JWTs | the marks of logouts: [stateless sessions](guide::stateless) |
//! | a session table of your own | one method: [stores](guide::stores#one-method) |
//! | several nodes | Redis, PostgreSQL: [stores](guide::stores#many-nodes) |
//! | the login with the crate `openidconnect` | how to keep the `sid`: [first steps](guide::first_steps#with-the-crate-openidconnect) |
//! | another framework | [`Logout::handle`](logout::Logout::handle) with the token; without sessions, [`LogoutTokenVerifier::verify`](logout::LogoutTokenVerifier::verify) |
//!
//! The [`guide`] goes on from here: [first steps](guide::first_steps), [providers](guide::providers), [stores](guide::stores),
//! [reason codes, logs and metrics](guide::operation), [limits and races](guide::limits).
//!
//! # What can and cannot be ended
//!
//! Sessions that a store knows can be ended. Stateless ones (signed or encrypted cookies, bearer JWTs) end only where each
//! request is compared with the marks of logouts, see [`guard`]. A page, an app or a cache that already has its data is out of
//! reach, and so is an access token that a resource server accepts without asking (BCL 1, 4; spec BCL-153).
//!
//! # The way of a request
//!
//! | step | room |
//! | --- | --- |
//! | the form of the POST is read, and the answer given | [`endpoint`] |
//! | verify, end, tell, remember: the order of steps | [`logout`] |
//! | which provider and client it is, and their keys | [`provider`], [`jwks`], [`fetch`] |
//! | what a Logout Token must be, and what its signature | [`token`], [`jose`] |
//! | was this token processed before | [`replay`] |
//! | which sessions it ends, and the marks it leaves | [`session`], [`store`] |
//! | what the application does afterwards | [`event`] |
//! | is this session still live: on each request, and for open connections | [`guard`] |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `client` (default) | JWKS and discovery over HTTPS |
//! | `jwe` | encrypted Logout Tokens |
//! | `josekit` | josekit keys and key sets as input (needs OpenSSL) |
//! | `reqwest` | a `reqwest::Client` as the fetcher |
//! | `redis` | [`RedisStore`](store::RedisStore): Redis or Valkey, one server or a cluster |
//! | `postgres`, `sqlite` | [`PostgresStore`](store::PostgresStore), [`SqliteStore`](store::SqliteStore) |
//! | `tower-sessions` | [`BackchannelSessionStore`](store::tower_sessions::BackchannelSessionStore): a wrapper around any tower-sessions store, 0.14 and 0.15 |
//! | `metrics` | counters, gauges and histograms through the `metrics` facade |
//! | `testing` | fake provider, token mint, test clock, store suite |
//!
//! Features add items and never change behaviour.
//!
//! # Security
//!
//! The endpoint needs no authentication and no CSRF protection: the signature of the token is its authentication. Nothing in a
//! token has any effect before that signature is verified. Logs never hold a token, a key or a session id; `sub`, `sid` and
//! `jti` appear at trace level at most.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod clock;
pub mod config;
pub mod endpoint;
pub mod event;
pub mod fetch;
pub mod guard;
#[cfg(any(doc, doctest))]
// The pages link into every feature; the complete documentation is built with all of them.
#[cfg_attr(
    not(all(
        feature = "client",
        feature = "jwe",
        feature = "metrics",
        feature = "testing",
        feature = "tower-sessions"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]
pub mod guide;
pub mod jose;
pub mod jwks;
pub mod logout;
mod measure;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
mod print;
pub mod provider;
mod quiet;
pub mod refusal;
pub mod replay;
pub mod session;
pub mod store;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod token;
mod types;
mod within;

pub use types::{BoxError, ClientId, IdentifierError, Issuer, Jti, SessionId, Sid, Subject};

/// The README's snippets compile and run like those of this documentation.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
mod readme {}
