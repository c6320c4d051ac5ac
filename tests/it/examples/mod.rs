//! The example programs keep their contract: they are started as a person or another program starts them.
#![cfg(all(unix, feature = "client"))]

mod app;

use http::header::{COOKIE, ORIGIN};
use http::{Method, StatusCode};
use serde_json::Value;
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};

use app::{App, CLIENT, SECRET, example, output, rest};

const APPS: [&str; 2] = ["axum_app", "hyper_app"];

#[tokio::test]
async fn an_app_starts_without_its_provider_and_signs_in_once_it_is_there() {
    for name in APPS {
        let op = FakeProvider::start().await;
        op.set_offline(true);
        let app = App::start(name, op.issuer()).await;
        let redirect_uri = app.at("/callback");
        op.register(
            ClientRegistration::confidential(CLIENT, SECRET).with_redirect_uri(redirect_uri),
        );
        let away = app.send(Method::GET, "/login", &[]).await;
        assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            app.send(Method::GET, "/", &[]).await.status(),
            StatusCode::OK
        );

        op.set_offline(false);
        let there = app.send(Method::GET, "/login", &[]).await;
        assert_eq!(there.status(), StatusCode::FOUND);
        let browser = Browser::new();
        let page = browser.get(&app.at("/login")).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(app.me(&browser).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_live_session_me_and_events_answer_401() {
    for name in APPS {
        let (app, _op) = App::registered(name).await;
        let port = app.url.rsplit(':').next().unwrap();
        let unknown = format!("session-{port}=nobody-has-this");
        for path in ["/me", "/events"] {
            let bare = app.send(Method::GET, path, &[]).await;
            assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
            let dead = app
                .send(Method::GET, path, &[(COOKIE.as_str(), &unknown)])
                .await;
            assert_eq!(dead.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn a_delivered_logout_ends_the_session_and_its_events_and_nobody_elses() {
    for name in APPS {
        let (app, op) = App::registered(name).await;
        let (maya, jonas) = (Browser::new(), Browser::new());
        let mut sids = Vec::new();
        for browser in [&maya, &jonas] {
            browser.get(&app.at("/login")).await;
            let me = browser.get(&app.at("/me")).await;
            assert_eq!(me.status(), StatusCode::OK);
            let me: Value = serde_json::from_slice(me.body()).unwrap();
            assert_eq!(me["iss"], op.issuer());
            assert!(me["sub"].is_string());
            sids.push(me["sid"].as_str().unwrap().to_owned());
        }
        let events = app.events(&app.session_cookie(&maya)).await;

        let deliveries = op.end_session(&sids[0]).await;
        let answers: Vec<_> = deliveries.iter().map(|one| one.status()).collect();
        assert_eq!(answers, [Some(200)]);
        assert!(rest(events).await.contains("event: logged_out\n"));
        assert_eq!(app.me(&maya).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.me(&jonas).await, StatusCode::OK);
        maya.get(&app.at("/login")).await;
        assert_eq!(app.me(&maya).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_local_logout_is_for_forms_of_the_app_itself() {
    for name in APPS {
        let (app, _op) = App::registered(name).await;
        let browser = Browser::new();
        browser.get(&app.at("/login")).await;
        let cookie = app.session_cookie(&browser);
        let head = |origin| {
            [
                (COOKIE.as_str(), cookie.as_str()),
                (ORIGIN.as_str(), origin),
            ]
        };

        let foreign = app
            .send(Method::POST, "/logout", &head("http://evil.example"))
            .await;
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        assert_eq!(app.me(&browser).await, StatusCode::OK);

        let own = app.send(Method::POST, "/logout", &head(&app.url)).await;
        assert_eq!(own.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.me(&browser).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_callback_that_this_browser_did_not_begin_signs_nobody_in() {
    for name in APPS {
        let (app, _op) = App::registered(name).await;
        let begun = app.send(Method::GET, "/login", &[]).await;
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        // The provider's answer reaches another browser: without a login cookie, and with one of its own.
        let other = Browser::new();
        assert_eq!(other.get(&location).await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(app.me(&other).await, StatusCode::UNAUTHORIZED);
        other.get(&app.at("/login")).await;
        assert_eq!(other.get(&location).await.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_login_that_a_logout_overtook_signs_nobody_in() {
    // BCL-149
    for name in APPS {
        let (app, op) = App::registered(name).await;
        let browser = Browser::new();
        browser.get(&app.at("/login")).await;
        let me = browser.get(&app.at("/me")).await;
        let me: Value = serde_json::from_slice(me.body()).unwrap();
        let token = op.mint_for(CLIENT).logout_token();
        let token = token.sub(me["sub"].as_str().unwrap()).sign();
        let delivery = op.deliver(&token, &app.at("/backchannel-logout")).await;
        assert_eq!(delivery.status(), Some(200));

        // The next ID Token is no later than the logout and its spread: as if it had been on its way.
        let page = browser.get(&app.at("/login")).await;
        assert_eq!(page.status(), StatusCode::FORBIDDEN);
        assert_eq!(app.me(&browser).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn sigterm_ends_open_events_and_the_process_with_0() {
    for name in APPS {
        let (app, _op) = App::registered(name).await;
        let browser = Browser::new();
        browser.get(&app.at("/login")).await;
        let events = app.events(&app.session_cookie(&browser)).await;
        assert_eq!(app.terminate().await, Some(0));
        assert!(!rest(events).await.contains("logged_out"));
    }
}

#[tokio::test]
async fn a_store_that_is_not_built_in_is_said_at_start() {
    for name in APPS {
        for (store, feature, built_in) in [
            ("redis://127.0.0.1", "redis", cfg!(feature = "redis")),
            (
                "postgres://127.0.0.1/x",
                "postgres",
                cfg!(feature = "postgres"),
            ),
            ("sqlite:x.db", "sqlite", cfg!(feature = "sqlite")),
        ] {
            if built_in {
                continue;
            }
            let mut command = example(name);
            command.args(["--issuer", "http://127.0.0.1:1", "--client-id", CLIENT]);
            command.args(["--listen", "127.0.0.1:0", "--store", store]);
            let output = output(command).await;
            assert!(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                said.contains(&format!("built without feature {feature}")),
                "{said}"
            );
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn help_is_no_failure_and_a_flag_that_nobody_knows_is_2() {
    for name in ["axum_app", "hyper_app", "demo", "vectors"] {
        let mut command = example(name);
        command.arg("--help");
        let help = output(command).await;
        assert_eq!(help.status.code(), Some(0), "{name}");
        assert!(text(&help.stdout).starts_with("usage: "), "{name}");

        let mut command = example(name);
        command.arg("--no-such-flag");
        let unknown = output(command).await;
        assert_eq!(unknown.status.code(), Some(2), "{name}");
        let said = text(&unknown.stderr);
        assert!(said.contains("unknown argument --no-such-flag"), "{said}");
        assert!(said.contains("usage: "), "{said}");
    }
}

#[tokio::test]
async fn an_app_says_in_one_line_what_keeps_it_from_starting() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    for name in APPS {
        for (flag, value, said) in [
            ("--listen", listen.as_str(), format!("--listen {listen}: ")),
            ("--alg", "none", "algorithm is none".to_owned()),
            ("--alg", "RS257", "algorithm is not one of".to_owned()),
            ("--public-url", "nowhere", "--public-url".to_owned()),
        ] {
            let mut command = example(name);
            command.args(["--issuer", "http://127.0.0.1:1", "--client-id", CLIENT]);
            command.args(["--listen", "127.0.0.1:0", flag, value]);
            let failed = output(command).await;
            assert_eq!(failed.status.code(), Some(1), "{name} {flag}");
            let lines = text(&failed.stderr);
            assert_eq!(lines.lines().count(), 1, "{lines}");
            assert!(lines.starts_with(&format!("{name}: {said}")), "{lines}");
        }
    }
}

#[tokio::test]
async fn the_vectors_tell_each_case_that_differs_and_the_count() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/times.json");
    let mut command = example("vectors");
    command.arg(file);
    let same = output(command).await;
    assert_eq!(same.status.code(), Some(0));
    assert!(text(&same.stdout).starts_with("86 cases judged, 0 different"));

    let mut cases: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    cases["cases"][0]["expect"] = serde_json::json!({"result": "refuse", "reason": "expired"});
    let changed = std::env::temp_dir().join(format!("vectors-{}.json", std::process::id()));
    std::fs::write(&changed, cases.to_string()).unwrap();
    let mut command = example("vectors");
    command.arg(&changed);
    let different = output(command).await;
    std::fs::remove_file(&changed).unwrap();
    assert_eq!(different.status.code(), Some(1));
    let said = text(&different.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains(cases["cases"][0]["id"].as_str().unwrap()));
    assert!(lines[1].starts_with("86 cases judged, 1 different"));
}

#[tokio::test]
async fn the_tour_of_the_demo_comes_true() {
    let mut command = example("demo");
    command.arg("--tour");
    let output = output(command).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains('\u{2717}'), "{said}");
}

#[tokio::test]
async fn the_tour_of_the_demo_fails_when_the_endpoint_is_broken() {
    let mut command = example("demo");
    command.args(["--tour", "--break-endpoint"]);
    assert_eq!(output(command).await.status.code(), Some(1));
}
