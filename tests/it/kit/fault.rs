//! Outages on command.

use std::time::Duration;

use tower_backchannel_logout::testing::{Endpoint, FakeProvider, Fault};

use super::http::{get, get_json, header};

async fn failing(fault: Fault) -> (FakeProvider, String) {
    let op = FakeProvider::start().await;
    op.fail(Endpoint::Jwks, fault);
    let url = op.url("/jwks");
    (op, url)
}

#[tokio::test]
async fn one_endpoint_fails_alone_and_recovers() {
    let (op, url) = failing(Fault::Status(500)).await;
    let discovery = op.url("/.well-known/openid-configuration");
    assert_eq!(get(&url).await.unwrap().status(), 500);
    assert_eq!(get(&discovery).await.unwrap().status(), 200);
    op.recover(Endpoint::Jwks);
    op.fail(Endpoint::Discovery, Fault::Status(404));
    assert_eq!(get(&url).await.unwrap().status(), 200);
    assert_eq!(get(&discovery).await.unwrap().status(), 404);
    assert_eq!(op.requests(Endpoint::Jwks), 2);
    assert_eq!(op.requests(Endpoint::Discovery), 2);
    assert_eq!(op.requests(Endpoint::Token), 0);
}

#[tokio::test]
async fn a_disconnect_is_no_answer() {
    let (op, url) = failing(Fault::Disconnect).await;
    assert!(get(&url).await.is_err());
    assert_eq!(op.requests(Endpoint::Jwks), 1);
}

#[tokio::test]
async fn a_web_page_a_redirect_and_any_text_come_as_told() {
    let (op, url) = failing(Fault::Html).await;
    let answer = get(&url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(header(answer.headers(), "content-type").starts_with("text/html"));
    op.fail(Endpoint::Jwks, Fault::Redirect(op.url("/elsewhere")));
    let answer = get(&url).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(header(answer.headers(), "location"), op.url("/elsewhere"));
    op.fail(Endpoint::Jwks, Fault::Body("{}".to_owned()));
    let answer = get(&url).await.unwrap();
    assert_eq!(header(answer.headers(), "content-type"), "application/json");
    assert_eq!(answer.body().as_ref(), b"{}");
}

#[tokio::test]
async fn a_huge_answer_has_the_size_it_was_given() {
    let (_op, url) = failing(Fault::Huge(2 << 20)).await;
    assert_eq!(get(&url).await.unwrap().body().len(), 2 << 20);
    assert_eq!(get_json(&url).await["keys"], serde_json::json!([]));
}

#[tokio::test]
async fn a_truncated_answer_breaks_off() {
    let (_op, url) = failing(Fault::Truncated).await;
    assert!(get(&url).await.is_err());
}

#[tokio::test]
async fn a_hanging_request_is_answered_once_the_fault_is_lifted() {
    let (op, url) = failing(Fault::Hang).await;
    let asked = async { get(&url).await.unwrap().status() };
    let lifted = async {
        op.wait_for_requests(Endpoint::Jwks, 1).await;
        op.recover(Endpoint::Jwks);
    };
    let (status, ()) = tokio::join!(asked, lifted);
    assert_eq!(status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_comes_as_much_later() {
    let (_op, url) = failing(Fault::Slow(Duration::from_secs(3))).await;
    let started = tokio::time::Instant::now();
    assert_eq!(get(&url).await.unwrap().status(), 200);
    assert!(started.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn an_offline_provider_answers_nothing_and_comes_back_on_its_port() {
    let op = FakeProvider::start().await;
    op.set_offline(true);
    assert!(get(&op.url("/jwks")).await.is_err());
    assert_eq!(op.requests(Endpoint::Jwks), 0);
    op.set_offline(false);
    assert_eq!(get_json(&op.url("/jwks")).await, op.jwks());
}

#[tokio::test]
async fn the_last_handle_closes_the_port() {
    let op = FakeProvider::start().await;
    let url = op.url("/jwks");
    let second = op.clone();
    drop(op);
    assert!(get(&url).await.is_ok());
    drop(second);
    tokio::task::yield_now().await;
    assert!(get(&url).await.is_err());
}
