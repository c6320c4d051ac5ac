//! What HTTP itself brings to the endpoint, byte by byte over real sockets: odd requests, and senders that hang up.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt};
use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutLayer, LogoutService};
use tower_backchannel_logout::logout::Parking;
use tower_backchannel_logout::session::{LogoutRequest, SessionStore, Terminated};

use crate::parking::{Rig, pass};
use crate::rig::{
    Behaviour, NOW, Op, ScriptedStore, Served, form, form_text, is_live, send, serve, sign_in,
};

const TYPE: &str = "application/x-www-form-urlencoded";

/// A store that says when it is asked and answers when the gate opens.
#[derive(Clone, Default)]
struct Gated {
    asked: Arc<Notify>,
    gate: Arc<Notify>,
    answered: Arc<AtomicUsize>,
}

impl Gated {
    /// Waits, without a clock, until it has answered so often.
    async fn has_answered(&self, times: usize) {
        for _ in 0..1_000_000 {
            if self.answered.load(Ordering::SeqCst) == times {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the logout was lost");
    }
}

impl SessionStore for Gated {
    type Error = Infallible;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, Infallible> {
        self.asked.notify_one();
        self.gate.notified().await;
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(Terminated::default())
    }
}

#[tokio::test]
async fn a_logout_whose_sender_hung_up_is_carried_out_and_remembered() {
    // BCL-20, BCL-146, BCL-161
    let op = Op::new();
    let store = Gated::default();
    let mut endpoint = op.endpoint(store.clone());
    let token = op.token().sub("a").sign();
    let mut answer = endpoint.call(form(&token));
    let once = std::future::poll_fn(|cx| Poll::Ready(std::pin::pin!(&mut answer).poll(cx)));
    assert!(once.await.is_pending());
    drop(answer);
    assert_eq!(store.answered.load(Ordering::SeqCst), 0);
    store.gate.notify_one();
    store.has_answered(1).await;
    tokio::task::yield_now().await;
    assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
    assert_eq!(store.answered.load(Ordering::SeqCst), 1, "it was known");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_keeps_its_place_for_half_a_minute_at_most() {
    // BCL-21
    let op = Op::new();
    let config = EndpointConfig::default().with_max_in_progress(1);
    let store = ScriptedStore::new([Behaviour::Hang, Behaviour::Answer]);
    let mut endpoint = op.endpoint_with(store.clone(), config);
    let lost = endpoint.call(form(&op.token().sub("a").sign()));
    let given_up = tokio::time::timeout(Duration::from_millis(1), lost).await;
    assert!(given_up.is_err());
    let next = op.token().sub("b").sign();
    pass(29).await;
    let early = send(&endpoint, form(&next)).await;
    assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
    pass(2).await;
    assert_eq!(send(&endpoint, form(&next)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_sender_that_hangs_up_before_its_body_is_there_changes_nothing() {
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let mut endpoint = op.endpoint(store.clone());
    let text = format!("logout_token={}", op.token().sub("a").sign());
    let first = tokio_stream::once(Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
    let body = StreamBody::new(tokio_stream::StreamExt::chain(
        first,
        tokio_stream::pending(),
    ));
    let request = Request::post("/").header("content-type", TYPE).body(body);
    let answer = endpoint.call(request.unwrap());
    let cut = tokio::time::timeout(Duration::from_millis(1), answer).await;
    assert!(cut.is_err());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(store.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_sender_hung_up_while_the_keys_were_fetched_is_parked() {
    // BCL-76
    let rig = Rig::new();
    let store = rig.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = rig.logout(store.clone(), Parking::default());
    let mut endpoint = LogoutService::new(logout.clone());
    let mut answer = endpoint.call(form(&rig.token().sub("alice").sid("s1").sign()));
    let once = std::future::poll_fn(|cx| Poll::Ready(std::pin::pin!(&mut answer).poll(cx)));
    assert!(once.await.is_pending());
    drop(answer);
    pass(2).await;
    assert_eq!(logout.parked(), 1);
    rig.come_up();
    pass(40).await;
    assert!(!is_live(&store, "one").await);
}

#[tokio::test]
async fn a_connection_that_is_closed_or_reset_does_not_stop_the_logout() {
    // BCL-20, BCL-146
    let op = Op::new();
    let store = Gated::default();
    let served = serve(op.endpoint(store.clone())).await;
    let text = |sub: &str| format!("logout_token={}", op.token().sub(sub).sign());

    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(post("/", &text("one")).as_bytes())
        .await
        .unwrap();
    store.asked.notified().await;
    drop(stream);
    settle().await;
    store.gate.notify_one();
    store.has_answered(1).await;

    let stream = TcpStream::connect(served.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{}/", served.address))
        .header("content-type", TYPE)
        .body(Full::from(text("two")))
        .unwrap();
    // Dropping the future resets the stream; the connection stays.
    let answer = tokio::spawn(sender.send_request(request));
    store.asked.notified().await;
    answer.abort();
    settle().await;
    store.gate.notify_one();
    store.has_answered(2).await;
}

/// Gives the server time to notice that the other side is gone: with the bug the logout would be dropped here.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn post(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: rp.example\r\ncontent-type: {TYPE}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What the server writes to one request until it closes the connection or has answered; the connection is then half closed.
async fn exchange(served: &Served, request: &str) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..read]);
            if final_head(&answer) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("no answer");
    String::from_utf8(answer).unwrap()
}

/// Whether a head other than that of a 100 is complete.
fn final_head(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let text = text
        .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(&text);
    text.contains("\r\n\r\n")
}

/// The endpoint as a layer around an application that answers 404.
async fn app(op: &Op, store: ScriptedStore) -> Served {
    let layer = LogoutLayer::new("/backchannel-logout", op.endpoint(store)).unwrap();
    let inner = tower::service_fn(|_: Request<Incoming>| async {
        let answer = Response::builder()
            .status(404)
            .body(Full::<Bytes>::default());
        Ok::<_, Infallible>(answer.unwrap())
    });
    serve(layer.layer(inner)).await
}

#[tokio::test]
async fn a_target_in_another_form_is_the_endpoint_only_if_its_path_is() {
    // BCL-01, BCL-12
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let served = app(&op, store.clone()).await;
    let long = format!("/backchannel-logout?pad={}", "x".repeat(60_000));
    for (target, status) in [
        ("/backchannel-logout", 200),
        ("http://rp.example/backchannel-logout", 200),
        ("http://other.example:81/backchannel-logout?a=b", 200),
        (long.as_str(), 200),
        ("/backchannel-logout?logout_token=x&logout_token=y", 200),
        ("/backchannel%2Dlogout", 404),
        ("/backchannel-logout%2F", 404),
        ("/backchannel-logout;a=b", 404),
        ("/./backchannel-logout", 404),
        ("/a/../backchannel-logout", 404),
        ("http://rp.example", 404),
    ] {
        let before = store.asked().len();
        let text = format!("logout_token={}", op.token().sub("a").sign());
        let answer = exchange(&served, &post(target, &text)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {answer}"
        );
        let asked = store.asked().len() - before;
        assert_eq!(asked, usize::from(status == 200), "{target}");
    }
    let answer = exchange(&served, "OPTIONS * HTTP/1.1\r\nhost: rp.example\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let options = "OPTIONS /backchannel-logout HTTP/1.1\r\nhost: rp.example\r\n\r\n";
    let answer = exchange(&served, options).await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("allow: POST\r\n"), "{answer}");
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on_only_if_its_head_is_taken() {
    // BCL-02, BCL-03, BCL-06
    let op = Op::new();
    let served = serve(op.endpoint(op.store())).await;
    let text = format!("logout_token={}", op.token().sub("a").sign());
    let expecting = |method: &str, media_type: &str, length: usize| {
        format!(
            "{method} / HTTP/1.1\r\nhost: rp.example\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
            expect: 100-continue\r\n\r\n"
        )
    };
    for (head, status) in [
        (expecting("PUT", TYPE, 10), 405),
        (expecting("POST", "application/json", 10), 415),
        (expecting("POST", TYPE, 65_537), 413),
    ] {
        let answer = exchange(&served, &head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    let whole = expecting("POST", TYPE, text.len()) + &text;
    let answer = exchange(&served, &whole).await;
    let answer = answer
        .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-length: 0\r\n"), "{answer}");
}

#[tokio::test]
async fn a_body_in_chunks_with_trailers_is_taken_and_an_ambiguous_length_is_not() {
    // BCL-06, BCL-13
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let served = serve(op.endpoint(store.clone())).await;
    let text = format!("logout_token={}", op.token().sub("a").sign());
    let head = format!("POST / HTTP/1.1\r\nhost: rp.example\r\ncontent-type: {TYPE}\r\n");
    let (one, two) = text.split_at(100);
    let chunks = format!(
        "{:x}\r\n{one}\r\n{:x};ext=1\r\n{two}\r\n0\r\nlogout_token: x\r\n\r\n",
        one.len(),
        two.len()
    );
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}");
    let answer = exchange(&served, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(store.asked().len(), 1);
    let (length, less) = (text.len(), text.len() - 1);
    for odd in [
        format!("{head}content-length: {length}\r\ncontent-length: {less}\r\n\r\n{text}"),
        format!("{head}content-length: +{length}\r\n\r\n{text}"),
        format!("{head}content-length: 99999999999999999999\r\n\r\n{text}"),
        format!("{head}transfer-encoding: gzip, chunked\r\ncontent-length: 5\r\n\r\n{text}"),
        format!("{head}\r\n{text}"),
    ] {
        let answer = exchange(&served, &odd).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{odd}: {answer}"
        );
    }
    assert_eq!(store.asked().len(), 1, "nothing ambiguous was carried out");
}

#[tokio::test]
async fn an_empty_post_and_an_old_http_version_have_their_answers() {
    // BCL-03, BCL-04, BCL-08
    let op = Op::new();
    let served = serve(op.endpoint(op.store())).await;
    let empty = "POST / HTTP/1.1\r\nhost: rp.example\r\n\r\n";
    let answer = exchange(&served, empty).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    let answer = exchange(&served, &post("/", "")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let text = format!("logout_token={}", op.token().sub("a").sign());
    let old = post("/", &text).replace("HTTP/1.1", "HTTP/1.0");
    let answer = exchange(&served, &old).await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn limits_that_are_no_limits_do_not_overflow() {
    // BCL-07, BCL-20
    let op = Op::new();
    let none = EndpointConfig::default()
        .with_deadline(Duration::MAX)
        .with_body_timeout(Duration::MAX)
        .with_max_in_progress(usize::MAX)
        .with_retry_after(Duration::MAX);
    let endpoint = op.endpoint_with(op.store(), none);
    let answer = send(&endpoint, form(&op.token().sub("a").sign())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let failing = op.endpoint_with(ScriptedStore::new([Behaviour::Fail]), none);
    let answer = send(&failing, form(&op.token().sub("a").sign())).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], u64::MAX.to_string());
    let nothing = EndpointConfig::default().with_deadline(Duration::ZERO);
    let endpoint = op.endpoint_with(op.store(), nothing);
    let answer = send(&endpoint, form_text("x".repeat(10))).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_frames_without_bytes_is_given_up_in_time() {
    // BCL-07, BCL-173
    let op = Op::new();
    let frames = tokio_stream::StreamExt::map(tokio_stream::iter(0_u64..), |_| {
        Ok::<_, Infallible>(Frame::data(Bytes::new()))
    });
    let request = Request::post("/")
        .header("content-type", TYPE)
        .body(StreamBody::new(frames))
        .unwrap();
    // The runtime is never idle meanwhile, so its time goes on only if others have their turn too.
    let time = tokio::spawn(async {
        loop {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    });
    let answer = op.endpoint(op.store()).oneshot(request).await.unwrap();
    time.abort();
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    let body = answer.into_body().collect().await.unwrap();
    assert!(body.to_bytes().is_empty());
}
