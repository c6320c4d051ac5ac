//! axum-login 0.18: its own login, logout and rotation of ids, with sessions that end by Back-Channel Logout.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use tokio::sync::Notify;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::guard::{LateSaveLayer, SessionCookie};
use tower_backchannel_logout::session::*;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::store::tower_sessions::{
    BackchannelSessionStore, IdentityInSession, V0_14,
};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_sessions_014::{SessionManagerLayer, SessionStore as _};

type Sessions = BackchannelSessionStore<tower_sessions_014::MemoryStore, MemoryStore, V0_14>;
type AuthSession = axum_login::AuthSession<Users>;

#[derive(Clone, Debug)]
struct User(String);

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[derive(Clone)]
struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name)))
    }

    async fn get_user(&self, id: &String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(id.clone())))
    }
}

#[derive(Clone)]
struct App {
    sessions: Sessions,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

fn identity(sid: &str) -> SessionIdentity {
    SessionIdentity::new(
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("shop").unwrap(),
        Subject::parse("alice").unwrap(),
    )
    .with_sid(Sid::parse(sid).unwrap())
    .with_id_token_iat(SystemClock::default().now())
}

async fn login(State(app): State<App>, mut auth: AuthSession) -> StatusCode {
    let user = auth
        .authenticate("alice".to_owned())
        .await
        .unwrap()
        .unwrap();
    auth.login(&user).await.unwrap();
    let answer = app.sessions.sign_in(&auth.session, &identity("s1")).await;
    match answer.unwrap() {
        Registration::Registered => StatusCode::OK,
        Registration::AlreadyLoggedOut => StatusCode::CONFLICT,
    }
}

/// Leaves the registration to the store.
async fn plain_login(mut auth: AuthSession) {
    let user = User("alice".to_owned());
    auth.session.insert_identity(&identity("s1")).await.unwrap();
    auth.login(&user).await.unwrap();
}

async fn slow_login(State(app): State<App>, auth: AuthSession) {
    plain_login(auth).await;
    app.begun.notify_one();
    app.go_on.notified().await;
}

async fn me(auth: AuthSession) -> Result<String, StatusCode> {
    let user = auth.user.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(user.0)
}

async fn rotate(auth: AuthSession) {
    auth.session.cycle_id().await.unwrap();
}

async fn logout(mut auth: AuthSession) {
    auth.logout().await.unwrap();
}

async fn visit(auth: AuthSession) {
    auth.session.insert("cart", "shoes").await.unwrap();
}

fn app() -> (App, Router) {
    let inner = tower_sessions_014::MemoryStore::default();
    let app = App {
        sessions: Sessions::new(inner, MemoryStore::new()),
        begun: Arc::default(),
        go_on: Arc::default(),
    };
    let layer = SessionManagerLayer::new(app.sessions.clone());
    let router = Router::new()
        .route("/login", get(login))
        .route("/plain-login", get(plain_login))
        .route("/slow-login", get(slow_login))
        .route("/me", get(me))
        .route("/rotate", get(rotate))
        .route("/logout", get(logout))
        .route("/visit", get(visit))
        .layer(AuthManagerLayerBuilder::new(Users, layer).build())
        .layer(LateSaveLayer::new(SessionCookie::parse("id").unwrap()))
        .with_state(app.clone());
    (app, router)
}

/// A browser with one cookie.
struct Browser {
    router: Router,
    cookie: String,
}

impl Browser {
    fn new(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookie: String::new(),
        }
    }

    async fn get(&mut self, path: &str) -> Response<Body> {
        let request = Request::get(path).header(COOKIE, &self.cookie);
        let request = request.body(Body::empty()).unwrap();
        let answer = tower_service::Service::call(&mut self.router, request).await;
        let answer = answer.unwrap();
        if let Some(set) = answer.headers().get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = pair.to_owned();
        }
        answer
    }

    fn id(&self) -> Option<SessionId> {
        SessionId::parse(self.cookie.strip_prefix("id=")?).ok()
    }

    async fn is_live(&self, app: &App) -> bool {
        let id = self.id().unwrap();
        app.sessions.status(&id).await.unwrap().is_live()
    }
}

async fn end(app: &App) -> Terminated {
    let (issuer, client) = (
        identity("s1").issuer().clone(),
        identity("s1").client_id().clone(),
    );
    let now = SystemClock::default().now();
    let request = LogoutRequest::for_sid(issuer, client, Sid::parse("s1").unwrap(), now);
    app.sessions.terminate(&request).await.unwrap()
}

#[tokio::test]
async fn a_login_of_axum_login_ends_by_back_channel_logout() {
    for path in ["/login", "/plain-login"] {
        for visited in [false, true] {
            let (app, router) = app();
            let mut browser = Browser::new(&router);
            if visited {
                browser.get("/visit").await;
            }
            let before = browser.cookie.clone();
            assert_eq!(browser.get(path).await.status(), 200);
            assert_ne!(browser.cookie, before, "axum-login changes the id");
            assert!(browser.is_live(&app).await);
            assert_eq!(browser.get("/me").await.status(), 200);
            assert_eq!(end(&app).await.newly_ended, 1);
            assert_eq!(browser.get("/me").await.status(), 401);
        }
    }
}

#[tokio::test]
async fn a_rotation_under_axum_login_is_followed() {
    let (app, router) = app();
    let mut browser = Browser::new(&router);
    browser.get("/login").await;
    let before = browser.id().unwrap();
    browser.get("/rotate").await;
    assert_ne!(browser.id(), Some(before.clone()));
    assert!(browser.is_live(&app).await);
    assert!(!app.sessions.status(&before).await.unwrap().is_live());
    assert_eq!(browser.get("/me").await.status(), 200);
    assert_eq!(end(&app).await.newly_ended, 1);
    assert_eq!(browser.get("/me").await.status(), 401);
}

#[tokio::test]
async fn a_logout_of_axum_login_is_a_local_logout() {
    let (app, router) = app();
    let mut browser = Browser::new(&router);
    browser.get("/login").await;
    let id = browser.id().unwrap();
    let ended = app.sessions.ended(&id);
    browser.get("/logout").await;
    tokio::time::timeout(std::time::Duration::from_secs(10), ended)
        .await
        .unwrap();
    assert!(!app.sessions.status(&id).await.unwrap().is_live());
    assert_eq!(browser.get("/me").await.status(), 401);
    let terminated = end(&app).await;
    assert!(terminated.sessions.is_empty());
}

#[tokio::test]
async fn a_login_of_axum_login_that_is_logged_out_meanwhile_leaves_nothing() {
    let (app, router) = app();
    let mut browser = Browser::new(&router);
    let (begun, go_on) = (Arc::clone(&app.begun), Arc::clone(&app.go_on));
    let ending = async {
        begun.notified().await;
        end(&app).await;
        go_on.notify_one();
    };
    let (answer, ()) = tokio::join!(browser.get("/slow-login"), ending);
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key(SET_COOKIE));
    assert_eq!(browser.get("/me").await.status(), 401);

    // The logout came first: the callback is told.
    let answer = browser.get("/login").await;
    assert_eq!(answer.status(), 409);
    assert!(!answer.headers().contains_key(SET_COOKIE));
    assert_eq!(browser.get("/me").await.status(), 401);
}

#[tokio::test]
async fn the_record_of_an_ended_session_is_gone() {
    let (app, router) = app();
    let mut browser = Browser::new(&router);
    browser.get("/login").await;
    let id = browser.id().unwrap().as_str().parse().unwrap();
    assert!(app.sessions.inner().load(&id).await.unwrap().is_some());
    end(&app).await;
    assert!(app.sessions.inner().load(&id).await.unwrap().is_none());
}
