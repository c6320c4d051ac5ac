//! What one verification allocates. A test binary of its own, because counting takes over the allocator.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::jose::{Algorithm, JwkSet};
use tower_backchannel_logout::token::Expectation;
use tower_backchannel_logout::{ClientId, Issuer};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

const CLAIMS: &str = r#"{"exp":1790000120,"iat":1790000000,"jti":"2f0e5a3c-8f5e-4cf3-9c9b-4d7e6f1f7a10","iss":"https://op.example","aud":"orders-web","sub":"248289761001","typ":"Logout","sid":"08a5019c-17e1-4977-8f42-65a12843ea02","events":{"http://schemas.openid.net/event/backchannel-logout":{},"revoke_offline_access":true}}"#;

/// A token as Keycloak sends it, signed with RS256, and what accepts it.
fn rs256() -> (String, Expectation) {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // Out of `SEQUENCE { INTEGER n, INTEGER e }`.
    let n = URL_SAFE_NO_PAD.encode(&key.public_key().as_ref()[9..265]);
    let keys = format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","n":"{n}","e":"AQAB"}}]}}"#);
    let expectation = Expectation::signed_with(
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("orders-web").unwrap(),
        Algorithm::Rs256,
        JwkSet::parse(keys.as_bytes()).unwrap(),
    )
    .unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"logout+jwt","kid":"a"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(CLAIMS));
    let mut signature = vec![0; key.public_modulus_len()];
    let padding: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let random = SystemRandom::new();
    key.sign(padding, &random, input.as_bytes(), &mut signature)
        .unwrap();
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    (token, expectation)
}

#[test]
fn one_verification_takes_at_most_twelve_allocations() {
    let (token, expectation) = rs256();
    // The first use of a key prepares it.
    assert!(expectation.verify(&token, NOW).is_ok());
    let counted = allocation_counter::measure(|| {
        assert!(expectation.verify(&token, NOW).is_ok());
    });
    assert!(counted.count_total <= 12, "{counted:?}");
}

#[test]
fn a_refused_token_costs_no_more_memory_than_a_few_times_its_size() {
    // BCL-173
    let (token, expectation) = rs256();
    let payload = URL_SAFE_NO_PAD.encode(format!("{{\"x\":{}", "[".repeat(40_000)));
    let (header, _) = token.split_once('.').unwrap();
    let deep = format!("{header}.{payload}.AA");
    let members: Vec<String> = (0..4_000).map(|n| format!("\"{n:x}\":1")).collect();
    let payload = URL_SAFE_NO_PAD.encode(format!("{{{}}}", members.join(",")));
    let many = format!("{header}.{payload}.AA");
    for token in [deep, many] {
        let counted = allocation_counter::measure(|| {
            assert!(expectation.verify(&token, NOW).is_err());
        });
        let limit = 6 * token.len() as u64;
        assert!(counted.bytes_max <= limit, "{counted:?} of {}", token.len());
    }
}
