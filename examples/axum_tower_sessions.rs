//! Sessions of tower-sessions that end by Back-Channel Logout: one wrapper around the store, one call at login.
//!
//! ```sh
//! cargo run --example axum_tower_sessions --features tower-sessions
//! ```
//!
//! Plays the story over loopback and exits 0 only if it came true. Look at `callback`, the only place that knows of logouts, and at
//! `main`, where the store is wrapped. A real application has a store in a database in the place of tower-sessions' `MemoryStore`, and
//! a registry that its nodes share in the place of ours.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header::SET_COOKIE};
use axum::routing::get;
use tokio::sync::Notify;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{LateSaveLayer, SessionCookie};
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{Registration, SessionIdentity};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::store::tower_sessions::{BackchannelSessionStore, IdentityInSession};
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};
use tower_backchannel_logout::{BoxError, ClientId, Issuer, Sid, Subject};
use tower_sessions::{Session, SessionManagerLayer};

const CLIENT: &str = ClientRegistration::DEFAULT_ID;

type Sessions = BackchannelSessionStore<tower_sessions::MemoryStore, MemoryStore>;

#[derive(Clone)]
struct App {
    sessions: Sessions,
    issuer: Issuer,
    checkout_begun: Arc<Notify>,
    payment_is_here: Arc<Notify>,
}

/// Stands for the end of the login callback, where the ID Token is verified.
async fn callback(
    State(app): State<App>,
    session: Session,
    Path((sub, sid)): Path<(String, String)>,
) -> Result<&'static str, StatusCode> {
    let signed_in = async {
        let subject = Subject::parse(sub)?;
        let identity = SessionIdentity::new(app.issuer.clone(), ClientId::parse(CLIENT)?, subject)
            .with_sid(Sid::parse(sid)?)
            .with_id_token_iat(SystemClock::default().now());
        Ok::<_, BoxError>(app.sessions.sign_in(&session, &identity).await?)
    };
    match signed_in.await {
        Ok(Registration::Registered) => Ok("welcome"),
        // A logout can be faster than the login it ends.
        Ok(Registration::AlreadyLoggedOut) => Ok("you were logged out meanwhile: start again"),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn me(session: Session) -> Result<String, StatusCode> {
    match session.identity().await {
        Ok(Some(identity)) => Ok(identity.subject().as_str().to_owned()),
        Ok(None) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A request that is still busy when its session ends, and then saves it.
async fn checkout(State(app): State<App>, session: Session) -> Result<&'static str, StatusCode> {
    app.checkout_begun.notify_one();
    let saved = session.insert("cart", "empty").await;
    saved.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    app.payment_is_here.notified().await;
    Ok("thank you")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let op = FakeProvider::start().await;
    let keys = JwkSet::parse(op.jwks_json().as_bytes())?;
    let provider = Provider::builder(op.issuer()).with_client(Client::builder(CLIENT).build()?);
    let provider = provider.with_static_keys(keys).build()?;

    let sessions = Sessions::new(tower_sessions::MemoryStore::default(), MemoryStore::new());
    let logout = Logout::builder(sessions.clone(), provider).build();
    let app = App {
        sessions: sessions.clone(),
        issuer: Issuer::parse(op.issuer())?,
        checkout_begun: Arc::default(),
        payment_is_here: Arc::default(),
    };
    let router = Router::new()
        .route("/callback/{sub}/{sid}", get(callback))
        .route("/me", get(me))
        .route("/checkout", get(checkout))
        .layer(SessionManagerLayer::new(sessions).with_secure(false))
        // Outside of it: what is saved too late sets no cookie.
        .layer(LateSaveLayer::new(SessionCookie::parse("id")?))
        .route_service("/backchannel-logout", LogoutService::new(logout))
        .with_state(app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("{base}/backchannel-logout");
    op.register(ClientRegistration::default().with_backchannel_logout_uri(url));

    let (laptop, phone) = (Browser::new(), Browser::new());
    let (at_laptop, at_phone) = (op.log_in(CLIENT, "alice"), op.log_in(CLIENT, "alice"));
    for (name, browser, login) in [
        ("laptop", &laptop, &at_laptop),
        ("phone", &phone, &at_phone),
    ] {
        let url = format!("{base}/callback/{}/{}", login.sub, login.sid);
        let answer = browser.get(&url).await;
        println!("{name}: signs in, {:?}", answer.body());
    }

    let (late_url, me_url) = (format!("{base}/checkout"), format!("{base}/me"));
    println!("laptop: begins a checkout that takes a while");
    let story = async {
        app.checkout_begun.notified().await;
        let delivered = op.end_session(&at_laptop.sid).await;
        let status = delivered.first().and_then(|delivery| delivery.status());
        println!("provider: ends the session of the laptop, answered {status:?}");
        app.payment_is_here.notify_one();
        status
    };
    let (late, delivered) = tokio::join!(laptop.get(&late_url), story);
    let sets_cookie = late.headers().contains_key(SET_COOKIE);
    let at_the_laptop = laptop.get(&me_url).await.status().as_u16();
    let at_the_phone = phone.get(&me_url).await.status().as_u16();
    println!(
        "laptop: the checkout is answered {}, sets a cookie: {sets_cookie}",
        late.status()
    );
    println!("laptop: asks who it is and gets {at_the_laptop}");
    println!("phone: asks who it is and gets {at_the_phone}");

    if (delivered, sets_cookie, at_the_laptop, at_the_phone) == (Some(200), false, 401, 200) {
        Ok(())
    } else {
        Err("the story did not come true".into())
    }
}
