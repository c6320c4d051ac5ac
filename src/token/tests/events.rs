//! What makes a token a Logout Token.

use serde_json::json;

use super::*;

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
        "logout_reason",
        "auditTrackingId",
        "",
    ] {
        assert_eq!(op.with(name, json!({"sub": "z"})), None, "{name}");
    }
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
