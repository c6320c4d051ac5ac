//! Back-channel deliveries, received by a plain HTTP server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Form, Router};
use serde_json::Value;
use tower_backchannel_logout::testing::{
    ClientRegistration, ExchangeError, FakeProvider, TestClock,
};

use super::http::{get, header, query};
use super::verify::{parts, verifies};

type Inbox = Arc<Mutex<Vec<String>>>;

async fn receive(
    State(inbox): State<Inbox>,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, &'static str) {
    let mut inbox = inbox.lock().unwrap();
    inbox.push(form["logout_token"].clone());
    match inbox.len() {
        1 => (StatusCode::OK, ""),
        _ => (StatusCode::BAD_REQUEST, "once is enough"),
    }
}

/// The application: it keeps what it gets.
async fn application() -> (String, Inbox) {
    let inbox = Inbox::default();
    let router = Router::new()
        .route("/bcl", post(receive))
        .with_state(Arc::clone(&inbox));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bcl?tenant=a", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

fn claims(inbox: &Inbox) -> Vec<Value> {
    inbox
        .lock()
        .unwrap()
        .iter()
        .map(|token| parts(token).1)
        .collect()
}

/// Two clients with a URL each, and one without; `alice` is logged in at all three in one session.
async fn setting(clock: TestClock) -> (FakeProvider, String, [Inbox; 2]) {
    let op = FakeProvider::builder().with_clock(clock).start().await;
    let ((orders, one), (stock, two)) = (application().await, application().await);
    op.register(ClientRegistration::public("orders").with_backchannel_logout_uri(orders));
    op.register(
        ClientRegistration::public("stock")
            .with_backchannel_logout_uri(stock)
            .with_session_required(false)
            .with_alg("ES256"),
    );
    let login = op.log_in("orders", "alice");
    for client in ["stock", ClientRegistration::DEFAULT_ID] {
        assert_eq!(op.join_session(&login.sid, client).sid, login.sid);
    }
    (op, login.sid, [one, two])
}

#[tokio::test]
async fn ending_a_session_tells_each_client_with_a_url_once() {
    let (op, sid, [one, two]) = setting(TestClock::default()).await;
    op.log_in("orders", "bob");
    let deliveries = op.end_session(&sid).await;
    let told: Vec<_> = deliveries
        .iter()
        .map(|one| (one.client_id.as_str(), one.status()))
        .collect();
    assert_eq!(told, [("orders", Some(200)), ("stock", Some(200))]);
    let (orders, stock) = (&claims(&one)[0], &claims(&two)[0]);
    assert_eq!(
        (&orders["aud"], &orders["sid"]),
        (&"orders".into(), &sid.clone().into())
    );
    assert_eq!((&stock["aud"], stock.get("sid")), (&"stock".into(), None));
    assert_eq!(stock["sub"], "alice");
    assert!(verifies(&one.lock().unwrap()[0], &op.jwks()));
    assert!(op.sessions_of("alice").is_empty());
    assert_eq!(op.sessions_of("bob").len(), 1);
    assert!(op.end_session(&sid).await.is_empty());
}

#[tokio::test]
async fn ending_all_sessions_sends_one_token_with_a_sub_alone() {
    let (op, _, [one, two]) = setting(TestClock::default()).await;
    op.log_in("orders", "alice");
    assert_eq!(op.end_all_sessions_of("alice").await.len(), 2);
    for inbox in [one, two] {
        let claims = claims(&inbox);
        assert_eq!(claims.len(), 1);
        assert_eq!(
            (claims[0]["sub"].as_str(), claims[0].get("sid")),
            (Some("alice"), None)
        );
    }
    assert!(op.sessions_of("alice").is_empty());
}

#[tokio::test]
async fn a_prepared_logout_can_be_sent_twice_and_the_answer_is_reported() {
    let (op, sid, [one, _]) = setting(TestClock::default()).await;
    let pending = op.prepare_end_session(&sid);
    assert!(one.lock().unwrap().is_empty());
    assert_eq!(pending[0].client_id(), "orders");
    assert_eq!(pending[0].send().await.status(), Some(200));
    let second = pending[0].send().await;
    assert_eq!(
        (second.status(), second.body()),
        (Some(400), "once is enough")
    );
    assert_eq!(
        *one.lock().unwrap(),
        [pending[0].token(), pending[0].token()]
    );
}

#[tokio::test]
async fn prepared_logouts_can_be_sent_late_and_in_another_order() {
    let clock = TestClock::default();
    let (op, sid, [one, _]) = setting(clock.clone()).await;
    let early = op.prepare_end_session(&sid);
    clock.advance(Duration::from_secs(90));
    let later = op.log_in("orders", "alice");
    let late = op.prepare_end_session(&later.sid);
    late[0].send().await;
    early[0].send().await;
    let claims = claims(&one);
    let start = TestClock::DEFAULT_START.as_secs();
    assert_eq!(
        (&claims[0]["iat"], &claims[1]["iat"]),
        (&(start + 90).into(), &start.into())
    );
    assert_eq!(
        (&claims[0]["sid"], &claims[1]["sid"]),
        (&later.sid.into(), &sid.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_delivery_arrives_whole_and_late() {
    let (op, sid, [one, _]) = setting(TestClock::default()).await;
    let pending = op.prepare_end_session(&sid);
    let (begun, hour) = (tokio::time::Instant::now(), Duration::from_secs(3600));
    assert_eq!(pending[0].send_slowly(hour).await.status(), Some(200));
    assert!(begun.elapsed() >= hour);
    assert_eq!(*one.lock().unwrap(), [pending[0].token()]);
}

#[tokio::test]
async fn any_token_can_be_delivered() {
    let (op, _, [one, _]) = setting(TestClock::default()).await;
    let url = op.prepare_end_all_sessions_of("alice")[0].url().to_owned();
    let broken = op.logout_token().with_nonce().sign();
    assert_eq!(op.deliver(&broken, &url).await.status(), Some(200));
    assert_eq!(*one.lock().unwrap(), [broken]);
}

#[tokio::test]
async fn no_connection_and_no_http_url_are_reported() {
    let op = FakeProvider::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let failed = op.deliver("x", &closed).await;
    assert!(matches!(failed.answer, Err(ExchangeError::Connect(_))));
    assert_eq!((failed.status(), failed.body()), (None, ""));
    for url in ["https://app.example/", "/bcl", ""] {
        let failed = op.deliver("x", url).await;
        assert!(matches!(failed.answer, Err(ExchangeError::Url)), "{url}");
    }
}

#[tokio::test]
async fn the_end_session_endpoint_delivers_before_it_redirects() {
    let (op, sid, [one, _]) = setting(TestClock::default()).await;
    let hint = op.join_session(&sid, "orders").id_token;
    let target = "http://app.example/bye";
    let pairs = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", target),
        ("state", "s"),
    ];
    let answer = get(&op.url(&format!("/end_session?{}", query(&pairs))))
        .await
        .unwrap();
    assert_eq!(
        header(answer.headers(), "location"),
        "http://app.example/bye?state=s"
    );
    assert_eq!(claims(&one)[0]["sid"], sid);
    let again = get(&op.url("/end_session")).await.unwrap();
    assert_eq!(
        (again.status(), again.body().as_ref()),
        (StatusCode::OK, &b"you are signed out"[..])
    );
}
