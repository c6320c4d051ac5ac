//! Two processes over one Redis.

use std::time::{Duration, Instant};

use http::header::COOKIE;
use http::{Method, StatusCode};
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};

use super::app::{App, CLIENT, SECRET};
use super::{TwoProcesses, build_once};
use crate::services::redis::Server;

fn listeners(server: &Server) -> usize {
    let list: String = server.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    list.lines().filter(|line| !line.is_empty()).count()
}

/// Waits until it is so; fails after a while.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "never {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_one_process_ends_the_session_and_its_stream_in_the_other() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    TwoProcesses::end_twice(&["axum_app", "hyper_app"], &server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_while_nobody_can_subscribe_and_once_they_can_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let apps = TwoProcesses::start("axum_app", &server.url()).await;
    apps.end_everywhere().await;
    assert!(listeners(&server) > 0);

    let commands = ["-subscribe", "-ssubscribe", "-psubscribe"];
    let _: String = server.ask(&[&["ACL", "SETUSER", "default"], &commands[..]].concat());
    let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    for _ in 0..5 {
        apps.end_everywhere().await;
        assert_eq!(listeners(&server), 0);
    }

    let _: String = server.ask(&["ACL", "SETUSER", "default", "+@all"]);
    until("listening again", async || listeners(&server) > 0).await;
    apps.end_everywhere().await;
    // Cut in the very moment.
    for _ in 0..5 {
        let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        apps.end_everywhere().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_starts_without_its_store_and_recovers_with_it() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    server.kill();
    build_once();
    let op = FakeProvider::start().await;
    let app = App::start_with("axum_app", op.issuer(), &["--store", &server.url()]).await;
    op.register(
        ClientRegistration::confidential(CLIENT, SECRET)
            .with_redirect_uri(app.at("/callback"))
            .with_backchannel_logout_uri(app.at("/backchannel-logout")),
    );
    // What cannot be asked is refused, and the provider is asked to come again.
    let session = format!("session-{}=of-nobody", app.url.rsplit(':').next().unwrap());
    let head = [(COOKIE.as_str(), session.as_str())];
    let me = app.send(Method::GET, "/me", &head).await;
    assert_eq!(me.status(), StatusCode::SERVICE_UNAVAILABLE);
    let token = op.mint_for(CLIENT).logout_token().sub("nobody").sign();
    let logout = app.at("/backchannel-logout");
    assert_eq!(op.deliver(&token, &logout).await.status(), Some(503));

    server.start_again();
    until("answered", async || {
        op.deliver(&token, &logout).await.status() == Some(200)
    })
    .await;
    let browser = Browser::new();
    browser.get(&app.at("/login")).await;
    assert_eq!(app.me(&browser).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_outlives_an_outage_of_the_store_and_ends_with_the_logout_after_it() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = Server::start(&options) else {
        return;
    };
    let apps = TwoProcesses::start("axum_app", &server.url()).await;
    let visit = apps.sign_in().await;
    let cookie = apps.here.session_cookie(&visit.browser);
    let events = tokio::spawn(super::rest(apps.here.events(&cookie).await));
    server.kill();
    until("refused", async || {
        apps.here.me(&visit.browser).await == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let pending = apps.op.prepare_end_session(&visit.sid);
    assert_eq!(pending[0].send().await.status(), Some(503));
    assert!(!events.is_finished());

    server.start_again();
    until("live again", async || {
        apps.here.me(&visit.browser).await == StatusCode::OK
    })
    .await;
    assert!(!events.is_finished());
    assert_eq!(pending[0].send().await.status(), Some(200));
    let refused = apps.here.me(&visit.browser).await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
    // The node looks for the store less often while it is away.
    let said = tokio::time::timeout(Duration::from_secs(3), events).await;
    assert!(said.unwrap().unwrap().contains("event: logged_out\n"));
}
