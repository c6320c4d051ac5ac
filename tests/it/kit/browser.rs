//! The browser of the kit.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, Redirect};
use axum::routing::{get, post};
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};

async fn site() -> String {
    let cookies = |headers: HeaderMap| async move {
        headers
            .get("cookie")
            .map_or(String::new(), |all| all.to_str().unwrap().to_owned())
    };
    let set = |value: &'static str| {
        move || async move { (AppendHeaders([("set-cookie", value)]), "set") }
    };
    let router = Router::new()
        .route("/cookies", get(cookies))
        .route("/one", get(set("one=1; Path=/; HttpOnly")))
        .route("/two", get(set("two=2=2")))
        .route("/gone", get(set("one=; Max-Age=0")))
        .route(
            "/form",
            post(|body: String| async move { Redirect::to(&format!("/echo?{body}")) }),
        )
        .route(
            "/echo",
            get(|uri: Uri| async move { uri.query().unwrap().to_owned() }),
        )
        .route("/loop", get(|| async { Redirect::to("/loop") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

#[tokio::test]
async fn cookies_are_kept_sent_back_and_deleted_by_host_and_port() {
    let (here, there) = (site().await, site().await);
    let browser = Browser::new();
    for path in ["/one", "/two"] {
        browser.get(&format!("{here}{path}")).await;
    }
    assert_eq!(browser.cookie(&here, "two").as_deref(), Some("2=2"));
    assert_eq!(
        browser.get(&format!("{here}/cookies")).await.body(),
        "one=1; two=2=2"
    );
    assert_eq!(browser.get(&format!("{there}/cookies")).await.body(), "");
    browser.get(&format!("{here}/gone")).await;
    assert_eq!(
        browser.get(&format!("{here}/cookies")).await.body(),
        "two=2=2"
    );
}

#[tokio::test]
async fn a_form_is_sent_and_its_redirect_is_followed_with_get() {
    let here = site().await;
    let page = Browser::new()
        .post(&format!("{here}/form"), &[("a", "b c")])
        .await;
    assert_eq!(
        (page.status(), page.body().as_ref()),
        (StatusCode::OK, &b"a=b+c"[..])
    );
}

#[tokio::test]
#[should_panic(expected = "more than 10 redirects")]
async fn an_endless_redirect_fails_the_test() {
    let here = site().await;
    Browser::new().get(&format!("{here}/loop")).await;
}

#[tokio::test]
async fn a_browser_keeps_its_session_at_the_provider() {
    let (op, here) = (FakeProvider::start().await, site().await);
    let id = ClientRegistration::DEFAULT_ID;
    let login = format!(
        "/authorize?response_type=code&scope=openid&client_id={id}&redirect_uri={here}/echo"
    );
    let browser = Browser::new();
    for _ in 0..2 {
        let page = browser.get(&op.url(&login)).await;
        assert!(page.body().starts_with(b"code="));
    }
    assert_eq!(op.sessions_of("customer-1").len(), 1);
    Browser::new().get(&op.url(&login)).await;
    assert_eq!(op.sessions_of("customer-1").len(), 2);
}
