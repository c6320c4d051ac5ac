//! Signed and private cookies: the guard and the layer for late saves need to know their name alone.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use std::sync::Arc;
use tokio::sync::Notify;
use tower_backchannel_logout::guard::{
    LateSaveLayer, LiveSession, SessionCookie, SessionGuardLayer, TowerSession,
};

use tower_backchannel_logout::session::Registration;

use super::rig::*;
use super::ts::cookie::Key;
use super::ts::{Session, SessionManagerLayer};

#[derive(Clone)]
struct App {
    world: World,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
}

async fn login(State(app): State<App>, session: Session) {
    let customer = app.world.customer("alice", "s1");
    let answer = app.world.sessions.sign_in(&session, &customer).await;
    assert_eq!(answer.unwrap(), Registration::Registered);
}

async fn slow(State(app): State<App>, session: Session) {
    session.insert("cart", "hats").await.unwrap();
    app.begun.notify_one();
    app.go_on.notified().await;
}

async fn me(axum::Extension(live): axum::Extension<LiveSession>) -> String {
    live.session().subject().to_owned()
}

fn routes(world: &World) -> Router<App> {
    let guard = SessionGuardLayer::new(world.sessions.clone(), TowerSession);
    Router::new()
        .route("/me", get(me))
        .layer(guard)
        .route("/login", get(login))
        .route("/slow", get(slow))
}

async fn ask(router: &Router, path: &str, cookie: &str) -> Response<Body> {
    let request = Request::get(path).header(COOKIE, cookie);
    let mut router = router.clone();
    let answer = tower_service::Service::call(&mut router, request.body(Body::empty()).unwrap());
    in_time(answer).await.unwrap()
}

/// A login, a late request and a logout through a router whose cookies are not plain.
async fn play(
    world: World,
    with: impl FnOnce(Router<App>, SessionManagerLayer<Sessions>) -> Router<App>,
) {
    let app = App {
        world: world.clone(),
        begun: Arc::default(),
        go_on: Arc::default(),
    };
    let layer = SessionManagerLayer::new(world.sessions.clone()).with_name("shop");
    let router = with(routes(&world), layer)
        .layer(LateSaveLayer::new(SessionCookie::parse("shop").unwrap()))
        .with_state(app.clone());
    let answer = ask(&router, "/login", "").await;
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let id = world.sessions.inner().seen.lock().unwrap()[0];
    assert_ne!(cookie, format!("shop={id}"), "it is plain");
    assert_eq!(ask(&router, "/me", &cookie).await.status(), StatusCode::OK);
    let forged = format!("shop={id}");
    let forged = ask(&router, "/me", &forged).await.status();
    assert_eq!(
        forged,
        StatusCode::INTERNAL_SERVER_ERROR,
        "no session, so nobody is signed in"
    );

    let late = ask(&router, "/slow", &cookie);
    let ending = async {
        app.begun.notified().await;
        world.logout(&world.by_sid("s1")).await;
        app.go_on.notify_one();
    };
    let (late, ()) = tokio::join!(late, ending);
    assert_eq!(late.status(), StatusCode::OK);
    assert!(!late.headers().contains_key(SET_COOKIE));
    assert_eq!(
        ask(&router, "/me", &cookie).await.status(),
        StatusCode::UNAUTHORIZED
    );
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn signed_cookies_end_like_plain_ones() {
    let Some(world) = new_world().await else {
        return;
    };
    play(world, |router, layer| {
        router.layer(layer.with_signed(Key::generate()))
    })
    .await;
}

#[tokio::test]
async fn private_cookies_end_like_plain_ones() {
    let Some(world) = new_world().await else {
        return;
    };
    play(world, |router, layer| {
        router.layer(layer.with_private(Key::generate()))
    })
    .await;
}
