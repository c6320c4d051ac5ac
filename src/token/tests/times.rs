//! When a token is good.

use std::time::Duration;

use serde_json::json;

use super::*;

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
fn leeway_and_age_are_those_of_the_policy() {
    // BCL-104, BCL-105, BCL-107
    assert_eq!(TokenPolicy::default().leeway(), Duration::from_secs(60));
    let policy = TokenPolicy::default()
        .with_leeway(Duration::from_secs(7))
        .with_max_age(Duration::from_secs(20));
    assert_eq!(policy.leeway(), Duration::from_secs(7));
    let op = Op::new(policy);
    for (claim, good, bad, refusal) in [
        ("iat", NOW + 7, NOW + 8, Refusal::IatInFuture),
        ("iat", NOW - 27, NOW - 28, Refusal::TooOld),
        ("exp", NOW - 6, NOW - 7, Refusal::Expired),
        ("nbf", NOW + 7, NOW + 8, Refusal::NotYetValid),
    ] {
        assert_eq!(op.with(claim, json!(good)), None, "{claim}");
        assert_eq!(op.with(claim, json!(bad)), Some(refusal), "{claim}");
    }
    // Beyond the end of time is the end of time.
    let patient = TokenPolicy::default()
        .with_leeway(Duration::MAX)
        .with_max_age(Duration::MAX);
    let op = Op::new(patient.with_max_lifetime(Duration::MAX));
    for claim in ["iat", "exp", "nbf"] {
        assert_eq!(op.with(claim, json!(0)), None);
        assert_eq!(op.with(claim, json!(4_000_000_000_i64)), None);
    }
}

#[test]
fn exp_is_told_as_it_is_and_rounded_up() {
    // BCL-105
    let op = op();
    let told = |exp: Value| {
        let mut claims = good();
        claims["exp"] = exp;
        op.verify(&claims).unwrap().expires_at()
    };
    assert_eq!(told(json!(NOW + 5)), Some(UnixTime::from_secs(NOW + 5)));
    let halves = json!(NOW as f64 + 5.5);
    assert_eq!(told(halves), Some(UnixTime::from_secs(NOW + 6)));
    let mut without = good();
    without.as_object_mut().unwrap().remove("exp");
    assert_eq!(op.verify(&without).unwrap().expires_at(), None);
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
