//! Answers the OP's Back-Channel Logout Request: the HTTP face of [`Logout`](crate::logout::Logout).
//!
//! 1. The method is `POST`, the media type a form, the body no larger than the limit and received in time.
//! 2. The form has exactly one `logout_token`; other fields are ignored (BCL 2.5).
//! 3. The token is verified and its sessions are ended ([`Logout`](crate::logout::Logout)).
//! 4. The answer is `200`, `400` for a refused token, `503` for our own inability. It is never cached (BCL 2.8), never a
//!    redirect, never sets a cookie, and does not tell whether a session existed.
//!
//! No cookie, no `Authorization` and no CSRF token is consulted: the signature is the authentication (spec BCL-11). Mount it
//! outside of CSRF protection.
//!
//! [`LogoutService`] is the endpoint alone, for `axum::Router::route_service` or hyper; [`LogoutLayer`] serves one path and
//! passes every other request on untouched.

mod body;
mod config;
mod form;
mod future;
mod layer;
mod receive;
mod response;
mod service;
mod work;

pub use body::LogoutBody;
pub use config::EndpointConfig;
pub use future::{LogoutFuture, LogoutLayerFuture};
pub use layer::{LogoutLayer, LogoutMiddleware};
pub use response::RequestRefusal;
pub use service::LogoutService;
