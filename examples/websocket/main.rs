//! A WebSocket and server-sent events that close when their session ends; the customer's other session does not notice.
//!
//! `cargo run --example websocket` plays the story over loopback and exits 0 only if it came true. With `-- --serve` it
//! stays up: open the printed address in two browsers, log in at both, and let the provider clear one of the sessions.
//!
//! Look at `socket` and `events`: the future `live.ended()` is all they need. A `TokenMint` plays the provider.

#[path = "../loopback/mod.rs"]
mod loopback;
mod tour;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::{Stream, StreamExt, stream};
use http::{StatusCode, header::SET_COOKIE};
use loopback::{Failure, Oops, provider};
use tokio::time::timeout;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{LiveSession, SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::session::{NewSession, Registration};
use tower_backchannel_logout::session::{SessionIdentity, SessionRegistry};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::TokenMint;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

#[derive(Clone)]
struct App {
    store: MemoryStore,
    mint: TokenMint,
    address: SocketAddr,
}

/// What the guard leaves; nothing for a request without a session, which passes.
type Live = Option<Extension<LiveSession>>;

/// Echoes, until the session ends.
async fn socket(up: WebSocketUpgrade, live: Live) -> Result<Response, StatusCode> {
    let Extension(live) = live.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(up.on_upgrade(async move |mut socket: WebSocket| {
        let mut ended = live.ended();
        loop {
            tokio::select! {
                biased;
                () = &mut ended => {
                    let _ = socket.send(Message::Close(None)).await;
                    // Whoever leaves before the browser has answered breaks the connection off (RFC 6455 7.1.1).
                    let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
                    let _ = timeout(Duration::from_secs(5), answered).await;
                    return;
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => drop(socket.send(Message::Text(text)).await),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }))
}

/// Ticks, until the session ends; then one last event says why.
async fn events(
    live: Live,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let Extension(live) = live.ok_or(StatusCode::UNAUTHORIZED)?;
    let every = tokio::time::interval(Duration::from_secs(1));
    let ticks = stream::unfold(every, async |mut every| {
        every.tick().await;
        Some((Event::default().data("tick"), every))
    });
    let last = stream::once(ready(Event::default().event("logged_out").data("bye")));
    Ok(Sse::new(ticks.take_until(live.ended()).chain(last).map(Ok)))
}

#[derive(serde::Deserialize)]
struct Device {
    sid: String,
}

/// Stands for the OpenID Connect login: what matters is that the session is registered with its `sub` and `sid`.
async fn login(State(app): State<App>, Query(device): Query<Device>) -> Result<Response, Oops> {
    let now = SystemClock::default().now();
    let issuer = Issuer::parse(app.mint.issuer())?;
    let client = ClientId::parse(app.mint.client_id())?;
    let identity = SessionIdentity::new(issuer, client, Subject::parse("customer-1")?)
        .with_sid(Sid::parse(device.sid)?)
        .with_id_token_iat(now);
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)?;
    let id = format!("{:032x}", u128::from_be_bytes(random));
    let in_an_hour = now.saturating_add(Duration::from_secs(3600));
    let session = NewSession::new(SessionId::parse(id.clone())?, identity, in_an_hour);
    if app.store.register(session).await? == Registration::AlreadyLoggedOut {
        return Err("logged out meanwhile: log in again".into());
    }
    let cookie = format!("session={id}; Path=/; HttpOnly; SameSite=Lax");
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to("/?in")).into_response())
}

async fn clear(State(app): State<App>, Query(device): Query<Device>) -> Result<Redirect, Oops> {
    loopback::clear(&app.mint, app.address, &device.sid).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let store = MemoryStore::new();
    let mint = TokenMint::new("https://op.example", "websocket-app");
    let logout = Logout::builder(store.clone(), [provider(&mint)?]).build();
    let guard = SessionGuardLayer::new(store.clone(), SessionCookie::parse("session")?);
    let router = Router::new()
        .route("/ws", get(socket))
        .route("/events", get(events))
        .layer(guard) // What comes after is outside of the guard.
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/login", get(login))
        .route("/op/clear", post(clear))
        .route_service("/backchannel-logout", LogoutService::new(logout))
        .with_state(App {
            store,
            mint,
            address,
        });
    println!("listening on http://{address}");
    let server = async { axum::serve(listener, router).await };
    if std::env::args().any(|flag| flag == "--serve") {
        return Ok(server.await?);
    }
    tokio::select! { ended = server => Ok(ended?), told = tour::tell(address) => told }
}
