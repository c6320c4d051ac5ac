//! Any bytes as the header of a token that is signed rightly.

use tower_backchannel_logout::refusal::Refusal;

use super::{oracle, subject};

/// A header is accepted exactly when the second opinion accepts it.
pub fn check(data: &[u8]) {
    let token = subject::sign(data, subject::GOOD_CLAIMS.as_bytes());
    match subject::verify(&token) {
        Ok(_) => assert!(oracle::header_is_good(data), "accepted: {data:?}"),
        Err(Refusal::TooLarge) => assert!(token.len() > 64 * 1024),
        Err(refusal) => assert!(!oracle::header_is_good(data), "{refusal:?}: {data:?}"),
    }
}
