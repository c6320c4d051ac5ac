//! No byte of a token can change.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::jose::{Algorithm, JwkSet};
use tower_backchannel_logout::token::Expectation;
use tower_backchannel_logout::{ClientId, Issuer};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

const CLAIMS: &str = r#"{"iss":"https://op.example","aud":"orders-web","iat":1790000000,"exp":1790000120,
    "jti":"j","sub":"u","sid":"s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;

/// A valid token and what accepts it.
fn valid() -> (String, Expectation) {
    let key = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    let keys = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
    let expectation = Expectation::signed_with(
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("orders-web").unwrap(),
        Algorithm::EdDsa,
        JwkSet::parse(keys.as_bytes()).unwrap(),
    )
    .unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"logout+jwt"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(CLAIMS));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()));
    (format!("{input}.{signature}"), expectation)
}

#[test]
fn no_single_changed_bit_of_a_valid_token_is_accepted() {
    // BCL-70
    let (token, expectation) = valid();
    assert!(expectation.verify(&token, NOW).is_ok());
    for index in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            let verdict = expectation.verify(&changed, NOW);
            assert!(verdict.is_err(), "byte {index}, bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn no_cut_joined_or_grown_token_is_accepted(
        start in 0_usize..700, length in 0_usize..700, grown in "[A-Za-z0-9_.=-]{1,5}",
    ) {
        // BCL-50, BCL-70
        let (token, expectation) = valid();
        let start = start.min(token.len());
        let end = (start + length).min(token.len());
        let without = format!("{}{}", &token[..start], &token[end..]);
        prop_assert_eq!(expectation.verify(&without, NOW).is_ok(), start == end);
        let with = format!("{}{grown}{}", &token[..start], &token[start..]);
        prop_assert!(expectation.verify(&with, NOW).is_err());
    }

    #[test]
    fn no_text_is_accepted(token in ".*|[A-Za-z0-9_-]{0,99}([.][A-Za-z0-9_-]{0,99}){0,5}") {
        // BCL-173
        let (_, expectation) = valid();
        prop_assert!(expectation.verify(&token, NOW).is_err());
    }
}
