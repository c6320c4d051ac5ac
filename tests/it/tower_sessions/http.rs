//! An axum application over real HTTP: what the browser is told, and what a logout at the provider does to it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{Response, StatusCode};
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{
    LateSaveLayer, LiveSession, SessionCookie, SessionGuardLayer, TowerSession,
};
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{Registration, SessionIdentity};
use tower_backchannel_logout::store::tower_sessions::IdentityInSession;
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};
use tower_backchannel_logout::{ClientId, Issuer, Sid, Subject};

use super::rig::*;
use super::ts::{self, Session, SessionManagerLayer};

const CLIENT: &str = ClientRegistration::DEFAULT_ID;

/// An application, its provider, and two bells for handlers that take long.
#[derive(Clone)]
struct App {
    world: World,
    op: FakeProvider,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl App {
    fn identity(&self, sub: &str, sid: &str) -> SessionIdentity {
        SessionIdentity::new(
            Issuer::parse(self.op.issuer()).unwrap(),
            ClientId::parse(CLIENT).unwrap(),
            Subject::parse(sub).unwrap(),
        )
        .with_sid(Sid::parse(sid).unwrap())
        .with_id_token_iat(SystemClock::default().now())
    }

    async fn wait(&self) {
        self.begun.notify_one();
        self.go_on.notified().await;
    }
}

type Who = Path<(String, String)>;

async fn login(State(app): State<App>, session: Session, Path((sub, sid)): Who) -> StatusCode {
    let identity = app.identity(&sub, &sid);
    match app.world.sessions.sign_in(&session, &identity).await {
        Ok(Registration::Registered) => StatusCode::OK,
        Ok(Registration::AlreadyLoggedOut) => StatusCode::CONFLICT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A login that leaves everything to the store, and takes its time.
async fn slow_login(State(app): State<App>, session: Session, Path((sub, sid)): Who) {
    let identity = app.identity(&sub, &sid);
    session.insert_identity(&identity).await.unwrap();
    app.wait().await;
}

async fn me(session: Session) -> Result<String, StatusCode> {
    let identity = session.identity().await.unwrap();
    let identity = identity.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(identity.subject().as_str().to_owned())
}

async fn slow(State(app): State<App>, session: Session) {
    session.insert("cart", "hats").await.unwrap();
    app.wait().await;
}

async fn slow_rotation(State(app): State<App>, session: Session) {
    session.cycle_id().await.unwrap();
    app.wait().await;
}

async fn rotate(session: Session) {
    session.cycle_id().await.unwrap();
}

async fn leave(session: Session) {
    session.flush().await.unwrap();
}

async fn visit(session: Session) {
    session.insert("cart", "shoes").await.unwrap();
}

async fn events(
    Extension(live): Extension<LiveSession>,
) -> Sse<impl tokio_stream::Stream<Item = Result<Event, Infallible>>> {
    let ended = live.ended();
    let hello = tokio_stream::once(Event::default().data(live.session().subject()));
    let bye = futures_util::stream::once(async move {
        ended.await;
        Event::default().event("logged_out").data("bye")
    });
    Sse::new(hello.chain(bye).map(Ok))
}

async fn stream() -> axum::body::Body {
    let hello = tokio_stream::once(Ok::<_, Infallible>("hello"));
    axum::body::Body::from_stream(hello.chain(tokio_stream::pending()))
}

/// Starts it. Without `late_save`, as an application that does not have the layer.
async fn start(late_save: bool) -> Option<(App, String)> {
    let world = new_world().await?;
    let op = FakeProvider::start().await;
    let app = App {
        world,
        op: op.clone(),
        begun: Arc::default(),
        go_on: Arc::default(),
    };
    let keys = JwkSet::parse(op.jwks_json().as_bytes()).unwrap();
    let provider = Provider::builder(op.issuer())
        .with_client(Client::builder(CLIENT).build().unwrap())
        .with_static_keys(keys)
        .build()
        .unwrap();
    let sessions = app.world.sessions.clone();
    let logout = Logout::builder(sessions.clone(), provider).build();
    let guard = SessionGuardLayer::new(sessions.clone(), TowerSession);
    let own_end = Router::new().route("/events", get(events));
    let cut = Router::new().route("/stream", get(stream));
    let mut router = Router::new()
        .merge(own_end.layer(guard.clone()))
        .merge(cut.layer(guard.with_ended_bodies()))
        .route("/login/{sub}/{sid}", get(login))
        .route("/slow-login/{sub}/{sid}", get(slow_login))
        .route("/me", get(me))
        .route("/slow", get(slow))
        .route("/slow-rotation", get(slow_rotation))
        .route("/rotate", get(rotate))
        .route("/leave", get(leave))
        .route("/visit", get(visit))
        .layer(
            SessionManagerLayer::new(sessions)
                .with_secure(false)
                .with_expiry(ts::Expiry::OnInactivity(ts::cookie::time::Duration::hours(
                    1,
                ))),
        );
    if late_save {
        router = router.layer(LateSaveLayer::new(cookie()));
    }
    let router = router
        .route_service("/backchannel-logout", LogoutService::new(logout))
        .with_state(app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let registration = ClientRegistration::default();
    op.register(registration.with_backchannel_logout_uri(format!("{base}/backchannel-logout")));
    Some((app, base))
}

fn cookie() -> SessionCookie {
    SessionCookie::parse("id").unwrap()
}

/// A customer in front of a browser.
struct Customer {
    browser: Browser,
    base: String,
}

impl Customer {
    fn at(base: &str) -> Arc<Self> {
        Arc::new(Self {
            browser: Browser::new(),
            base: base.to_owned(),
        })
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        in_time(self.browser.get(&format!("{}{path}", self.base))).await
    }

    /// Begins a request whose handler waits, and comes back once it does.
    async fn begin(
        self: &Arc<Self>,
        app: &App,
        path: &'static str,
    ) -> tokio::task::JoinHandle<Response<Bytes>> {
        let customer = Arc::clone(self);
        let request = tokio::spawn(async move { customer.get(path).await });
        in_time(app.begun.notified()).await;
        request
    }

    fn cookie(&self) -> Option<String> {
        self.browser.cookie(&self.base, "id")
    }
}

/// The cookies a response sets, by the beginning of each field.
fn sets(response: &Response<Bytes>) -> Vec<String> {
    let fields = response.headers().get_all(SET_COOKIE).iter();
    let fields = fields.map(|field| field.to_str().unwrap().to_owned());
    fields.collect()
}

async fn end(app: &App, sid: &str) {
    let deliveries = app.op.end_session(sid).await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].status(), Some(200));
}

#[tokio::test]
async fn a_logout_at_the_provider_signs_the_browser_out_and_no_other() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    let (phone, laptop) = (Customer::at(&base), Customer::at(&base));
    let (s1, s2) = (
        app.op.log_in(CLIENT, "alice"),
        app.op.log_in(CLIENT, "alice"),
    );
    for (customer, login) in [(&phone, &s1), (&laptop, &s2)] {
        customer.get("/visit").await;
        let anonymous = customer.cookie().unwrap();
        let answer = customer
            .get(&format!("/login/{}/{}", login.sub, login.sid))
            .await;
        assert_eq!(answer.status(), 200);
        assert_ne!(customer.cookie().unwrap(), anonymous);
        assert_eq!(customer.get("/me").await.body(), &login.sub);
    }
    end(&app, &s1.sid).await;
    let answer = phone.get("/me").await;
    assert_eq!(answer.status(), 401);
    assert!(
        sets(&answer)[0].starts_with("id=; "),
        "the cookie is taken back"
    );
    assert_eq!(phone.cookie(), None);
    assert_eq!(laptop.get("/me").await.status(), 200);
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_sets_no_cookie_once_its_session_ended() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    for path in ["/slow", "/slow-rotation"] {
        let customer = Customer::at(&base);
        let login = app.op.log_in(CLIENT, "alice");
        customer
            .get(&format!("/login/{}/{}", login.sub, login.sid))
            .await;
        let request = customer.begin(&app, path).await;
        end(&app, &login.sid).await;
        app.go_on.notify_one();
        let answer = request.await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(sets(&answer), [""; 0], "{path}");
        assert_eq!(customer.get("/me").await.status(), 401);
        app.world.assert_nobody_is_signed_in().await;
    }
}

#[tokio::test]
async fn a_login_in_flight_sets_no_cookie_once_it_was_logged_out() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    for visited in [false, true] {
        let customer = Customer::at(&base);
        if visited {
            customer.get("/visit").await;
        }
        let before = customer.cookie();
        let login = app.op.log_in(CLIENT, "alice");
        let path = format!("/slow-login/{}/{}", login.sub, login.sid);
        let request = customer.begin(&app, path.leak()).await;
        end(&app, &login.sid).await;
        app.go_on.notify_one();
        let answer = request.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(sets(&answer), [""; 0]);
        assert_eq!(customer.cookie(), before);
        assert_eq!(customer.get("/me").await.status(), 401);
        app.world.assert_nobody_is_signed_in().await;
    }
}

#[tokio::test]
async fn a_login_that_was_logged_out_first_is_told_so_and_sets_no_cookie() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    let customer = Customer::at(&base);
    let login = app.op.log_in(CLIENT, "alice");
    end(&app, &login.sid).await;
    let answer = customer
        .get(&format!("/login/{}/{}", login.sub, login.sid))
        .await;
    assert_eq!(answer.status(), 409);
    assert_eq!(sets(&answer), [""; 0]);
}

#[tokio::test]
async fn without_the_layer_a_late_response_sets_the_cookie_of_nobody() {
    let Some((app, base)) = start(false).await else {
        return;
    };
    let customer = Customer::at(&base);
    let login = app.op.log_in(CLIENT, "alice");
    customer
        .get(&format!("/login/{}/{}", login.sub, login.sid))
        .await;
    let request = customer.begin(&app, "/slow").await;
    end(&app, &login.sid).await;
    app.go_on.notify_one();
    let answer = request.await.unwrap();
    assert_eq!((answer.status().as_u16(), sets(&answer).len()), (200, 1));
    assert_eq!(customer.get("/me").await.status(), 401);
    app.world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_rotation_and_a_local_logout_over_http() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    let customer = Customer::at(&base);
    let login = app.op.log_in(CLIENT, "alice");
    customer
        .get(&format!("/login/{}/{}", login.sub, login.sid))
        .await;
    let before = customer.cookie();
    customer.get("/rotate").await;
    assert_ne!(customer.cookie(), before);
    assert_eq!(customer.get("/me").await.status(), 200);
    customer.get("/leave").await;
    assert_eq!(customer.cookie(), None);
    assert_eq!(customer.get("/me").await.status(), 401);
    app.world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn behind_the_guard_only_who_is_signed_in_and_streams_end_with_their_session() {
    let Some((app, base)) = start(true).await else {
        return;
    };
    let stranger = Customer::at(&base);
    stranger.get("/visit").await;
    // A session, but nobody's.
    assert_eq!(stranger.get("/stream").await.status(), 401);
    for (path, whole) in [
        ("/events", "data: alice\n\nevent: logged_out\ndata: bye\n\n"),
        ("/stream", "hello"),
    ] {
        for ending in ["provider", "local"] {
            let customer = Customer::at(&base);
            let login = app.op.log_in(CLIENT, "alice");
            customer.get(&format!("/login/alice/{}", login.sid)).await;
            let reading = Arc::clone(&customer);
            let mut body = tokio::spawn(async move { reading.get(path).await });
            let early = tokio::time::timeout(Duration::from_millis(100), &mut body).await;
            early.expect_err("it ended early");
            if ending == "provider" {
                end(&app, &login.sid).await;
            } else {
                customer.get("/leave").await;
            }
            assert_eq!(body.await.unwrap().body(), whole, "{path} {ending}");
            // The dead cookie is refused before the handler runs.
            if ending == "provider" {
                assert_eq!(customer.get(path).await.status(), 401);
            }
        }
    }
}
