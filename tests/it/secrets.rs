//! What must never be seen: tokens, keys and session ids nowhere, `sub`, `sid` and `jti` at trace level only.

use std::io::Write;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::json;
use tower_backchannel_logout::logout::{Logout, LogoutOutcome};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;

use crate::rig::{Behaviour, NOW, Op, ScriptedStore, form, send, sign_in};

/// What was written, to look at.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Records the events of this level and above, with their spans, and each span once more when it closes.
pub(crate) fn recording(level: LevelFilter) -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(level).with(
        tracing_subscriber::fmt::layer()
            .with_writer(log.clone())
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false),
    );
    (log, tracing::subscriber::set_default(subscriber))
}

const MARKER: &str = "zzMARKERzz";

#[tokio::test]
async fn no_claim_and_no_header_value_shows_in_an_answer_or_in_a_log_line() {
    // BCL-18, BCL-170
    let (log, _guard) = recording(LevelFilter::DEBUG);
    let op = Op::new();
    let store = op.store();
    sign_in(&store, &format!("{MARKER}id"), MARKER, Some(MARKER), NOW).await;
    let endpoint = op.endpoint(store);
    let mut answers = Vec::new();
    let mut tokens = vec![
        op.token().sub(MARKER).sid(MARKER).jti(MARKER).sign(),
        op.token()
            .sub(format!("{MARKER}unmatched"))
            .jti(MARKER)
            .sign(),
    ];
    for claim in [
        "iss", "aud", "azp", "iat", "exp", "nbf", "events", "nonce", "jti", "sub", "sid",
    ] {
        tokens.push(
            op.token()
                .sub(MARKER)
                .sid(MARKER)
                .claim(claim, MARKER)
                .sign(),
        );
        tokens.push(
            op.token()
                .sub(MARKER)
                .sid(MARKER)
                .claim(claim, json!({ MARKER: [MARKER] }))
                .sign(),
        );
    }
    for header in [
        "typ", "kid", "crit", "b64", "jku", "x5u", "cty", "zip", "alg",
    ] {
        tokens.push(op.token().sub(MARKER).header(header, MARKER).sign());
    }
    tokens.push(format!("{MARKER}.{MARKER}.{MARKER}"));
    tokens.push(MARKER.to_owned());
    for token in &tokens {
        let mut request = form(token);
        for name in ["cookie", "authorization", "user-agent", "x-request-id"] {
            let value = http::HeaderValue::from_static(MARKER);
            request.headers_mut().insert(name, value);
        }
        answers.push(send(&endpoint, request).await);
    }
    assert!(
        answers
            .iter()
            .any(|answer| answer.status() == StatusCode::OK)
    );
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status() == StatusCode::BAD_REQUEST)
            .count()
            > 20
    );
    for answer in answers {
        assert!(!format!("{answer:?}").contains(MARKER), "{answer:?}");
    }
    let text = log.text();
    assert!(text.contains("logout"), "something was logged: {text}");
    assert!(!text.contains(MARKER), "{text}");
    for token in tokens {
        let signature = token.rsplit('.').next().unwrap();
        assert!(
            signature.is_empty() || !text.contains(signature),
            "a token was logged"
        );
    }
}

#[tokio::test]
async fn a_sub_that_is_not_that_of_the_session_is_a_warning_without_names() {
    // BCL-142
    let (log, _guard) = recording(LevelFilter::WARN);
    let op = Op::new();
    let store = op.store();
    let endpoint = op.endpoint(store.clone());
    let warning = "the sub of a logout token is not that of the session its sid names";
    for (sub, warns) in [("pairwise", false), (MARKER, true)] {
        sign_in(&store, sub, "pairwise", Some(sub), NOW).await;
        let token = op.token().sub(sub).sid(sub).sign();
        assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
        assert!(!crate::rig::is_live(&store, sub).await);
        assert_eq!(log.text().contains(warning), warns, "{}", log.text());
    }
    let text = log.text();
    assert!(
        !text.contains(MARKER) && !text.contains("pairwise"),
        "{text}"
    );
}

#[tokio::test]
async fn a_failure_is_logged_with_its_source_and_without_secrets() {
    // BCL-147, BCL-170
    let (log, _guard) = recording(LevelFilter::DEBUG);
    let op = Op::new();
    let endpoint = op.endpoint(ScriptedStore::new([Behaviour::Fail]));
    let token = op.token().sub(MARKER).sid(MARKER).sign();
    let answer = send(&endpoint, form(&token)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = log.text();
    assert!(
        text.contains("store_failure") && text.contains("the table is locked"),
        "{text}"
    );
    assert!(!text.contains(MARKER), "{text}");
}

#[tokio::test]
async fn debug_output_of_what_the_application_holds_has_no_secrets() {
    // BCL-170
    let op = Op::new();
    let store = op.store();
    sign_in(&store, MARKER, MARKER, Some(MARKER), NOW).await;
    let logout = op.logout(store.clone());
    let token = logout
        .verifier()
        .verify(&op.token().sub(MARKER).sid(MARKER).jti(MARKER).sign())
        .await
        .unwrap();
    let request = token.to_request();
    let shown = format!(
        "{logout:?} {store:?} {token:?} {request:?} {:?}",
        op.endpoint(store.clone())
    );
    assert!(!shown.contains(MARKER), "{shown}");
}

#[tokio::test]
async fn a_logout_that_matched_nothing_and_an_issuer_without_sid_are_reported() {
    // BCL-144
    let (log, _guard) = recording(LevelFilter::DEBUG);
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = op.logout(store);
    logout
        .handle(&op.token().sub("alice").sid("s1").sign())
        .await
        .unwrap();
    let text = log.text();
    assert!(
        !text.contains("unmatched_") && !text.contains("no_sid"),
        "{text}"
    );
    logout
        .handle(&op.token().sub("nobody").sid("s9").sign())
        .await
        .unwrap();
    assert!(log.text().contains("unmatched_sid"));
    logout
        .handle(&op.token().sub("nobody").sign())
        .await
        .unwrap();
    logout
        .handle(&op.token().sub("somebody").sign())
        .await
        .unwrap();
    let text = log.text();
    assert!(text.contains("unmatched_sub"));
    assert_eq!(
        text.matches("no_sid").count(),
        1,
        "once for each issuer: {text}"
    );
}

#[tokio::test]
async fn that_nothing_matches_is_no_warning_where_sessions_are_stateless() {
    let (log, _guard) = recording(LevelFilter::WARN);
    let op = Op::new();
    let logout = Logout::builder(op.store(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_stateless_sessions(true)
        .build();
    let token = op.token().sub("alice").sid("s1").sign();
    let outcome = logout.handle(&token).await.unwrap();
    assert_eq!(outcome, LogoutOutcome::Unmatched);
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn at_trace_level_the_names_in_a_verified_token_show_and_still_no_secret() {
    // BCL-170
    let (log, _guard) = recording(LevelFilter::TRACE);
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "zzIDzz", "zzSUBzz", Some("zzSIDzz"), NOW).await;
    let endpoint = op.endpoint(store);
    let token = op.token().sub("zzSUBzz").sid("zzSIDzz").jti("zzJTIzz");
    let token = token.sign();
    let forged = format!("{}x", op.token().sub("zzFORGEDzz").sign());
    let mut request = form(&token);
    let cookie = http::HeaderValue::from_static("id=zzIDzz");
    request.headers_mut().insert("cookie", cookie);
    assert_eq!(send(&endpoint, request).await.status(), StatusCode::OK);
    let answer = send(&endpoint, form(&forged)).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let text = log.text();
    for name in ["zzSUBzz", "zzSIDzz", "zzJTIzz"] {
        let lines: Vec<_> = text.lines().filter(|line| line.contains(name)).collect();
        assert!(!lines.is_empty(), "{text}");
        assert!(
            lines.iter().all(|line| line.contains(" TRACE ")),
            "{lines:?}"
        );
    }
    for secret in ["zzIDzz", "zzFORGEDzz"] {
        assert!(!text.contains(secret), "{text}");
    }
    // Each part of the token, and what the keys are made of.
    let jwks: serde_json::Value = serde_json::from_str(&op.mint.jwks_json()).unwrap();
    let mut parts: Vec<&str> = token.split('.').chain(forged.split('.')).collect();
    parts.extend(jwks["keys"][0]["n"].as_str());
    parts.extend(jwks["keys"][0]["x"].as_str());
    assert!(parts.len() >= 7);
    for part in parts {
        assert!(!text.contains(part), "a token or a key was logged");
    }
}
