//! Any bytes as a key set.

use std::sync::OnceLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use tower_backchannel_logout::jose::{Algorithm, JwkSet};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::token::Expectation;

use super::oracle::Json;
use super::subject::{self, base64url};

struct Signed {
    token: String,
    key: String,
}

/// A token of an Ed25519 key that the fuzzer cannot make up, though the seeds publish it.
fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
        let header = base64url(r#"{"alg":"EdDSA"}"#);
        let input = format!("{header}.{}", base64url(subject::GOOD_CLAIMS));
        Signed {
            token: format!("{input}.{}", base64url(pair.sign(input.as_bytes()))),
            key: base64url(pair.public_key()),
        }
    })
}

/// A set is read or refused as a whole, its entries are counted, and no set verifies a token with a key that it does not
/// publish for signatures.
pub fn check(data: &[u8]) {
    let document = Json::parse(data);
    let entries = document
        .as_ref()
        .filter(|document| document.is_proper_object())
        .and_then(|document| document.member("keys"));
    let Ok(set) = JwkSet::parse(data) else {
        assert!(
            !matches!(entries, Some(Json::Array(_))),
            "not read: {data:?}"
        );
        return;
    };
    if document.is_some() {
        let entries = entries.map_or(0, |keys| keys.items().len());
        assert_eq!(set.len() + set.skipped(), entries, "{data:?}");
    }
    for algorithm in Algorithm::ALL.iter().filter(|it| !it.is_symmetric()) {
        let expectation = Expectation::signed_with(
            subject::issuer(),
            subject::client_id(),
            *algorithm,
            set.clone(),
        );
        let expectation = expectation.expect("no secret is needed");
        // Makes every key of the set prepare itself.
        let header = base64url(format!(r#"{{"alg":"{algorithm}"}}"#));
        let claims = base64url(subject::GOOD_CLAIMS);
        for signature in ["", "AAAA", &"A".repeat(86), &"A".repeat(342)] {
            let forged = format!("{header}.{claims}.{signature}");
            let refusal = expectation
                .verify(&forged, subject::NOW)
                .expect_err("forged");
            assert!(
                matches!(
                    refusal,
                    Refusal::BadSignature
                        | Refusal::UnknownKey
                        | Refusal::UnusableKey
                        | Refusal::AmbiguousKey
                        // A text whose last character has stray bits.
                        | Refusal::Malformed
                ),
                "{refusal:?}"
            );
        }
        let verified = expectation.verify(&signed().token, subject::NOW).is_ok();
        if verified && let Some(keys) = entries {
            assert_eq!(*algorithm, Algorithm::EdDsa);
            assert!(keys.items().iter().any(publishes_our_key), "{data:?}");
        }
    }
}

/// Whether an entry is the public key, for signatures.
fn publishes_our_key(entry: &Json) -> bool {
    let says = |name: &str, text: &str| entry.member(name).is_some_and(|value| value.is(text));
    let silent = |name: &str| entry.member(name).is_none_or(|value| *value == Json::Null);
    entry.is_proper_object()
        && says("kty", "OKP")
        && says("crv", "Ed25519")
        && says("x", &signed().key)
        && (silent("use") || says("use", "sig"))
        && (silent("alg") || says("alg", "EdDSA") || says("alg", "Ed25519"))
        && silent("d")
        && silent("k")
}
