//! Sessions that live in a signed cookie alone, and end all the same: no session table, only the marks of logouts.
//!
//! `cargo run --example stateless_cookie` plays the story over loopback and exits 0 only if it came true. With
//! `-- --serve` it stays up: open the printed address, log in, and let the provider clear the session.
//!
//! Look at `read` and at `with_mark_lifetime`: the guard compares the (`sub`, `sid`, `iat`) of the cookie with the marks,
//! which live for as long as a cookie does. A `TokenMint` plays the provider.

#[path = "../loopback/mod.rs"]
mod loopback;
mod tour;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use axum::extract::{Query, State};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::{StatusCode, header::SET_COOKIE};
use loopback::{Failure, Oops, provider};
use serde::{Deserialize, Serialize};
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{LiveSession, Presented, SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::session::{SessionIdentity, SessionRegistry};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::TokenMint;
use tower_backchannel_logout::{ClientId, Issuer, Sid, Subject};

/// No cookie is good for longer than this after its login, and no mark is needed for longer.
const LONGEST: Duration = Duration::from_secs(8 * 3600);

/// What the cookie says: exactly what a Logout Token is compared with.
#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    iat: i64,
}

#[derive(Clone)]
struct App {
    store: MemoryStore,
    mint: Arc<TokenMint>,
    key: Arc<hmac::Key>,
    address: SocketAddr,
}

impl App {
    /// The value of the cookie: the claims and their signature.
    fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let text = BASE64.encode(serde_json::to_vec(claims)?);
        let tag = BASE64.encode(hmac::sign(&self.key, text.as_bytes()));
        let attributes = format!(
            "Path=/; HttpOnly; SameSite=Lax; Max-Age={}",
            LONGEST.as_secs()
        );
        Ok(format!("session={text}.{tag}; {attributes}"))
    }

    /// Whose session a value is; `None` when it is not ours or too old.
    fn read(&self, value: &str) -> Option<SessionIdentity> {
        let (text, tag) = value.split_once('.')?;
        hmac::verify(&self.key, text.as_bytes(), &BASE64.decode(tag).ok()?).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
        let iat = UnixTime::from_secs(claims.iat);
        if iat.saturating_add(LONGEST) <= SystemClock::default().now() {
            return None;
        }
        self.identity(&claims).ok()
    }

    fn identity(&self, claims: &Claims) -> Result<SessionIdentity, Failure> {
        let issuer = Issuer::parse(self.mint.issuer())?;
        let client = ClientId::parse(self.mint.client_id())?;
        let subject = Subject::parse(claims.sub.as_str())?;
        Ok(SessionIdentity::new(issuer, client, subject)
            .with_sid(Sid::parse(claims.sid.as_str())?)
            .with_id_token_iat(UnixTime::from_secs(claims.iat)))
    }
}

async fn me(live: Option<Extension<LiveSession>>) -> Result<String, StatusCode> {
    let Extension(live) = live.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(format!("signed in as {}\n", live.session().subject()))
}

#[derive(Deserialize)]
struct Device {
    sid: String,
}

/// Stands for the OpenID Connect login: what matters is what the cookie keeps of the ID Token.
async fn login(State(app): State<App>, Query(device): Query<Device>) -> Result<Response, Oops> {
    let claims = Claims {
        sub: "customer-1".into(),
        sid: device.sid,
        iat: SystemClock::default().now().as_secs(),
    };
    // A logout can be faster than the login it ends.
    if app.store.is_logged_out(&app.identity(&claims)?).await? {
        return Err("logged out meanwhile: log in again".into());
    }
    let cookie = AppendHeaders([(SET_COOKIE, app.sign(&claims)?)]);
    Ok((cookie, Redirect::to("/?in")).into_response())
}

async fn clear(State(app): State<App>, Query(device): Query<Device>) -> Result<Redirect, Oops> {
    loopback::clear(&app.mint, app.address, &device.sid).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret)?;
    let app = App {
        store: MemoryStore::builder().with_mark_lifetime(LONGEST).build(),
        mint: Arc::new(TokenMint::new("https://op.example", "stateless-app")),
        key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)),
        address: listener.local_addr()?,
    };
    let logout = Logout::builder(app.store.clone(), [provider(&app.mint)?])
        .with_stateless_sessions(true) // that a logout matches no session of the store is normal here
        .build();
    let reader = app.clone();
    // A cookie that is not ours is no session: this is what the rest of the application would make of it, too.
    let cookie = SessionCookie::parse("session")?.with_reader(move |value| {
        reader
            .read(value)
            .map_or(Presented::Nothing, Presented::Identity)
    });
    let router = Router::new()
        .route("/me", get(me))
        .layer(SessionGuardLayer::new(app.store.clone(), cookie))
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/login", get(login))
        .route("/op/clear", post(clear))
        .route_service("/backchannel-logout", LogoutService::new(logout))
        .with_state(app.clone());
    println!("listening on http://{}", app.address);
    let server = async { axum::serve(listener, router).await };
    if std::env::args().any(|flag| flag == "--serve") {
        return Ok(server.await?);
    }
    tokio::select! { ended = server => Ok(ended?), told = tour::tell(app.address) => told }
}
