//! What an application needs to test its logout: a provider, a browser, tokens and a clock. Feature `testing`.
//!
//! 1. [`FakeProvider`] is an OpenID Provider on a loopback port. It logs customers in, ends their sessions, and delivers
//!    the Logout Tokens. Its keys rotate and its endpoints fail on command.
//! 2. [`Browser`] is the customer: it follows redirects and keeps cookies.
//! 3. [`TokenMint`] signs tokens without any network; [`LogoutTokenBuilder`] has one method for each way to break one, and
//!    [`Breakage::ALL`] lists them with the refusal that each must lead to.
//! 4. [`TestClock`] stands still until it is moved, or follows a paused tokio runtime.
//! 5. [`suite`] holds what a session store must do, as claims that run over any store, races included.
//!
//! An integration test of an application, from the login to the logout:
//!
//! ```
//! use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};
//! # use axum::{Router, extract::State, http::StatusCode, response::Redirect, routing::{get, post}};
//! # use std::sync::{Arc, atomic::{AtomicBool, Ordering::SeqCst}};
//! # async fn start_my_app(issuer: &str, client_id: &str, _client_secret: &str) -> String {
//! #     let live = Arc::new(AtomicBool::new(false));
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let base = format!("http://{}", listener.local_addr().unwrap());
//! #     let login = format!("{issuer}/authorize?response_type=code&scope=openid&client_id={client_id}&redirect_uri={base}/callback");
//! #     let router = Router::new()
//! #         .route("/login", get(|| async move { Redirect::to(&login) }))
//! #         .route("/callback", get(|State(live): State<Arc<AtomicBool>>| async move { live.store(true, SeqCst); "hello" }))
//! #         .route("/me", get(|State(live): State<Arc<AtomicBool>>| async move {
//! #             if live.load(SeqCst) { StatusCode::OK } else { StatusCode::UNAUTHORIZED } }))
//! #         .route("/backchannel-logout", post(|State(live): State<Arc<AtomicBool>>| async move { live.store(false, SeqCst); }))
//! #         .with_state(live);
//! #     tokio::spawn(async move { axum::serve(listener, router).await });
//! #     base
//! # }
//! # async fn client_logs_in(op: &FakeProvider) { op.log_in(ClientRegistration::DEFAULT_ID, "customer-1"); }
//!
//! # /*
//! #[tokio::test]
//! # */
//! async fn signing_out_at_the_provider_signs_out_of_the_app() {
//!     let op = FakeProvider::start().await;
//!     let app = start_my_app(op.issuer(), ClientRegistration::DEFAULT_ID, ClientRegistration::DEFAULT_SECRET).await;
//!     let logout_url = format!("{app}/backchannel-logout");
//!     op.register(ClientRegistration::default().with_backchannel_logout_uri(logout_url));
//!     let browser = Browser::new();
//!     browser.get(&format!("{app}/login")).await;
//!     assert_eq!(browser.get(&format!("{app}/me")).await.status(), 200);
//! #     client_logs_in(&op).await; // the little app of this page does not redeem its code
//!
//!     let deliveries = op.end_all_sessions_of("customer-1").await;
//!     assert_eq!(deliveries[0].status(), Some(200));
//!     assert_eq!(browser.get(&format!("{app}/me")).await.status(), 401);
//! }
//! # tokio::runtime::Runtime::new().unwrap().block_on(signing_out_at_the_provider_signs_out_of_the_app());
//! ```
//!
//! # Security
//!
//! Most RSA keys of the kit are published with this crate, and the provider approves everybody. Keep the feature out of
//! `[dependencies]`; it belongs in `[dev-dependencies]`.
#![cfg_attr(
    not(test),
    expect(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test kit fails the test by panicking"
    )
)]

mod breakages;
mod browser;
mod builder;
mod clock;
mod draft;
mod exchange;
mod jwk;
mod keys;
mod mint;
mod provider;
mod rsa_pool;
pub mod suite;

pub use breakages::Breakage;
pub use browser::Browser;
pub use builder::{IdTokenBuilder, LogoutTokenBuilder};
pub use clock::TestClock;
pub use exchange::ExchangeError;
pub use keys::SigningKey;
pub use mint::TokenMint;
pub use provider::{
    ClientRegistration, Delivery, Endpoint, FakeProvider, FakeProviderBuilder, Fault, Login,
    PendingLogout,
};
