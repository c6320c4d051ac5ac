//! The claims of a Logout Token, rule by rule.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::clock::UnixTime;
use crate::jose::{Algorithm, ClientSecret, JwkSet, operations};
use crate::refusal::Refusal;
use crate::{ClientId, Issuer};

const NOW: i64 = 1_790_000_000;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct Op {
    key: Ed25519KeyPair,
    expectation: Expectation,
}

impl Op {
    fn new(policy: TokenPolicy) -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let x = b64(key.public_key());
        let keys = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#);
        let expectation = Expectation::signed_with(
            Issuer::parse("https://op.example").unwrap(),
            ClientId::parse("orders-web").unwrap(),
            Algorithm::EdDsa,
            JwkSet::parse(keys.as_bytes()).unwrap(),
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

#[test]
fn iat_lies_between_the_age_limit_and_the_leeway() {
    // BCL-104
    let op = op();
    assert_eq!(op.without("iat"), Some(Refusal::IatMissing));
    for (iat, refusal) in [
        (json!(NOW + 60), None),
        (json!(NOW + 61), Some(Refusal::IatInFuture)),
        (json!(NOW as f64 + 60.5), Some(Refusal::IatInFuture)),
        (json!(NOW - 360), None),
        (json!(NOW as f64 - 359.5), None),
        (json!(NOW as f64 - 360.5), Some(Refusal::TooOld)),
        (json!(NOW - 361), Some(Refusal::TooOld)),
        (json!(null), Some(Refusal::IatInvalid)),
        (json!("1790000000"), Some(Refusal::IatInvalid)),
        (json!(true), Some(Refusal::IatInvalid)),
        (json!([NOW]), Some(Refusal::IatInvalid)),
    ] {
        assert_eq!(op.with("iat", iat.clone()), refusal, "{iat}");
    }
}

#[test]
fn exp_is_the_first_moment_at_which_a_token_is_no_longer_good() {
    // BCL-105
    let op = op();
    for (exp, refusal) in [
        (json!(NOW - 59), None),
        (json!(NOW as f64 - 59.5), None),
        (json!(NOW - 60), Some(Refusal::Expired)),
        (json!(-1), Some(Refusal::Expired)),
        (json!(i64::MAX), None),
        (json!(null), Some(Refusal::ExpInvalid)),
        (json!("1790000110"), Some(Refusal::ExpInvalid)),
    ] {
        assert_eq!(op.with("exp", exp.clone()), refusal, "{exp}");
    }
}

#[test]
fn exp_may_be_missing_unless_it_is_required() {
    // BCL-106
    assert_eq!(op().without("exp"), None);
    let requiring = Op::new(TokenPolicy::default().with_require_exp(true));
    assert_eq!(requiring.without("exp"), Some(Refusal::ExpMissing));
    assert_eq!(requiring.verify(&good()).err(), None);
}

#[test]
fn nbf_is_not_ahead() {
    // BCL-107
    let op = op();
    for (nbf, refusal) in [
        (json!(NOW + 60), None),
        (json!(NOW + 61), Some(Refusal::NotYetValid)),
        (json!(-1), None),
        (json!(null), Some(Refusal::NbfInvalid)),
        (json!([]), Some(Refusal::NbfInvalid)),
    ] {
        assert_eq!(op.with("nbf", nbf.clone()), refusal, "{nbf}");
    }
}

#[test]
fn the_cut_off_is_iat_rounded_up_and_the_end_of_use_is_the_first_refused_second() {
    // BCL-108, BCL-143, BCL-163
    let op = op();
    for (iat, exp) in [
        (json!(NOW), json!(NOW + 120)),
        (json!(NOW as f64 - 0.25), json!(NOW as f64 + 0.5)),
        (json!(NOW - 100), json!(NOW + 3600)),
        (json!(NOW as f64 - 0.5), json!(1e300)),
    ] {
        let mut claims = good();
        (claims["iat"], claims["exp"]) = (iat.clone(), exp);
        let token = op.verify(&claims).unwrap();
        let ceiling = iat.as_f64().unwrap().ceil() as i64;
        assert_eq!(token.issued_at().as_secs(), ceiling);
        let end = token.usable_until().as_secs();
        assert!(op.verify_at(&claims, end - 1).is_ok(), "{claims}");
        let refusal = op.verify_at(&claims, end).unwrap_err();
        assert!(
            matches!(refusal, Refusal::TooOld | Refusal::Expired),
            "{claims}"
        );
    }
}

#[test]
fn jti_is_a_non_empty_string() {
    // BCL-109
    let op = op();
    assert_eq!(op.without("jti"), Some(Refusal::JtiMissing));
    assert_eq!(op.with("jti", json!(null)), Some(Refusal::JtiMissing));
    for jti in [json!(""), json!(7), json!(["x"]), json!("x".repeat(2049))] {
        assert_eq!(op.with("jti", jti), Some(Refusal::JtiInvalid));
    }
    assert_eq!(op.with("jti", json!("x".repeat(2048))), None);
}

#[test]
fn a_switch_takes_tokens_without_jti_and_no_others() {
    // BCL-109
    let op = Op::new(TokenPolicy::default().dangerous_allow_missing_jti(true));
    assert_eq!(op.without("jti"), None);
    assert_eq!(op.with("jti", json!("")), Some(Refusal::JtiInvalid));
}

#[test]
fn a_token_names_a_subject_or_a_session_and_null_is_nobody() {
    // BCL-110
    let op = op();
    let target = |sub: Value, sid: Value| {
        let mut claims = good();
        (claims["sub"], claims["sid"]) = (sub, sid);
        let token = op.verify(&claims)?;
        let target = token.target();
        Ok((
            target.subject().map(|sub| sub.as_str().to_owned()),
            target.sid().map(|sid| sid.as_str().to_owned()),
        ))
    };
    let (u, s) = (Some("u".to_owned()), Some("s".to_owned()));
    assert_eq!(target(json!("u"), json!("s")), Ok((u.clone(), s.clone())));
    assert_eq!(target(json!("u"), json!(null)), Ok((u, None)));
    assert_eq!(target(json!(null), json!("s")), Ok((None, s)));
    assert_eq!(target(json!(null), json!(null)), Err(Refusal::NoSubOrSid));
    assert_eq!(op.without("sub"), None);
    assert_eq!(op.without("sid"), None);
}

#[test]
fn an_identifier_that_is_none_spoils_the_token() {
    // BCL-111
    let op = op();
    let bad = [
        json!(""),
        json!(0),
        json!(false),
        json!([]),
        json!({}),
        json!("x".repeat(2049)),
    ];
    for bad in bad {
        assert_eq!(
            op.with("sub", bad.clone()),
            Some(Refusal::InvalidSub),
            "{bad}"
        );
        assert_eq!(
            op.with("sid", bad.clone()),
            Some(Refusal::InvalidSid),
            "{bad}"
        );
    }
    assert_eq!(op.with("sub", json!("x".repeat(2048))), None);
    assert_eq!(op.with("sid", json!("x".repeat(2048))), None);
}

#[test]
fn identifiers_are_passed_on_unchanged() {
    // BCL-112
    let op = op();
    for opaque in [
        "A",
        " padded ",
        "a%2Fb",
        "e\u{301}",
        "\u{feff}x",
        "o'Brien\"\\\n",
        "😀",
    ] {
        let mut claims = good();
        claims["sid"] = json!(opaque);
        let token = op.verify(&claims).unwrap();
        assert_eq!(token.target().sid().unwrap().as_str(), opaque);
    }
}

#[test]
fn events_holds_the_logout_event_with_an_object() {
    // BCL-113
    let op = op();
    assert_eq!(op.without("events"), Some(Refusal::EventsMissing));
    for events in [
        json!(null),
        json!(EVENT),
        json!([EVENT]),
        json!({}),
        json!({ "https://schemas.openid.net/event/backchannel-logout": {} }),
        json!({ "http://schemas.openid.net/event/backchannel-logout/": {} }),
        json!({ EVENT: null }),
        json!({ EVENT: true }),
        json!({ EVENT: [] }),
        json!({ EVENT: "{}" }),
    ] {
        let refusal = op.with("events", events.clone());
        assert_eq!(refusal, Some(Refusal::EventsInvalid), "{events}");
    }
}

#[test]
fn the_event_twice_is_refused() {
    // BCL-51, BCL-113
    let claims = good().to_string();
    let twice = format!("\"{EVENT}\":{{}},\"{EVENT}\":{{}}");
    let claims = claims.replace(&format!("\"{EVENT}\":{{}}"), &twice);
    let op = op();
    let token = op.sign(r#"{"alg":"EdDSA"}"#, &claims);
    let verdict = op.expectation.verify(&token, UnixTime::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Refusal::DuplicateMember));
}

#[test]
fn further_events_are_ignored_and_readable() {
    // BCL-114, BCL-151
    let op = op();
    let verify = |events: Value| {
        let mut claims = good();
        claims["events"] = events;
        op.verify(&claims).unwrap()
    };
    let hinted = verify(json!({ EVENT: {"reason": "x"}, "revoke_offline_access": true }));
    assert!(hinted.revoke_offline_access() && hinted.to_request().revoke_offline_access());
    let events: Value = serde_json::from_str(hinted.events()).unwrap();
    assert_eq!(events[EVENT]["reason"], "x");
    for other in [json!(false), json!("true"), json!(null), json!(1)] {
        let token = verify(json!({ EVENT: {}, "revoke_offline_access": other }));
        assert!(!token.revoke_offline_access());
    }
}

#[test]
fn nonce_is_refused_by_presence() {
    // BCL-115
    let op = op();
    for nonce in [json!("n"), json!(""), json!(null), json!(false), json!({})] {
        let refusal = op.with("nonce", nonce.clone());
        assert_eq!(refusal, Some(Refusal::NoncePresent), "{nonce}");
    }
    assert_eq!(op.with("events", json!({ EVENT: {"nonce": "n"} })), None);
}

#[test]
fn unknown_claims_are_ignored() {
    // BCL-116
    let op = op();
    for name in [
        "ignored_claim",
        "session_metadata",
        "typ",
        "toe",
        "txn",
        "cause",
        "",
    ] {
        assert_eq!(op.with(name, json!({"sub": "z"})), None, "{name}");
    }
}

#[test]
fn sid_is_required_only_by_configuration() {
    // BCL-117
    let requiring = Op::new(TokenPolicy::default().with_require_sid(true));
    assert_eq!(op().without("sid"), None);
    assert_eq!(requiring.without("sid"), Some(Refusal::SidMissing));
    assert_eq!(requiring.without("sub"), None);
}

#[test]
fn other_tokens_of_the_same_op_are_refused() {
    // BCL-118
    let op = op();
    let id_token = json!({"iss": "https://op.example", "aud": "orders-web", "iat": NOW,
        "exp": NOW + 120, "sub": "u", "sid": "s", "nonce": "n"});
    assert_eq!(op.verify(&id_token).err(), Some(Refusal::EventsMissing));
    let token = op.sign(r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &good().to_string());
    let verdict = op.expectation.verify(&token, UnixTime::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Refusal::WrongTyp));
}

#[test]
fn the_strict_profile_asks_for_typ_and_exp_and_a_short_life() {
    // BCL-174
    let op = Op::new(TokenPolicy::strict());
    let verify = |header: &str, exp: Value| {
        let mut claims = good();
        claims["exp"] = exp;
        let token = op.sign(header, &claims.to_string());
        op.expectation
            .verify(&token, UnixTime::from_secs(NOW))
            .err()
    };
    let typed = r#"{"alg":"EdDSA","typ":"logout+jwt"}"#;
    assert_eq!(verify(typed, json!(NOW + 180)), None);
    assert_eq!(
        verify(typed, json!(NOW + 181)),
        Some(Refusal::LifetimeTooLong)
    );
    assert_eq!(
        verify(r#"{"alg":"EdDSA"}"#, json!(NOW + 1)),
        Some(Refusal::WrongTyp)
    );
    let unlimited = TokenPolicy::strict().with_max_lifetime(Duration::MAX);
    assert_eq!(
        Op::new(unlimited.with_strict_typ(false)).without("exp"),
        Some(Refusal::ExpMissing)
    );
}

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
