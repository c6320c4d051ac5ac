//! Spec section A: what the endpoint takes, refuses and answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::Notify;
use tower::{Layer, ServiceExt};
use tower_backchannel_logout::endpoint::{
    EndpointConfig, LogoutLayer, LogoutService, RequestRefusal,
};
use tower_backchannel_logout::logout::{Logout, LogoutErrorKind};
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::session::{LogoutRequest, SessionStore, Terminated};

use crate::rig::NOW;
use crate::rig::{
    Behaviour, Op, ScriptedStore, assert_error, client_id, form, form_text, is_live, issuer, send,
    sign_in,
};

const TYPE: &str = "application/x-www-form-urlencoded";

fn post(content_type: &str, token: &str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("content-type", content_type)
        .body(body(token))
        .unwrap()
}

fn body(token: &str) -> Full<Bytes> {
    Full::new(Bytes::from(format!("logout_token={token}")))
}

fn bad(refusal: Refusal) -> (StatusCode, &'static str, &'static str) {
    (
        StatusCode::BAD_REQUEST,
        "invalid_request",
        refusal.description(),
    )
}

#[tokio::test]
async fn a_good_token_ends_its_session_whatever_the_query_says() {
    // BCL-01
    for path in ["/backchannel-logout", "/backchannel-logout?tenant=a"] {
        let op = Op::new();
        let store = op.store();
        sign_in(&store, "one", "alice", Some("s1"), NOW).await;
        let mut request = form(&op.token().sub("alice").sid("s1").sign());
        *request.uri_mut() = path.parse().unwrap();
        let answer = send(&op.endpoint(store.clone()), request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!is_live(&store, "one").await);
    }
}

#[tokio::test]
async fn every_method_but_post_is_refused_without_reading_the_body() {
    // BCL-02, BCL-14
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post",
    ] {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri("/")
            .header("content-type", TYPE)
            .body(Untouchable)
            .unwrap();
        let answer = send(&endpoint, request).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers()["allow"], "POST");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.body().is_empty());
    }
}

/// A body that fails the test when it is read.
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

#[tokio::test]
async fn the_media_type_is_a_form_without_regard_to_case_and_parameters() {
    // BCL-03
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    for content_type in [
        TYPE,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=ISO-8859-1",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        " application/x-www-form-urlencoded ",
    ] {
        let answer = send(&endpoint, post(content_type, &op.token().sub("a").sign())).await;
        assert_eq!(answer.status(), StatusCode::OK, "{content_type}");
    }
    for content_type in [
        "application/json",
        "application/jwt",
        "application/logout+jwt",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencodedx",
        "text/plain; x=application/x-www-form-urlencoded",
        "",
    ] {
        let answer = send(&endpoint, post(content_type, &op.token().sub("a").sign())).await;
        let (status, text) = (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RequestRefusal::UnsupportedMediaType.description(),
        );
        assert_error(&answer, status, "invalid_request", text);
    }
}

#[tokio::test]
async fn a_missing_or_repeated_content_type_is_refused() {
    // BCL-04
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    let token = op.token().sub("a").sign();
    let none = Request::post("/").body(body(&token)).unwrap();
    let two = Request::post("/")
        .header("content-type", TYPE)
        .header("content-type", TYPE)
        .body(body(&token))
        .unwrap();
    for request in [none, two] {
        assert_eq!(
            send(&endpoint, request).await.status(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
    }
}

#[tokio::test]
async fn a_content_coding_other_than_identity_is_refused() {
    // BCL-05
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    for (coding, status) in [
        ("identity", StatusCode::OK),
        ("Identity", StatusCode::OK),
        ("gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("identity, gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let mut request = form(&op.token().sub("a").sign());
        request
            .headers_mut()
            .insert("content-encoding", coding.parse().unwrap());
        assert_eq!(
            send(&endpoint, request).await.status(),
            status,
            "{coding:?}"
        );
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    // BCL-06
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    for (length, status) in [
        (65_536, StatusCode::OK),
        (65_537, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let mut text = format!("logout_token={}&pad=", op.token().sub("a").sign());
        text.push_str(&"x".repeat(length - text.len()));
        let whole = send(&endpoint, form_text(text.clone())).await;
        assert_eq!(whole.status(), status, "{length}");
        // The same in chunks of unknown total length.
        let frames: Vec<_> = text
            .into_bytes()
            .chunks(1000)
            .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        let request = Request::post("/")
            .header("content-type", TYPE)
            .body(StreamBody::new(tokio_stream::iter(frames)))
            .unwrap();
        let chunked = send(&endpoint, request).await;
        assert_eq!(chunked.status(), status, "{length} in chunks");
        if status != StatusCode::OK {
            assert_error(
                &chunked,
                status,
                "invalid_request",
                RequestRefusal::BodyTooLarge.description(),
            );
            assert_eq!(chunked.headers()["connection"], "close");
        }
    }
}

#[tokio::test]
async fn a_larger_declared_length_is_refused_before_a_byte_is_read() {
    // BCL-06
    let op = Op::new();
    let request = Request::post("/")
        .header("content-type", TYPE)
        .header("content-length", "65537")
        .body(Untouchable)
        .unwrap();
    let answer = send(&op.endpoint(op.store()), request).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_announces_too_much_by_itself_is_refused_before_it_is_read() {
    // BCL-06
    struct Announcing;
    impl Body for Announcing {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("the body was read");
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(65_537)
        }
    }
    let op = Op::new();
    let request = Request::post("/")
        .header("content-type", TYPE)
        .body(Announcing)
        .unwrap();
    let answer = send(&op.endpoint(op.store()), request).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_dripping_body_is_given_up_after_its_own_deadline() {
    // BCL-07
    let op = Op::new();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let drip = tokio::spawn(async move {
        while sender
            .send(Ok(Frame::data(Bytes::from_static(b"x"))))
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let request = Request::post("/")
        .header("content-type", TYPE)
        .body(StreamBody::new(stream))
        .unwrap();
    let started = tokio::time::Instant::now();
    let answer = send(&op.endpoint(op.store()), request).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.body().is_empty());
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    drip.await.unwrap();
}

#[tokio::test]
async fn an_aborted_body_is_refused_and_nothing_is_ended() {
    // BCL-07
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let text = format!("logout_token={}", op.token().sub("a").sign());
    let frames = [
        Ok(Frame::data(Bytes::from(text))),
        Err(std::io::Error::other("gone")),
    ];
    let request = Request::post("/")
        .header("content-type", TYPE)
        .body(StreamBody::new(tokio_stream::iter(frames)))
        .unwrap();
    let answer = send(&op.endpoint(store.clone()), request).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert!(store.asked().is_empty());
}

#[tokio::test]
async fn exactly_one_logout_token_that_is_not_empty_is_taken() {
    // BCL-08, BCL-15
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    let token = op.token().sub("a").sign();
    for (text, refusal) in [
        (String::new(), Refusal::MissingLogoutToken),
        ("token=x".into(), Refusal::MissingLogoutToken),
        ("logout_token=".into(), Refusal::MissingLogoutToken),
        ("logout_token".into(), Refusal::MissingLogoutToken),
        (
            format!("logout_token={token}&logout_token={token}"),
            Refusal::DuplicateParameter,
        ),
        (
            format!("logout_token={token}&logout_token=x"),
            Refusal::DuplicateParameter,
        ),
        (
            format!("logout_token=&logout_token={token}"),
            Refusal::DuplicateParameter,
        ),
    ] {
        let (status, error, description) = bad(refusal);
        assert_error(
            &send(&endpoint, form_text(text)).await,
            status,
            error,
            description,
        );
    }
}

#[tokio::test]
async fn other_fields_are_ignored_repeated_or_not_valid_or_not() {
    // BCL-09
    let op = Op::new();
    let endpoint = op.endpoint(op.store());
    for around in [
        "ignored_parameter=x",
        "x=1&x=2",
        "%FF=%FF",
        "state",
        "=",
        "a=%zz",
    ] {
        let token = op.token().sub("a").sign();
        let answer = send(
            &endpoint,
            form_text(format!("{around}&logout_token={token}&{around}")),
        )
        .await;
        assert_eq!(answer.status(), StatusCode::OK, "{around}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_counts_only_where_the_client_allows_it() {
    // BCL-10
    let op = Op::new();
    let lenient = {
        let keys =
            tower_backchannel_logout::jose::JwkSet::parse(op.mint.jwks_json().as_bytes()).unwrap();
        let client = Client::builder(client_id())
            .with_token_in_query(true)
            .build()
            .unwrap();
        let provider = Provider::builder(issuer())
            .with_client(client)
            .with_static_keys(keys)
            .build()
            .unwrap();
        LogoutService::new(
            Logout::builder(op.store(), [provider])
                .with_clock(op.clock.clone())
                .build(),
        )
    };
    let strict = op.endpoint(op.store());
    let with_query = |text: String, token: &str| {
        let mut request = form_text(text);
        *request.uri_mut() = format!("/backchannel-logout?a=b&logout_token={token}")
            .parse()
            .unwrap();
        request
    };
    let token = op.token().sub("a").sign();
    let missing = bad(Refusal::MissingLogoutToken);
    let double = bad(Refusal::DuplicateParameter);

    let answer = send(&strict, with_query(String::new(), &token)).await;
    assert_error(&answer, missing.0, missing.1, missing.2);
    let answer = send(&strict, with_query(format!("logout_token={token}"), &token)).await;
    assert_eq!(answer.status(), StatusCode::OK, "the query is ignored");

    let answer = send(&lenient, with_query(String::new(), &token)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = send(
        &lenient,
        with_query(format!("logout_token={token}"), &token),
    )
    .await;
    assert_error(&answer, double.0, double.1, double.2);
    let twice = format!("{token}&logout_token={token}");
    let answer = send(&lenient, with_query(String::new(), &twice)).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn cookies_and_credentials_are_neither_needed_nor_set() {
    // BCL-11
    let op = Op::new();
    let mut request = form(&op.token().sub("a").sign());
    request
        .headers_mut()
        .insert("cookie", "session=stray".parse().unwrap());
    request
        .headers_mut()
        .insert("authorization", "Bearer x".parse().unwrap());
    let answer = send(&op.endpoint(op.store()), request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn the_layer_serves_its_path_alone_and_never_redirects() {
    // BCL-01, BCL-12
    let op = Op::new();
    let layer = LogoutLayer::new("/backchannel-logout", op.endpoint(op.store())).unwrap();
    let app = layer.layer(tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(
            Response::builder()
                .status(404)
                .body(Full::new(Bytes::from_static(b"the app")))
                .unwrap(),
        )
    }));
    for (path, status) in [
        ("/backchannel-logout", 200),
        ("/backchannel-logout?tenant=a", 200),
        ("/backchannel-logout/", 404),
        ("/Backchannel-Logout", 404),
        ("/backchannel-logout/x", 404),
        ("//backchannel-logout", 404),
        ("/", 404),
    ] {
        let mut request = form(&op.token().sub("a").sign());
        *request.uri_mut() = path.parse().unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.is_empty(), status == 200);
    }
}

#[test]
fn a_path_that_can_never_match_is_refused_when_the_layer_is_built() {
    let op = Op::new();
    for path in ["", "logout", "/a?b", "/a#b"] {
        let error = LogoutLayer::new(path, op.endpoint(op.store())).unwrap_err();
        assert_eq!(error.field(), "path");
    }
}

#[tokio::test]
async fn success_is_an_empty_200_that_is_not_stored_and_tells_nothing() {
    // BCL-13, BCL-14, BCL-22, BCL-144
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let endpoint = op.endpoint(store);
    let known = op.token().sub("alice").sid("s1").sign();
    let answers = [
        send(&endpoint, form(&known)).await,
        send(&endpoint, form(&known)).await,
        send(
            &endpoint,
            form(&op.token().sub("nobody").sid("none").sign()),
        )
        .await,
    ];
    for answer in &answers {
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.body().is_empty());
        assert_eq!(answer.headers().len(), 1);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn our_own_inability_is_503_and_400_in_literal_mode() {
    // BCL-19, BCL-147
    for behaviour in [Behaviour::Fail, Behaviour::Panic] {
        let op = Op::new();
        let token = op.token().sub("a").sign();
        let answer = send(&op.endpoint(ScriptedStore::new([behaviour])), form(&token)).await;
        let text = LogoutErrorKind::StoreFailure.description();
        assert_error(
            &answer,
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            text,
        );
        assert_eq!(answer.headers()["retry-after"], "5");

        let literal = EndpointConfig::default().with_literal_400(true);
        let endpoint = op.endpoint_with(ScriptedStore::new([behaviour]), literal);
        let answer = send(&endpoint, form(&token)).await;
        assert_error(
            &answer,
            StatusCode::BAD_REQUEST,
            "temporarily_unavailable",
            text,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn literal_mode_makes_each_of_our_inabilities_400_and_keeps_retry_after() {
    // BCL-19
    let literal = EndpointConfig::default().with_literal_400(true);
    let rig = crate::parking::Rig::new();
    let keys = LogoutService::with_config(
        rig.logout(
            rig.store(),
            tower_backchannel_logout::logout::Parking::default(),
        ),
        literal,
    );
    let op = Op::new();
    let late = op.endpoint_with(ScriptedStore::new([Behaviour::Hang]), literal);
    let full = op.endpoint_with(op.store(), literal.with_max_in_progress(0));
    let hook = Logout::builder(op.store(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_hook(|_| std::future::ready(Err::<(), _>(std::io::Error::other("hook"))))
        .build();
    let hook = LogoutService::with_config(hook, literal);
    let token = op.token().sub("a").sign();
    for (answer, kind) in [
        (
            send(&keys, form(&rig.token().sub("a").sign())).await,
            LogoutErrorKind::KeysUnavailable,
        ),
        (send(&late, form(&token)).await, LogoutErrorKind::Deadline),
        (send(&full, form(&token)).await, LogoutErrorKind::Overloaded),
        (
            send(&hook, form(&token)).await,
            LogoutErrorKind::HookFailure,
        ),
    ] {
        let text = kind.description();
        assert_error(
            &answer,
            StatusCode::BAD_REQUEST,
            "temporarily_unavailable",
            text,
        );
        assert_eq!(answer.headers()["retry-after"], "5");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_within_the_deadline_and_the_logout_goes_on() {
    // BCL-20, BCL-147
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Hang]);
    let started = tokio::time::Instant::now();
    let answer = send(&op.endpoint(store), form(&op.token().sub("a").sign())).await;
    let text = LogoutErrorKind::Deadline.description();
    assert_error(
        &answer,
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        text,
    );
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

/// A store that takes its time.
#[derive(Clone)]
struct Slow(Duration);

impl SessionStore for Slow {
    type Error = Infallible;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, Infallible> {
        tokio::time::sleep(self.0).await;
        Ok(Terminated::default())
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_within_its_limits_by_a_millisecond_is_success() {
    // BCL-07, BCL-20: the body has one second, everything together two.
    for (body_ms, store_ms, status) in [
        (999, 1000, StatusCode::OK),
        (999, 1002, StatusCode::SERVICE_UNAVAILABLE),
        (1001, 0, StatusCode::REQUEST_TIMEOUT),
    ] {
        let op = Op::new();
        let text = format!("logout_token={}", op.token().sub("a").sign());
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
        let sending = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(body_ms)).await;
            let _ = sender.send(Ok(Frame::data(Bytes::from(text)))).await;
        });
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let request = Request::post("/")
            .header("content-type", TYPE)
            .body(StreamBody::new(stream))
            .unwrap();
        let endpoint = op.endpoint(Slow(Duration::from_millis(store_ms)));
        let answer = send(&endpoint, request).await;
        assert_eq!(answer.status(), status, "{body_ms} and {store_ms} ms");
        sending.await.unwrap();
    }
}

/// A store that answers when the gate opens, and counts its answers.
#[derive(Clone, Default)]
struct Gated {
    gate: Arc<Notify>,
    answered: Arc<AtomicUsize>,
}

impl SessionStore for Gated {
    type Error = Infallible;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, Infallible> {
        self.gate.notified().await;
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(Terminated::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_missed_the_deadline_still_takes_effect_and_is_remembered() {
    // BCL-20, BCL-146: some providers never ask again
    let op = Op::new();
    let store = Gated::default();
    let endpoint = op.endpoint(store.clone());
    let token = op.token().sub("a").sign();
    let answer = send(&endpoint, form(&token)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(store.answered.load(Ordering::SeqCst), 0);
    store.gate.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.answered.load(Ordering::SeqCst), 1);
    // The repetition finds it done, and does not wait for the gate.
    assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
    assert_eq!(store.answered.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_bound_are_shed_until_a_place_is_free() {
    // BCL-21
    let op = Op::new();
    let config = EndpointConfig::default().with_max_in_progress(3);
    let store = ScriptedStore::new([
        Behaviour::Hang,
        Behaviour::Hang,
        Behaviour::Hang,
        Behaviour::Answer,
    ]);
    let endpoint = op.endpoint_with(store.clone(), config);
    let mut held = Vec::new();
    for number in 0..3 {
        let (endpoint, token) = (endpoint.clone(), op.token().sub(format!("{number}")).sign());
        held.push(tokio::spawn(
            async move { send(&endpoint, form(&token)).await },
        ));
    }
    while store.asked().len() < 3 {
        tokio::task::yield_now().await;
    }
    let answer = send(&endpoint, form(&op.token().sub("x").sign())).await;
    let text = LogoutErrorKind::Overloaded.description();
    assert_error(
        &answer,
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        text,
    );
    for request in held {
        assert_eq!(
            request.await.unwrap().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    // What is late keeps its place until it gives up.
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(
        send(&endpoint, form(&op.token().sub("y").sign()))
            .await
            .status(),
        StatusCode::OK
    );
}

#[test]
fn every_reason_has_a_code_of_its_own_and_a_printable_description() {
    // BCL-16, BCL-17, BCL-18, BCL-171
    let refusals = Refusal::ALL
        .iter()
        .map(|refusal| (refusal.code(), refusal.description()));
    let requests = RequestRefusal::ALL
        .iter()
        .map(|refusal| (refusal.code(), refusal.description()));
    let ours = LogoutErrorKind::OURS
        .iter()
        .map(|kind| (kind.code(), kind.description()));
    let mut codes = std::collections::BTreeSet::new();
    for (code, description) in refusals.chain(requests).chain(ours) {
        assert!(codes.insert(code), "{code} twice");
        assert!(
            code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{code}"
        );
        assert!(
            description
                .chars()
                .all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'),
            "{description}"
        );
    }
    // A new reason has to be added to the documentation too.
    assert_eq!(codes.len(), 42 + 4 + 5);
}
