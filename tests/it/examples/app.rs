//! Example programs as processes, and what another program sees of them.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tower_backchannel_logout::testing::{Browser, ClientRegistration, FakeProvider};

pub(super) const CLIENT: &str = "orders-web";
pub(super) const SECRET: &str = "a secret of more than 32 characters, with % & + :";
/// Far more than anything here takes; only a failure waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// `cargo test` builds the examples before any test runs; whoever asked for this binary alone gets them built here.
pub(super) fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.extend(["examples", name]);
    if !path.exists() {
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", name])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success() && path.exists(), "{path:?}");
    }
    let mut command = Command::new(path);
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

pub(super) async fn output(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// A running application.
pub(super) struct App {
    process: Child,
    pub(super) url: String,
    http: Client<HttpConnector, Empty<Bytes>>,
}

impl App {
    pub(super) async fn start(name: &str, issuer: &str) -> Self {
        Self::start_with(name, issuer, &[]).await
    }

    pub(super) async fn start_with(name: &str, issuer: &str, options: &[&str]) -> Self {
        let mut process = example(name)
            .args(["--issuer", issuer, "--client-id", CLIENT])
            .args(["--client-secret", SECRET, "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
        let line = line.unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { process, url, http }
    }

    /// Starts it against a provider that knows it.
    pub(super) async fn registered(name: &str) -> (Self, FakeProvider) {
        let op = FakeProvider::start().await;
        let app = Self::start(name, op.issuer()).await;
        op.register(
            ClientRegistration::confidential(CLIENT, SECRET)
                .with_redirect_uri(app.at("/callback"))
                .with_backchannel_logout_uri(app.at("/backchannel-logout")),
        );
        (app, op)
    }

    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(super) fn session_cookie(&self, browser: &Browser) -> String {
        let port = self.url.rsplit(':').next().unwrap();
        let name = format!("session-{port}");
        let value = browser.cookie(&self.url, &name).unwrap();
        format!("{name}={value}")
    }

    /// One request as it is: no redirects followed, no cookies kept.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        head: &[(&str, &str)],
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(self.at(path));
        for (name, value) in head {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        timeout(PATIENCE, self.http.request(request))
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn me(&self, browser: &Browser) -> StatusCode {
        browser.get(&self.at("/me")).await.status()
    }

    /// The events of a session, once they flow.
    pub(super) async fn events(&self, cookie: &str) -> Incoming {
        let answer = self
            .send(Method::GET, "/events", &[(COOKIE.as_str(), cookie)])
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
        let mut body = answer.into_body();
        let first = timeout(PATIENCE, body.frame()).await.unwrap();
        assert!(first.is_some_and(|frame| frame.is_ok()));
        body
    }

    /// Sends SIGKILL.
    #[allow(dead_code, reason = "not every test kills it")]
    pub(super) fn kill(mut self) {
        self.process.start_kill().unwrap();
    }

    /// Sends SIGTERM and answers the exit code.
    pub(super) async fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(sent.unwrap().success());
        let status = timeout(PATIENCE, self.process.wait()).await.unwrap();
        status.unwrap().code()
    }
}

/// What a stream still says until it ends.
pub(super) async fn rest(events: Incoming) -> String {
    let rest = timeout(PATIENCE, events.collect()).await.unwrap().unwrap();
    String::from_utf8(rest.to_bytes().to_vec()).unwrap()
}
