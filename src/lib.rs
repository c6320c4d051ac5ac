//! OpenID Connect Back-Channel Logout for relying parties.
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
pub mod jose;
pub mod jwks;
pub mod logout;
pub mod provider;
pub mod refusal;
pub mod replay;
pub mod session;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
mod types;

pub use types::{ClientId, IdentifierError, Issuer, Jti, SessionId, Sid, Subject};
