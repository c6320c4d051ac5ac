//! Signed and encrypted bytes: compact form, header, algorithms, keys and signatures (RFC 7515 to 7518).
//!
//! 1. A token is split and decoded strictly: base64url without padding, no foreign character, at most 64 KiB.
//! 2. Header and payload are read in one pass over borrowed text; a repeated member name is refused.
//! 3. One [`Algorithm`] is expected; `none` does not exist here (BCL 2.6 step 3).
//! 4. Keys come from a [`JwkSet`] or a [`ClientSecret`], never from the token, and never from one where the other is
//!    configured.
//!
//! Nothing here does I/O, takes a lock or reads a clock.

mod algorithm;
mod compact;
mod encryption;
mod header;
#[cfg(feature = "josekit")]
mod josekit;
mod json;
#[cfg(feature = "jwe")]
pub mod jwe;
mod jwk;
mod jwk_set;
mod secret;
mod signature;

pub use algorithm::Algorithm;
pub(crate) use compact::{Compact, Form};
pub(crate) use encryption::{Encryption, Opened};
pub(crate) use header::Header;
pub(crate) use json::{Value, check_depth, read_object};
pub use jwk_set::{JwkSet, JwkSetError};
pub use secret::ClientSecret;
#[cfg(test)]
pub(crate) use signature::operations;
pub(crate) use signature::{Keys, verify_refreshed};

#[cfg(test)]
mod tests;
