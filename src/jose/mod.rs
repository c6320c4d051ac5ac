//! Signed and encrypted bytes (RFC 7515, RFC 7516): no claim is looked at here.

#[cfg(feature = "jwe")]
pub mod jwe;
