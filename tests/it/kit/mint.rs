//! Tokens of the mint.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::testing::{Breakage, SigningKey, TestClock, TokenMint};

use super::verify::{parts, verifies, verifies_with_secret};

const SECRET: &str = "a client secret that is long enough for HS512: 64 bytes and more....";

fn mint() -> TokenMint {
    TokenMint::new("https://op.example", "orders-web").with_clock(TestClock::default())
}

#[test]
fn a_logout_token_is_complete_without_any_setter() {
    let mint = mint();
    let token = mint.logout_token().sign();
    let (header, claims) = parts(&token);
    let kid = mint.key_for("RS256").unwrap().kid();
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "logout+jwt", "kid": kid })
    );
    assert_eq!(claims["iss"], "https://op.example");
    assert_eq!(claims["aud"], "orders-web");
    assert_eq!(claims["iat"], 1_790_000_000);
    assert_eq!(claims["exp"], 1_790_000_120);
    assert_eq!(claims["sub"], "customer-1");
    assert_eq!(
        claims["events"],
        json!({ "http://schemas.openid.net/event/backchannel-logout": {} })
    );
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() == 22));
    assert_eq!(claims.as_object().unwrap().len(), 7);
    assert!(verifies(&token, &mint.jwks()));
}

#[test]
fn a_chosen_sid_stands_alone_until_a_sub_is_chosen_too() {
    let (_, claims) = parts(&mint().logout_token().sid("s").sign());
    assert_eq!(
        (claims["sid"].as_str(), claims.get("sub")),
        (Some("s"), None)
    );
    let (_, claims) = parts(&mint().logout_token().sid("s").sub("c").sign());
    assert_eq!((&claims["sid"], &claims["sub"]), (&json!("s"), &json!("c")));
}

#[test]
fn every_public_key_algorithm_verifies_against_the_published_keys() {
    let mint = mint();
    for alg in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
        "Ed25519",
    ] {
        let token = mint.logout_token().alg(alg).sign();
        assert_eq!(parts(&token).0["alg"], alg);
        assert!(verifies(&token, &mint.jwks()), "{alg}");
    }
    let odd = mint.with_key(SigningKey::generate("ES256K"));
    assert!(verifies(
        &odd.logout_token().alg("ES256K").sign(),
        &odd.jwks()
    ));
}

#[test]
fn hmac_uses_the_client_secret_and_publishes_nothing() {
    let mint = mint().with_client_secret(SECRET);
    for alg in ["HS256", "HS384", "HS512"] {
        let token = mint.logout_token().alg(alg).sign();
        assert!(verifies_with_secret(&token, SECRET.as_bytes()), "{alg}");
        assert_eq!(parts(&token).0.get("kid"), None);
    }
    assert!(!mint.jwks_json().contains("oct"));
    assert!(!format!("{mint:?}").contains("client secret"));
}

#[test]
fn a_published_key_has_no_private_member() {
    let jwks = mint().jwks();
    for key in jwks["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{key}");
        }
    }
}

#[test]
fn no_two_living_keys_are_the_same() {
    let keys: Vec<_> = (0..10).map(|_| SigningKey::generate("RS256")).collect();
    let moduli: HashSet<_> = keys.iter().map(|key| key.jwk()["n"].to_string()).collect();
    assert_eq!(moduli.len(), 10);
}

#[test]
fn a_key_can_be_brought_along_and_its_jwk_bent() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072).unwrap();
    let der = aws_lc_rs::encoding::AsDer::as_der(&pair).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = der;
    let key = SigningKey::from_pkcs8("PS384", der.as_ref())
        .with_kid("mine")
        .with_jwk_member("alg", "PS384")
        .without_jwk_member("use");
    assert_eq!(key.jwk()["alg"], "PS384");
    assert_eq!(key.jwk().get("use"), None);
    let mint = mint().with_keys([key]).with_alg("PS384");
    let token = mint.logout_token().sign();
    assert_eq!(parts(&token).0["kid"], "mine");
    assert!(verifies(&token, &mint.jwks()));
}

#[test]
fn each_setter_changes_its_member_alone() {
    let clock = TestClock::default();
    let mint = mint().with_clock(clock.clone());
    let first = parts(&mint.logout_token().jti("one").sign());
    clock.advance(Duration::from_secs(9));
    let late = mint
        .logout_token()
        .jti("one")
        .issued_at(TestClock::DEFAULT_START);
    let second = parts(&late.sign());
    assert_eq!(first.0, second.0);
    assert_eq!(second.1["iat"], first.1["iat"]);
    assert_eq!(second.1["exp"], 1_790_000_129);
    let token = mint
        .logout_token()
        .without_header("typ")
        .header("x", 1)
        .kid("k")
        .without_claim("exp")
        .claim("sub", Value::Null)
        .audience(vec!["a", "b"])
        .sign();
    let (header, claims) = parts(&token);
    assert_eq!(header, json!({ "alg": "RS256", "kid": "k", "x": 1 }));
    assert_eq!(claims.get("exp"), None);
    assert_eq!(claims["sub"], Value::Null);
    assert_eq!(claims["aud"], json!(["a", "b"]));
}

#[test]
fn raw_texts_are_signed_as_they_are() {
    let key = SigningKey::generate("EdDSA").with_kid("raw");
    let token = key.sign_raw(
        "EdDSA",
        r#"{"alg":"EdDSA","kid":"raw" }"#,
        r#"{"a":1,"a":2}"#,
    );
    assert_eq!(
        super::verify::decode(token.split('.').nth(1).unwrap()),
        br#"{"a":1,"a":2}"#
    );
    assert!(verifies(&token, &json!({ "keys": [key.jwk()] })));
}

#[test]
fn an_id_token_is_no_logout_token() {
    // BCL-118
    let mint = mint();
    let token = mint.id_token().sub("c").sid("s").nonce("n").sign();
    let (header, claims) = parts(&token);
    assert_eq!(header["typ"], "JWT");
    assert_eq!(claims["nonce"], "n");
    assert_eq!(claims["exp"], 1_790_000_300);
    assert_eq!((claims.get("events"), claims.get("jti")), (None, None));
    assert!(verifies(&token, &mint.jwks()));
}

/// What no Logout Token alone can cause: it takes a key set, a recipient's key, or a second delivery.
const NOT_BY_ONE_TOKEN: &[Refusal] = &[
    Refusal::AmbiguousKey,
    Refusal::EncryptionRequired,
    Refusal::JweNotAllowed,
    Refusal::DecryptionFailed,
    Refusal::NotNested,
    Refusal::Replayed,
    // About the form, not about a token in it.
    Refusal::MissingLogoutToken,
    Refusal::DuplicateParameter,
];

#[test]
fn every_refusal_that_a_token_can_cause_has_a_breakage() {
    for refusal in Refusal::ALL {
        let broken = Breakage::ALL.iter().any(|one| one.refusal == *refusal);
        let exempt = NOT_BY_ONE_TOKEN.contains(refusal);
        assert!(broken != exempt, "{refusal:?}");
    }
}

#[test]
fn a_breakage_breaks_the_signature_only_when_it_says_so() {
    let mint = mint();
    for breakage in Breakage::ALL {
        let token = breakage.apply(mint.logout_token().sub("c").sid("s")).sign();
        let by_public_key = !matches!(
            breakage.name,
            "truncated" | "alg_none" | "without_alg" | "hmac_with_public_key" | "encrypted_garbage"
        );
        if by_public_key {
            let expected = !matches!(
                breakage.refusal,
                Refusal::BadSignature | Refusal::UnknownKey
            );
            assert_eq!(verifies(&token, &mint.jwks()), expected, "{breakage:?}");
        }
    }
}

#[test]
fn unsigned_truncated_and_encrypted_tokens_have_the_shape_they_claim() {
    let mint = mint();
    let token = mint.logout_token().alg_none().sign();
    assert_eq!(parts(&token).0, json!({ "alg": "none" }));
    assert!(token.ends_with('.'));
    let count = |token: String| token.split('.').count();
    assert_eq!(count(mint.logout_token().truncated().sign()), 2);
    let garbage = mint.logout_token().encrypted_garbage().sign();
    let lengths: Vec<_> = garbage
        .split('.')
        .map(|part| super::verify::decode(part).len())
        .collect();
    assert_eq!(lengths[1..], [256, 12, 16, 16]);
}

#[test]
fn the_confusion_token_is_an_hmac_over_the_public_pem() {
    // BCL-41
    let mint = mint();
    let token = mint.logout_token().hmac_with_public_key().sign();
    let (header, _) = parts(&token);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], mint.key_for("RS256").unwrap().kid());
}

#[test]
fn breakages_follow_the_algorithm_of_the_client() {
    let mint = mint().with_alg("ES256");
    let (header, _) = parts(&mint.logout_token().wrong_alg().sign());
    assert_eq!(header["alg"], "RS256");
    let token = mint.logout_token().signed_by_stranger().sign();
    assert_eq!(parts(&token).0["alg"], "ES256");
    assert!(!verifies(&token, &mint.jwks()));
}
