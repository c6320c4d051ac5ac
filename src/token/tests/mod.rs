//! The claims of a Logout Token, rule by rule.

mod events;
mod forms;
mod order;
mod target;
mod times;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::clock::UnixTime;
use crate::jose::{Algorithm, ClientSecret, JwkSet};
use crate::refusal::Refusal;
use crate::{ClientId, Issuer};

const NOW: i64 = 1_790_000_000;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn published(key: &Ed25519KeyPair) -> String {
    let x = b64(key.public_key());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#)
}

struct Op {
    key: Ed25519KeyPair,
    expectation: Expectation,
}

impl Op {
    fn new(policy: TokenPolicy) -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let expectation = Expectation::signed_with(
            Issuer::parse("https://op.example").unwrap(),
            ClientId::parse("orders-web").unwrap(),
            Algorithm::EdDsa,
            JwkSet::parse(published(&key).as_bytes()).unwrap(),
        )
        .unwrap()
        .with_policy(policy);
        Self { key, expectation }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", b64(header), b64(claims));
        let signature = self.key.sign(input.as_bytes());
        format!("{input}.{}", b64(signature))
    }

    fn verify_at(&self, claims: &Value, now: i64) -> Result<LogoutToken, Refusal> {
        let token = self.sign(r#"{"alg":"EdDSA"}"#, &claims.to_string());
        self.expectation.verify(&token, UnixTime::from_secs(now))
    }

    fn verify(&self, claims: &Value) -> Result<LogoutToken, Refusal> {
        self.verify_at(claims, NOW)
    }

    /// The refusal of good claims with one member set.
    fn with(&self, name: &str, value: Value) -> Option<Refusal> {
        let mut claims = good();
        claims[name] = value;
        self.verify(&claims).err()
    }

    /// The refusal of good claims without one member.
    fn without(&self, name: &str) -> Option<Refusal> {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        self.verify(&claims).err()
    }
}

fn op() -> Op {
    Op::new(TokenPolicy::default())
}

fn good() -> Value {
    json!({
        "iss": "https://op.example", "aud": "orders-web", "iat": NOW, "exp": NOW + 120,
        "jti": "j", "sub": "u", "sid": "s", "events": { EVENT: {} },
    })
}

#[test]
fn iss_is_the_configured_issuer_byte_for_byte() {
    // BCL-100
    let op = op();
    assert_eq!(op.with("iss", json!("https://op.example")), None);
    assert_eq!(op.without("iss"), Some(Refusal::WrongIssuer));
    for iss in [
        json!("https://op.example/"),
        json!("https://op.exampleINVALID"),
        json!("https://OP.example"),
        json!(["https://op.example"]),
        json!(null),
        json!(1),
    ] {
        assert_eq!(
            op.with("iss", iss.clone()),
            Some(Refusal::WrongIssuer),
            "{iss}"
        );
    }
}

#[test]
fn a_token_and_what_expects_it_show_the_client_and_no_names() {
    // BCL-170
    let op = op();
    let shown = format!("{:?}", op.expectation);
    let expected = r#"Expectation { issuer: Issuer("https://op.example"), client_id: ClientId("orders-web"), algorithm: EdDsa, .. }"#;
    assert_eq!(shown, expected);
    let mut claims = good();
    for claim in ["sub", "sid", "jti"] {
        claims[claim] = json!("marker");
    }
    claims["events"] = json!({ EVENT: { "marker": "marker" } });
    let token = op.verify(&claims).unwrap();
    assert_eq!(token.issuer().as_str(), "https://op.example");
    assert_eq!(token.jti().map(crate::types::Jti::as_str), Some("marker"));
    let shown = format!("{token:?}");
    assert!(
        shown.contains("orders-web") && shown.contains("issued_at"),
        "{shown}"
    );
    assert!(!shown.contains("marker"), "{shown}");
}

#[test]
fn aud_is_a_string_or_a_non_empty_array_of_strings_with_the_client_in_it() {
    // BCL-101
    let op = op();
    assert_eq!(op.with("aud", json!(["orders-web"])), None);
    assert_eq!(op.without("aud"), Some(Refusal::WrongAudience));
    for aud in [
        json!("orders-webINVALID"),
        json!("orders-we"),
        json!("Orders-web"),
        json!(""),
        json!([]),
        json!(["x"]),
        json!(["orders-web", 1]),
        json!([["orders-web"]]),
        json!({"orders-web": true}),
        json!(null),
    ] {
        assert_eq!(
            op.with("aud", aud.clone()),
            Some(Refusal::WrongAudience),
            "{aud}"
        );
    }
}

#[test]
fn further_audiences_are_refused_unless_they_are_trusted() {
    // BCL-102
    let two = || json!(["orders-web", "https://api.example"]);
    assert_eq!(op().with("aud", two()), Some(Refusal::UntrustedAudience));
    let trusting = Op::new(TokenPolicy::default().with_trusted_audiences(["https://api.example"]));
    assert_eq!(trusting.with("aud", two()), None);
    let three = json!(["orders-web", "https://api.example", "x"]);
    assert_eq!(
        trusting.with("aud", three),
        Some(Refusal::UntrustedAudience)
    );
    let without_us = json!(["https://api.example"]);
    assert_eq!(
        trusting.with("aud", without_us),
        Some(Refusal::WrongAudience)
    );
}

#[test]
fn with_a_client_secret_there_is_one_audience() {
    // BCL-85
    let secret = "s".repeat(64);
    let expectation = Expectation::keyed_with(
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("orders-web").unwrap(),
        Algorithm::Hs512,
        ClientSecret::parse(&secret).unwrap(),
    )
    .unwrap()
    .with_policy(TokenPolicy::default().with_trusted_audiences(["x"]));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA512, secret.as_bytes());
    let verify = |aud: Value| {
        let mut claims = good();
        claims["aud"] = aud;
        let input = format!("{}.{}", b64(r#"{"alg":"HS512"}"#), b64(claims.to_string()));
        let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
        let token = format!("{input}.{}", b64(tag));
        expectation.verify(&token, UnixTime::from_secs(NOW)).err()
    };
    assert_eq!(verify(json!("orders-web")), None);
    assert_eq!(verify(json!(["orders-web"])), None);
    let refused = Some(Refusal::UntrustedAudience);
    assert_eq!(verify(json!(["orders-web", "x"])), refused);
    assert_eq!(verify(json!(["orders-web", "orders-web"])), refused);
}

#[test]
fn azp_is_the_client_if_it_is_there() {
    // BCL-103
    let op = op();
    assert_eq!(op.with("azp", json!("orders-web")), None);
    for azp in [
        json!("other"),
        json!(""),
        json!(null),
        json!(1),
        json!(["orders-web"]),
    ] {
        assert_eq!(
            op.with("azp", azp.clone()),
            Some(Refusal::WrongAzp),
            "{azp}"
        );
    }
}
