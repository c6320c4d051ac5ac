//! The guard over real sockets: axum and plain hyper.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use bytes::Bytes;
use futures_util::SinkExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::StreamExt;
use tokio_tungstenite::tungstenite::Message as Received;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::service_fn;
use tower_backchannel_logout::guard::LiveSession;
use tower_layer::Layer;

use super::rig::*;

async fn echo_until_the_end(mut socket: WebSocket, session: LiveSession) {
    let mut ended = session.ended();
    loop {
        tokio::select! {
            biased;
            () = &mut ended => {
                let _ = socket.send(Message::Close(None)).await;
                return;
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let _ = socket.send(Message::Text(text)).await;
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

/// An axum application with a page, a WebSocket, server-sent events and a handler that panics.
async fn axum_app(store: &Arc<Moody>) -> SocketAddr {
    let ws = async |upgrade: WebSocketUpgrade, Extension(live): Extension<LiveSession>| {
        upgrade.on_upgrade(|socket| echo_until_the_end(socket, live))
    };
    let events = async || {
        let hello = tokio_stream::once(Ok::<_, Infallible>(Event::default().data("hello")));
        Sse::new(hello.chain(tokio_stream::pending()))
    };
    let app = axum::Router::new()
        .route("/", get(async || "yours"))
        .route("/ws", get(ws))
        .route("/events", get(events))
        .route("/panic", get(async || -> &'static str { panic!("wanted") }))
        .layer(guard(store).with_ended_bodies());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A plain hyper service that says "yours".
async fn hyper_app(store: &Arc<Moody>) -> SocketAddr {
    let inner = service_fn(async |_: Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("yours")))
    });
    let service = guard(store).layer(inner);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

async fn fetch(
    address: SocketAddr,
    path: &str,
    session: Option<&str>,
) -> Result<Response<hyper::body::Incoming>, hyper_util::client::legacy::Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut request = Request::get(format!("http://{address}{path}"));
    if let Some(session) = session {
        request = request.header("cookie", format!("id={session}"));
    }
    client.request(request.body(Empty::new()).unwrap()).await
}

async fn status(address: SocketAddr, session: Option<&str>) -> u16 {
    let answer = fetch(address, "/", session).await.unwrap();
    if answer.status() != 200 {
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    answer.status().as_u16()
}

#[tokio::test]
async fn an_ended_session_is_refused_over_a_socket_by_axum_and_by_hyper() {
    for mood in [Mood::AtOnce, Mood::Waits] {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        login(&*store, "s2", "B").await;
        let apps = [axum_app(&store).await, hyper_app(&store).await];
        for app in apps {
            assert_eq!(status(app, None).await, 200);
            assert_eq!(status(app, Some("s1")).await, 200);
            assert_eq!(status(app, Some("never")).await, 401);
        }
        logout(&*store, "A").await;
        for app in apps {
            assert_eq!(status(app, Some("s1")).await, 401);
            assert_eq!(status(app, Some("s2")).await, 200);
        }
        store.feel(Mood::Fails);
        for app in apps {
            assert_eq!(status(app, Some("s2")).await, 503);
            assert_eq!(status(app, None).await, 200);
        }
    }
}

#[tokio::test]
async fn a_panic_of_the_handler_ends_one_connection_and_not_the_guard() {
    let store = Moody::new(Mood::Waits);
    login(&*store, "s1", "A").await;
    let app = axum_app(&store).await;
    assert!(fetch(app, "/panic", Some("s1")).await.is_err());
    assert_eq!(status(app, Some("s1")).await, 200);
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn connect(address: SocketAddr, session: &str) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    let cookie = format!("id={session}").parse().unwrap();
    request.headers_mut().insert("cookie", cookie);
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn echo(socket: &mut Socket) {
    socket.send(Received::Text("hi".into())).await.unwrap();
    let answer = StreamExt::next(socket).await.unwrap().unwrap();
    assert_eq!(answer, Received::Text("hi".into()));
}

#[tokio::test]
async fn a_websocket_closes_with_its_session_and_the_customers_other_one_stays_open() {
    // BCL-141
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    login(&*store, "s2", "B").await;
    let app = axum_app(&store).await;
    let mut one = connect(app, "s1").await.unwrap();
    let mut two = connect(app, "s2").await.unwrap();
    echo(&mut one).await;
    echo(&mut two).await;
    let begin = std::time::Instant::now();
    logout(&*store, "A").await;
    let last = in_time(StreamExt::next(&mut one)).await.unwrap().unwrap();
    assert!(last.is_close(), "{last:?}");
    assert!(begin.elapsed().as_secs() < 1);
    echo(&mut two).await;
    assert_eq!(connect(app, "s1").await.unwrap_err(), 401);
}

#[tokio::test]
async fn server_sent_events_end_with_their_session_and_the_customers_other_ones_go_on() {
    // BCL-141
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    login(&*store, "s2", "B").await;
    let app = axum_app(&store).await;
    let mut one = fetch(app, "/events", Some("s1")).await.unwrap().into_body();
    let mut two = fetch(app, "/events", Some("s2")).await.unwrap().into_body();
    for body in [&mut one, &mut two] {
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "data: hello\n\n");
    }
    let begin = std::time::Instant::now();
    logout(&*store, "A").await;
    // A clean end, not a broken transfer.
    assert!(in_time(one.frame()).await.is_none());
    assert!(begin.elapsed().as_secs() < 1);
    let open = tokio::time::timeout(std::time::Duration::from_millis(50), two.frame()).await;
    assert!(open.is_err(), "{open:?}");
}
