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
pub mod guard;
pub mod refusal;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
mod types;

pub use types::{ClientId, IdentifierError, Issuer, Jti, SessionId, Sid, Subject};
