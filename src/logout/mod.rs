//! The use case: one verified Logout Token ends its sessions.
//!
//! 1. The token is verified: header before key, key before signature, signature before claims ([`LogoutTokenVerifier`]).
//! 2. A token that was processed before is answered like then, and does nothing (spec BCL-160).
//! 3. The store ends the sessions ([`SessionStore::terminate`](crate::session::SessionStore::terminate)).
//! 4. The application's hook hears what ended ([`LogoutHook`](crate::event::LogoutHook)).
//! 5. Only then the `jti` is remembered, so that whatever failed is done anew by a repetition (spec BCL-161).
//!
//! A token that cannot be verified *now* is parked and processed as soon as the keys are back ([`Parking`]).
//!
//! The application's own "sign this customer out everywhere" is [`Logout::terminate`]: the same steps 3 and 4.
//!
//! ```no_run
//! use tower_backchannel_logout::logout::Logout;
//! use tower_backchannel_logout::provider::{Client, Provider};
//! use tower_backchannel_logout::store::MemoryStore;
//!
//! # async fn run(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let provider = Provider::builder("https://op.example")
//!     .with_client(Client::builder("orders-web").build()?)
//!     .build()?;
//! let logout = Logout::builder(MemoryStore::new(), provider).build();
//! let outcome = logout.handle(token).await?; // what the endpoint does with each request
//! println!("{}", outcome.code());
//! # Ok(())
//! # }
//! ```
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any point. A logout that was answered with success has taken effect.

mod attend;
mod builder;
mod contain;
mod error;
mod outcome;
mod parking;
mod pipeline;
mod verifier;

pub use builder::{LogoutBuilder, OnHookFailure};
pub use error::{LogoutError, LogoutErrorKind};
pub use outcome::LogoutOutcome;
pub use parking::Parking;
pub use pipeline::Logout;
pub use verifier::LogoutTokenVerifier;
pub(crate) use verifier::TokenPlace;

#[cfg(test)]
mod tests;
