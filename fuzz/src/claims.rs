//! Any bytes as the payload of a token that is signed rightly.

use tower_backchannel_logout::refusal::Refusal;

use super::oracle::{self, Json};
use super::subject;

/// Claims are accepted exactly when the second opinion accepts them, and then name what the text names.
pub fn check(data: &[u8]) {
    let token = subject::sign(subject::GOOD_HEADER.as_bytes(), data);
    let expected = oracle::claims_are_good(data);
    match subject::verify(&token) {
        Ok(verified) => {
            assert_ne!(expected, Some(false), "accepted: {data:?}");
            let claims = Json::parse(data).expect("it was accepted");
            let named = |name: &str| claims.member(name).and_then(Json::text);
            let target = verified.target();
            assert_eq!(target.sid().map(|sid| sid.as_str()), named("sid"));
            assert_eq!(target.subject().map(|sub| sub.as_str()), named("sub"));
            assert!(verified.to_request().usable_until() > subject::NOW);
        }
        Err(Refusal::TooLarge) => assert!(token.len() > 64 * 1024),
        Err(refusal) => assert_ne!(expected, Some(true), "{refusal:?}: {data:?}"),
    }
}
