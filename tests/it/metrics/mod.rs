//! Every figure of the table in `src/metrics.rs`, by its name, its labels and its value.
//!
//! What happens stands in functions of its own, so that one test can let all of it happen and compare with the table.

mod recorder;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tower::service_fn;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutService};
use tower_backchannel_logout::logout::{LogoutErrorKind, Parking};
use tower_backchannel_logout::metrics;
use tower_backchannel_logout::provider::Providers;
use tower_backchannel_logout::session::SessionStore;
use tower_backchannel_logout::testing::LogoutTokenBuilder;

use crate::guard::rig as guarded;
use crate::monitoring::{Figure, table};
use crate::parking::{Rig, pass};
use crate::rig::{Behaviour, NOW, Op, ScriptedStore, form, send, sign_in};
use recorder::{Seen, counted};

const REQUESTS: &str = "backchannel_logout_requests_total";

/// How many requests ended this way.
fn requests(seen: &Seen, outcome: &str, reason: &str) -> Option<f64> {
    let series = format!("{REQUESTS}{{outcome=\"{outcome}\",reason=\"{reason}\"}}");
    seen.value(&series)
}

async fn answer<S: SessionStore>(endpoint: &LogoutService<S>, token: LogoutTokenBuilder) -> u16 {
    send(endpoint, form(&token.sign())).await.status().as_u16()
}

/// Two sessions end 3 seconds after the token was made; then the token is repeated; then nobody matches.
async fn successes() {
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    sign_in(&store, "two", "alice", Some("s2"), NOW).await;
    let endpoint = op.endpoint(store.clone());
    let token = op.token().sub("alice").sign();
    op.clock.advance(Duration::from_secs(3));
    for _ in 0..2 {
        let answer = send(&endpoint, form(&token)).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(answer(&endpoint, op.token().sub("nobody")).await, 200);
    metrics::record_store(&store.stats());
}

#[tokio::test]
async fn a_logout_is_counted_with_its_sessions_and_the_time_it_took_to_take_effect() {
    // BCL-171
    let seen = counted(successes()).await;
    assert_eq!(requests(&seen, "ended", ""), Some(1.0));
    assert_eq!(requests(&seen, "repeated", ""), Some(1.0));
    assert_eq!(requests(&seen, "unmatched", ""), Some(1.0));
    assert_eq!(seen.series(REQUESTS).len(), 3);
    let value = |name: &str| seen.value(&format!("backchannel_logout_{name}"));
    assert_eq!(value("sessions_ended_total"), Some(2.0));
    assert_eq!(value("unmatched_total"), Some(1.0));
    assert_eq!(value("repeated_total"), Some(1.0));
    let effect = seen.all("backchannel_logout_effect_seconds");
    assert_eq!(effect, Some(vec![3.0, 0.0]));
    assert_eq!(value("store_sessions"), Some(0.0));
    assert_eq!(value("store_ended_ids"), Some(2.0));
    assert_eq!(value("store_marks"), Some(2.0));
    assert_eq!(value("store_folded_marks_total"), Some(0.0));
}

async fn refusals() {
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    assert_eq!(answer(&endpoint, op.token().typ("at+jwt")).await, 400);
    assert_eq!(
        answer(&endpoint, op.token().sub("a").claim("nonce", "n")).await,
        400
    );
    assert_eq!(
        answer(
            &endpoint,
            op.token().sub("a").issuer("https://other.example")
        )
        .await,
        400
    );
    let get = http::Request::get("/").body(String::new()).unwrap();
    assert_eq!(send(&endpoint, get).await.status(), 405);
}

#[tokio::test]
async fn a_refusal_is_counted_under_its_code() {
    // BCL-171
    let seen = counted(refusals()).await;
    for reason in [
        "wrong_typ",
        "nonce_present",
        "wrong_issuer",
        "method_not_allowed",
    ] {
        assert_eq!(requests(&seen, "refused", reason), Some(1.0), "{reason}");
    }
    assert_eq!(seen.series(REQUESTS).len(), 4);
    assert_eq!(seen.value("backchannel_logout_sessions_ended_total"), None);
}

async fn inabilities() {
    let op = Op::new();
    let failing = op.endpoint(ScriptedStore::new([Behaviour::Fail]));
    assert_eq!(answer(&failing, op.token().sub("a")).await, 503);
    let full = EndpointConfig::default().with_max_in_progress(0);
    let full = op.endpoint_with(op.store(), full);
    assert_eq!(answer(&full, op.token().sub("a")).await, 503);
    let hanging = op.endpoint(ScriptedStore::new([Behaviour::Hang]));
    assert_eq!(answer(&hanging, op.token().sub("a")).await, 503);
}

#[tokio::test(start_paused = true)]
async fn what_we_are_not_able_to_do_is_counted_under_its_kind() {
    // BCL-20, BCL-21, BCL-147, BCL-171
    let seen = counted(inabilities()).await;
    for kind in [
        LogoutErrorKind::StoreFailure,
        LogoutErrorKind::Overloaded,
        LogoutErrorKind::Deadline,
    ] {
        assert_eq!(
            requests(&seen, "failed", kind.code()),
            Some(1.0),
            "{kind:?}"
        );
    }
    let failed = "backchannel_logout_request_duration_seconds{outcome=\"failed\"}";
    // The last one was answered at the deadline.
    let durations = seen.all(failed).unwrap();
    assert_eq!(durations.len(), 3);
    assert!((durations[2] - 2.0).abs() < 0.01, "{durations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_missed_the_deadline_stays_in_progress_until_its_work_is_over() {
    // BCL-20, BCL-21
    let seen = counted(async {
        let op = Op::new();
        let hanging = op.endpoint(ScriptedStore::new([Behaviour::Hang]));
        assert_eq!(answer(&hanging, op.token().sub("a")).await, 503);
        pass(31).await;
    });
    let seen = seen.await;
    let course = seen.all("backchannel_logout_requests_in_progress");
    assert_eq!(course, Some(vec![1.0, 0.0]));
}

#[tokio::test]
async fn a_logout_without_http_is_counted_too() {
    let seen = counted(async {
        let op = Op::new();
        let logout = op.logout(op.store());
        logout.handle(&op.token().sub("a").sign()).await.unwrap();
        logout.handle("x").await.unwrap_err();
    });
    let seen = seen.await;
    assert_eq!(requests(&seen, "unmatched", ""), Some(1.0));
    assert_eq!(requests(&seen, "refused", "malformed"), Some(1.0));
    let course = seen.all("backchannel_logout_requests_in_progress");
    assert_eq!(course, Some(vec![1.0, 0.0, 1.0, 0.0]));
}

/// The keys cannot be had; one token is parked, one pushed out, one too large. Then the keys come.
async fn parked() {
    let rig = Rig::new();
    let logout = rig.logout(
        rig.store(),
        Parking::default().with_max_tokens(1).with_max_bytes(5_000),
    );
    let providers = Providers::from(rig.provider.clone());
    metrics::record_keys(&providers);
    let endpoint = LogoutService::new(logout);
    let large = rig.token().sub("a").claim("x", "y".repeat(5_000));
    for token in [rig.token().sub("a"), rig.token().sub("b"), large] {
        assert_eq!(answer(&endpoint, token).await, 503);
    }
    rig.come_up();
    pass(60).await;
    metrics::record_keys(&providers);
}

#[tokio::test(start_paused = true)]
async fn a_parked_token_is_counted_until_it_takes_effect() {
    // BCL-76
    let seen = counted(parked()).await;
    let parked = |result: &str| {
        seen.value(&format!(
            "backchannel_logout_parked_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!(parked("parked"), Some(2.0));
    assert_eq!(parked("pushed_out"), Some(1.0));
    assert_eq!(parked("too_large"), Some(1.0));
    assert_eq!(parked("processed"), Some(1.0));
    assert_eq!(seen.series("backchannel_logout_parked_total").len(), 4);
    let now = seen.all("backchannel_logout_parked_tokens{iss=\"https://op.example\"}");
    let now = now.unwrap();
    assert_eq!((now[0], now[1], now.last()), (1.0, 1.0, Some(&0.0)));
    assert_eq!(requests(&seen, "failed", "keys_unavailable"), Some(3.0));
    // It took effect by itself, and that is seen as well.
    assert_eq!(seen.value("backchannel_logout_unmatched_total"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_to_fetch_keys_is_counted_and_their_age_and_number_can_be_seen() {
    // BCL-75, BCL-82
    let seen = counted(parked()).await;
    let fetches = seen.series("backchannel_logout_keys_fetches_total");
    let iss = "iss=\"https://op.example\"";
    let named = |result: &str| {
        format!("backchannel_logout_keys_fetches_total{{{iss},result=\"{result}\"}}")
    };
    assert_eq!(seen.value(&named("ok")), Some(1.0), "{fetches:?}");
    assert_eq!(fetches.len(), 2, "{fetches:?}");
    assert!(seen.value(&named("connect")) >= Some(1.0), "{fetches:?}");
    let usable = seen.all(&format!("backchannel_logout_keys_usable{{{iss}}}"));
    let usable = usable.unwrap();
    assert!(usable[0] == 0.0 && usable[1] >= 1.0, "{usable:?}");
    let age = seen.all(&format!("backchannel_logout_keys_age_seconds{{{iss}}}"));
    let age = age.unwrap();
    assert_eq!(age.len(), 1, "no age before the first success");
    assert!((0.0..=60.0).contains(&age[0]), "{age:?}");
}

/// One request for each thing the guard can find out, and two without a session.
async fn guard() {
    use guarded::{Mood, Moody, ask, login, logout, ok};
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "live", "A").await;
    login(&*store, "ended", "B").await;
    logout(&*store, "B").await;
    let layer = guarded::guard(&store);
    let handler = service_fn(async |_| Ok(ok()));
    for (session, mood) in [
        (None, Mood::AtOnce),
        (None, Mood::Fails),
        (Some("live"), Mood::AtOnce),
        (Some("live"), Mood::Waits),
        (Some("ended"), Mood::AtOnce),
        (Some("nobody"), Mood::AtOnce),
        (Some("live; id=ended"), Mood::AtOnce),
        (Some("live"), Mood::Fails),
        (Some("live"), Mood::Takes(Duration::from_secs(60))),
    ] {
        store.feel(mood);
        let _ = ask(&layer, handler, session).await;
    }
    drop(Arc::clone(&store));
}

#[tokio::test(start_paused = true)]
async fn each_decision_of_the_guard_is_counted() {
    let seen = counted(guard()).await;
    for (decision, count) in [
        ("live", 2.0),
        ("ended", 1.0),
        ("unknown", 1.0),
        ("unusable", 1.0),
        ("store_failure", 1.0),
        ("store_timeout", 1.0),
    ] {
        let series = format!("backchannel_logout_guard_decisions_total{{decision=\"{decision}\"}}");
        assert_eq!(seen.value(&series), Some(count), "{decision}");
    }
    let all = seen.series("backchannel_logout_guard_decisions_total");
    assert_eq!(all.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_table_names_every_figure_that_is_written_and_no_other() {
    let seen = counted(async {
        successes().await;
        refusals().await;
        inabilities().await;
        parked().await;
        guard().await;
        metrics::describe();
    });
    let seen = seen.await;
    let written: Vec<Figure> = seen
        .shapes()
        .into_iter()
        .map(|(name, (kind, labels))| Figure { name, kind, labels })
        .collect();
    let mut listed = table();
    listed.sort();
    assert_eq!(written, listed);
    let described = seen.described();
    assert_eq!(described.len(), listed.len());
    for figure in listed {
        let (kind, unit) = described[&figure.name];
        assert_eq!(kind, figure.kind, "{}", figure.name);
        let seconds = unit == Some(::metrics::Unit::Seconds);
        assert_eq!(
            seconds,
            figure.name.ends_with("_seconds"),
            "{}",
            figure.name
        );
    }
}

#[tokio::test]
async fn what_an_alert_waits_for_begins_at_zero() {
    let seen = counted(async { metrics::describe() }).await;
    for kind in LogoutErrorKind::OURS {
        assert_eq!(requests(&seen, "failed", kind.code()), Some(0.0));
    }
    for series in [
        "backchannel_logout_parked_total{result=\"expired\"}",
        "backchannel_logout_parked_total{result=\"pushed_out\"}",
        "backchannel_logout_parked_total{result=\"too_large\"}",
        "backchannel_logout_guard_decisions_total{decision=\"store_failure\"}",
        "backchannel_logout_guard_decisions_total{decision=\"store_timeout\"}",
        "backchannel_logout_sessions_ended_total",
        "backchannel_logout_unmatched_total",
        "backchannel_logout_store_folded_marks_total",
    ] {
        assert_eq!(seen.value(series), Some(0.0), "{series}");
    }
}

#[tokio::test]
async fn no_sender_can_make_a_label() {
    // BCL-173: as many series as there are reasons, whatever is sent.
    let seen = counted(async {
        let op = Op::new();
        let endpoint = op.endpoint(op.store());
        for number in 0..50 {
            let name = format!("zz{number}");
            let issuer = format!("https://{name}.example");
            answer(&endpoint, op.token().sub(&name).issuer(issuer)).await;
            answer(&endpoint, op.token().sub(&name).kid(&name)).await;
            answer(&endpoint, op.token().sub(&name).audience(name.as_str())).await;
            let late = UnixTime::from_secs(NOW.as_secs() - 10_000 - number);
            answer(&endpoint, op.token().sub(&name).issued_at(late)).await;
        }
    });
    let seen = seen.await;
    assert_eq!(
        seen.series(REQUESTS).len(),
        4,
        "{:?}",
        seen.series(REQUESTS)
    );
    assert!(!format!("{seen:?}").contains("zz"));
}
