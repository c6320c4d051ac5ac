//! The applications as they run in production: several processes over one store. A person signs in at one, the provider tells another.

#[path = "../../it/examples/app.rs"]
#[allow(dead_code, reason = "not every store needs every part")]
mod app;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod kill;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};

use app::{App, CLIENT, SECRET, rest};

/// A connection ends within this after a logout at any node.
const SOON: Duration = Duration::from_secs(1);

/// Two processes of one application, and the provider that tells the second of them alone.
struct TwoProcesses {
    op: FakeProvider,
    here: App,
    #[allow(dead_code, reason = "it is told; nobody visits it")]
    there: App,
}

impl TwoProcesses {
    async fn start(name: &str, store: &str) -> Self {
        build_once();
        let op = FakeProvider::start().await;
        let options = ["--store", store];
        let here = App::start_with(name, op.issuer(), &options).await;
        let there = App::start_with(name, op.issuer(), &options).await;
        op.register(
            ClientRegistration::confidential(CLIENT, SECRET)
                .with_redirect_uri(here.at("/callback"))
                .with_redirect_uri(there.at("/callback"))
                .with_backchannel_logout_uri(there.at("/backchannel-logout")),
        );
        Self { op, here, there }
    }

    /// Signs in at the first process.
    async fn sign_in(&self) -> Visit {
        let browser = Browser::new();
        browser.get(&self.here.at("/login")).await;
        let me = browser.get(&self.here.at("/me")).await;
        assert_eq!(me.status(), StatusCode::OK);
        let me: Value = serde_json::from_slice(me.body()).unwrap();
        let sid = me["sid"].as_str().unwrap().to_owned();
        Visit { browser, sid }
    }

    /// The provider ends a session and the second process is told. The first one refuses it at once, and its stream ends soon.
    async fn end_everywhere(&self) {
        let late = self.end_one().await;
        assert!(late < SOON, "the stream ended after {late:?}");
    }

    /// The story for each application over this store, twice: nothing of the first time is in the way.
    async fn end_twice(names: &[&str], store: &str) {
        for name in names {
            let apps = Self::start(name, store).await;
            apps.end_everywhere().await;
            apps.end_everywhere().await;
        }
    }

    /// How late the stream ended.
    async fn end_one(&self) -> Duration {
        let (visit, other) = (self.sign_in().await, self.sign_in().await);
        let cookie = self.here.session_cookie(&visit.browser);
        let events = tokio::spawn(rest(self.here.events(&cookie).await));
        let deliveries = self.op.end_session(&visit.sid).await;
        let answered = Instant::now();
        let answers: Vec<_> = deliveries.iter().map(|one| one.status()).collect();
        assert_eq!(answers, [Some(200)]);
        let refused = self.here.me(&visit.browser).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED);
        assert!(events.await.unwrap().contains("event: logged_out\n"));
        let late = answered.elapsed();
        assert_eq!(self.here.me(&other.browser).await, StatusCode::OK);
        late
    }
}

struct Visit {
    browser: Browser,
    sid: String,
}

/// `cargo test` builds the examples, but one that was built before may have no store; and whoever runs this binary alone has none.
fn build_once() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let features: Vec<_> = [
            (cfg!(feature = "client"), "client"),
            (cfg!(feature = "josekit"), "josekit"),
            (cfg!(feature = "jwe"), "jwe"),
            (cfg!(feature = "metrics"), "metrics"),
            (cfg!(feature = "postgres"), "postgres"),
            (cfg!(feature = "redis"), "redis"),
            (cfg!(feature = "reqwest"), "reqwest"),
            (cfg!(feature = "sqlite"), "sqlite"),
            (cfg!(feature = "tower-sessions"), "tower-sessions"),
        ]
        .into_iter()
        .filter_map(|(on, feature)| on.then_some(feature))
        .collect();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--no-default-features", "--features"])
            .arg(features.join(","))
            .args(["--example", "axum_app", "--example", "hyper_app"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
    });
}
