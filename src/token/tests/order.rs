//! The order of the checks, and what no input can do.

use serde_json::{Value, json};

use super::*;
use crate::jose::operations;

#[test]
fn nothing_is_verified_before_the_cheap_checks_have_passed() {
    // BCL-70, BCL-172
    let op = op();
    let (plain, claims) = (r#"{"alg":"EdDSA"}"#, good().to_string());
    let other = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        claims.to_string()
    };
    for (token, refusal) in [
        ("x".to_owned(), Refusal::Malformed),
        ("a.b.c.d.e".to_owned(), Refusal::Encrypted),
        ("a".repeat(65_537), Refusal::TooLarge),
        (op.sign(plain, "[]"), Refusal::Malformed),
        (op.sign(plain, r#"{"a":1,"a":2}"#), Refusal::DuplicateMember),
        (op.sign(r#"{"alg":"none"}"#, &claims), Refusal::AlgNone),
        (
            op.sign(r#"{"alg":"RS256"}"#, &claims),
            Refusal::AlgNotAllowed,
        ),
        (
            op.sign(r#"{"alg":"EdDSA","crit":[]}"#, &claims),
            Refusal::UnsupportedCrit,
        ),
        (
            op.sign(r#"{"alg":"EdDSA","typ":"x"}"#, &claims),
            Refusal::WrongTyp,
        ),
        (
            op.sign(plain, &other("iss", json!("x"))),
            Refusal::WrongIssuer,
        ),
        (
            op.sign(plain, &other("aud", json!("x"))),
            Refusal::WrongAudience,
        ),
        (
            op.sign(r#"{"alg":"EdDSA","kid":"x"}"#, &claims),
            Refusal::UnknownKey,
        ),
    ] {
        let before = operations();
        let verdict = op.expectation.verify(&token, UnixTime::from_secs(NOW));
        assert_eq!(verdict.err(), Some(refusal));
        assert_eq!(operations(), before, "{refusal:?}");
    }
    // A claim that is wrong is believed to be wrong only once the signature is good.
    let forged = Op::new(TokenPolicy::default()).sign(plain, &other("nonce", json!("n")));
    let verdict = op.expectation.verify(&forged, UnixTime::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Refusal::BadSignature));
}

#[test]
fn a_parsed_token_tells_who_it_claims_to_be_for() {
    // BCL-42, BCL-76
    let claims = r#"{"iss":"https:\/\/op.example","aud":["a","b"],"iat":12.9}"#;
    let token = format!("{}.{}.AA", b64(r#"{"kid":"k"}"#), b64(claims));
    let compact = crate::jose::Compact::decode(&token).ok().unwrap();
    let parsed = ParsedToken::parse(&compact).ok().unwrap();
    assert_eq!(parsed.issuer(), Some("https://op.example"));
    assert!(parsed.names_audience("b") && !parsed.names_audience("c"));
    assert_eq!(parsed.kid(), Some("k"));
    assert_eq!(parsed.iat(), Some(UnixTime::from_secs(12)));
}

#[test]
fn keys_of_the_wrong_kind_cannot_be_configured() {
    // BCL-41
    let (issuer, client) = (
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("c").unwrap(),
    );
    let keys = JwkSet::parse(br#"{"keys":[]}"#).unwrap();
    let error = Expectation::signed_with(issuer.clone(), client.clone(), Algorithm::Hs256, keys);
    assert_eq!(error.unwrap_err().field(), "algorithm");
    let secret = ClientSecret::parse("s".repeat(40)).unwrap();
    for (algorithm, field) in [
        (Algorithm::Rs256, "algorithm"),
        (Algorithm::Hs384, "client_secret"),
    ] {
        let error =
            Expectation::keyed_with(issuer.clone(), client.clone(), algorithm, secret.clone());
        assert_eq!(error.unwrap_err().field(), field);
    }
}

proptest::proptest! {
    #[test]
    fn no_claims_make_the_verifier_panic(claims in "[ -~]{0,60}|[{]\"(iat|exp|sub|aud|events)\":[ -~]{0,40}[}]") {
        // BCL-173
        let op = op();
        let token = op.sign(r#"{"alg":"EdDSA"}"#, &claims);
        proptest::prop_assert!(op.expectation.verify(&token, UnixTime::from_secs(NOW)).is_err());
    }

    #[test]
    fn no_value_of_a_claim_makes_the_verifier_panic(
        index in 0_usize..8, value in "-?[0-9]{1,30}(e-?[0-9]{1,4})?|\"[ -~&&[^\"]]{0,20}\"|[\\[{]{0,200}",
    ) {
        // BCL-108, BCL-173
        let names = ["iss", "aud", "iat", "exp", "jti", "sub", "sid", "events"];
        let claims = good().to_string();
        let claims = claims.replacen('{', &format!("{{\"x\":{value},\"{}2\":{value},", names[index]), 1);
        let op = op();
        let token = op.sign(r#"{"alg":"EdDSA"}"#, &claims);
        let _ = op.expectation.verify(&token, UnixTime::from_secs(NOW));
        let mut claims = good();
        if let Ok(value) = serde_json::from_str(&value) {
            claims[names[index]] = value;
        }
        let _ = op.verify(&claims);
    }
}
