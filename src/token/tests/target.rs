//! Whom a token names, and by which name it goes.

use serde_json::json;

use super::*;

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
fn sid_is_required_only_by_configuration() {
    // BCL-117
    let requiring = Op::new(TokenPolicy::default().with_require_sid(true));
    assert_eq!(op().without("sid"), None);
    assert_eq!(requiring.without("sid"), Some(Refusal::SidMissing));
    assert_eq!(requiring.without("sub"), None);
}
