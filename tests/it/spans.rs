//! What a subscriber sees of each logout, and how little of what anybody can provoke.

use std::time::Duration;

use http::StatusCode;
use tower::service_fn;
use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutService};
use tower_backchannel_logout::logout::Parking;
use tower_backchannel_logout::session::{LogoutRequest, SessionStore, Terminated};
use tracing_subscriber::filter::LevelFilter;

use crate::guard::rig as guarded;
use crate::parking::{Rig, pass};
use crate::rig::{Behaviour, NOW, Op, ScriptedStore, StoreError, form, send, sign_in};
use crate::secrets::recording;

/// The line that a span leaves when it closes, from its name on.
fn closed(text: &str, span: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains("close time.busy"))
        .filter_map(|line| Some(line[line.find(span)?..].to_owned()))
        .map(|line| line.split("}:").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_request_is_one_span_with_its_outcome() {
    // BCL-171
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let endpoint = op.endpoint(store);
    let token = op.token().sub("alice").sign();
    let forged = op.token().sub("alice").claim("nonce", "n").sign();
    let get = http::Request::get("/").body(http_body_util::Full::default());
    for request in [
        form(&token),
        form(&token),
        form(&op.token().sub("nobody").sign()),
        form(&forged),
        form("x"),
        get.unwrap(),
    ] {
        send(&endpoint, request).await;
    }
    let iss = "iss=\"https://op.example\"";
    assert_eq!(
        closed(&log.text(), "backchannel_logout{"),
        [
            format!("backchannel_logout{{{iss} sessions=1 outcome=\"ended\""),
            format!("backchannel_logout{{{iss} outcome=\"repeated\""),
            format!("backchannel_logout{{{iss} sessions=0 outcome=\"unmatched\""),
            format!("backchannel_logout{{{iss} outcome=\"refused\" reason=\"nonce_present\""),
            "backchannel_logout{outcome=\"refused\" reason=\"malformed\"".to_owned(),
            "backchannel_logout{outcome=\"refused\" reason=\"method_not_allowed\"".to_owned(),
        ],
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_failure_names_its_provider_in_the_span_and_in_the_log() {
    // BCL-147
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let endpoint = op.endpoint(ScriptedStore::new([Behaviour::Fail]));
    send(&endpoint, form(&op.token().sub("a").sign())).await;
    let text = log.text();
    let line = text.lines().find(|line| line.contains("ERROR")).unwrap();
    assert_eq!(
        line.matches("iss=\"https://op.example\"").count(),
        2,
        "{line}"
    );
    assert!(line.contains("reason=\"store_failure\""), "{line}");
}

#[tokio::test]
async fn a_logout_without_http_has_the_same_span() {
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let logout = op.logout(op.store());
    logout.handle("x").await.unwrap_err();
    assert_eq!(
        closed(&log.text(), "backchannel_logout{"),
        ["backchannel_logout{outcome=\"refused\" reason=\"malformed\""]
    );
}

/// A store that takes five seconds.
struct Slow;

impl SessionStore for Slow {
    type Error = StoreError;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, StoreError> {
        pass(5).await;
        Ok(Terminated::default())
    }
}

#[tokio::test(start_paused = true)]
async fn the_span_lasts_until_a_late_logout_is_done() {
    // BCL-20
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let answer = send(&op.endpoint(Slow), form(&op.token().sub("a").sign())).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(log.text().contains("reason=\"deadline\""));
    assert!(closed(&log.text(), "backchannel_logout{").is_empty());
    pass(10).await;
    let text = log.text();
    let done = text.lines().find(|line| line.contains("logout: logout "));
    let done = done.or_else(|| {
        text.lines()
            .find(|line| line.contains("outcome=\"unmatched\""))
    });
    assert!(done.unwrap().contains("backchannel_logout{"), "{text}");
    let closed = closed(&text, "backchannel_logout{");
    assert_eq!(closed.len(), 1, "{text}");
    assert!(closed[0].contains("outcome=\"failed\" reason=\"deadline\" sessions=0"));
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_never_ends_is_given_up_with_a_line_in_its_span() {
    // BCL-20
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let endpoint = op.endpoint(ScriptedStore::new([Behaviour::Hang]));
    send(&endpoint, form(&op.token().sub("a").sign())).await;
    pass(40).await;
    let text = log.text();
    let line = text.lines().find(|line| line.contains("logout given up"));
    assert!(line.unwrap().contains("backchannel_logout{"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_at_a_parked_token_is_a_span_of_its_own() {
    // BCL-76
    let (log, _guard) = recording(LevelFilter::INFO);
    let rig = Rig::new();
    let logout = rig.logout(rig.store(), Parking::default());
    let endpoint = LogoutService::new(logout);
    send(&endpoint, form(&rig.token().sub("a").sign())).await;
    rig.come_up();
    pass(60).await;
    let text = log.text();
    let attempts = closed(&text, "parked_logout{");
    assert_eq!(
        attempts.last().map(String::as_str),
        Some("parked_logout{iss=\"https://op.example\" sessions=0 outcome=\"unmatched\""),
        "{text}"
    );
    // The request that brought it was over long before.
    let failed = closed(&text, "backchannel_logout{");
    assert_eq!(failed.len(), 1);
    assert!(failed[0].contains("reason=\"keys_unavailable\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_keys_stay_away_is_tried_every_few_seconds_and_not_each_second() {
    // BCL-76
    let (log, _guard) = recording(LevelFilter::INFO);
    let rig = Rig::new();
    let logout = rig.logout(rig.store(), Parking::default());
    logout
        .handle(&rig.token().sid("s").sign())
        .await
        .unwrap_err();
    pass(60).await;
    let attempts = closed(&log.text(), "parked_logout{").len();
    assert!((1..=12).contains(&attempts), "{attempts}");
    assert_eq!(logout.parked(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_refresh_of_keys_is_a_line_with_its_result() {
    let (log, _guard) = recording(LevelFilter::DEBUG);
    let rig = Rig::new();
    let keys = rig.provider.remote_keys().unwrap().clone();
    keys.refresh().await.unwrap_err();
    rig.come_up();
    keys.refresh().await.unwrap();
    pass(60).await;
    keys.refresh().await.unwrap();
    let text = log.text();
    let line = |outcome: &str| {
        let wanted = format!("outcome=\"{outcome}\"");
        let line = text.lines().find(|line| line.contains(&wanted));
        let line = line.unwrap_or_else(|| panic!("{outcome}: {text}"));
        assert!(line.contains("iss=\"https://op.example\""), "{line}");
        line.to_owned()
    };
    let failed = line("failed");
    assert!(failed.contains(" WARN ") && failed.contains("reason=\"connect\""));
    assert!(failed.contains("attempts=1 keys=0"), "{failed}");
    let changed = line("changed");
    assert!(changed.contains(" INFO ") && changed.contains("attempts=2"));
    assert!(changed.contains("age=0"), "{changed}");
    let unchanged = line("unchanged");
    assert!(unchanged.contains("DEBUG ") && unchanged.contains("attempts=3"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_one_warning_and_not_one_a_request() {
    let (log, _guard) = recording(LevelFilter::DEBUG);
    let store = guarded::Moody::new(guarded::Mood::Fails);
    let layer = guarded::guard(&store);
    let handler = service_fn(async |_| Ok(guarded::ok()));
    for _ in 0..100 {
        guarded::refused(guarded::ask(&layer, handler, Some("one")).await).await;
    }
    pass(10).await;
    guarded::refused(guarded::ask(&layer, handler, Some("one")).await).await;
    let text = log.text();
    let warnings: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" WARN "))
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[1].contains("kept_back=99"), "{warnings:?}");
    assert_eq!(text.matches("session not checked").count(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_requests_is_one_warning() {
    // BCL-21
    let (log, _guard) = recording(LevelFilter::INFO);
    let op = Op::new();
    let full = EndpointConfig::default().with_max_in_progress(0);
    let endpoint = op.endpoint_with(op.store(), full);
    for _ in 0..100 {
        send(&endpoint, form("x")).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(log.text().matches(" WARN ").count(), 1);
}
