//! The rules about time, on the paused runtime: an OP in the same process, whose answers each test decides.

mod budget;
mod discovery;
mod lifetime;
mod miss;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{Request, Response};
use tokio::time::Instant;

use super::*;
use crate::clock::{Clock, UnixTime};
use crate::fetch::{BoxError, Fetch, FetchBody, Fetcher};
use crate::types::Issuer;

const JWKS: &str = "https://op.example/jwks";
const METADATA: &str = "https://op.example/.well-known/openid-configuration";
const LEEWAY: Duration = Duration::from_secs(60);
/// The time of day at the start of each test.
const START: i64 = 1_790_000_000;

/// What the OP does with a request.
#[derive(Clone)]
enum Answer {
    Send(&'static str, String),
    Status(u16),
    Redirect,
    Hang,
    Panic,
    Cut,
}

#[derive(Clone)]
struct Op(Arc<Mutex<Script>>);

struct Script {
    answers: HashMap<String, Answer>,
    etag: Option<&'static str>,
    asked: Vec<String>,
    release: Arc<tokio::sync::Notify>,
    slow: bool,
}

impl Op {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Script {
            answers: HashMap::new(),
            etag: None,
            asked: Vec::new(),
            release: Arc::default(),
            slow: false,
        })))
    }

    /// An OP that publishes these keys.
    fn with_keys(keys: &[String]) -> Self {
        let op = Self::new();
        op.publish(keys);
        op
    }

    fn publish(&self, keys: &[String]) {
        self.publish_for("", keys);
    }

    fn publish_for(&self, cache_control: &'static str, keys: &[String]) {
        self.answer(JWKS, Answer::Send(cache_control, set(keys)));
    }

    fn answer(&self, url: &str, answer: Answer) {
        let mut script = self.0.lock().unwrap();
        script.answers.insert(url.to_owned(), answer);
    }

    fn fetches(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// Answers wait until they are released.
    fn hold(&self) -> Arc<tokio::sync::Notify> {
        let mut script = self.0.lock().unwrap();
        script.slow = true;
        Arc::clone(&script.release)
    }

    fn let_go(&self) {
        let mut script = self.0.lock().unwrap();
        script.slow = false;
        script.release.notify_waiters();
    }
}

impl Fetch for Op {
    async fn fetch(&self, request: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        let url = request.uri().to_string();
        // What the OP publishes at the moment of the request is what it sends, however long that takes.
        let (answer, etag, wait) = {
            let mut script = self.0.lock().unwrap();
            let conditional = request.headers().get(IF_NONE_MATCH);
            let mark = if conditional.is_some() { "?" } else { "" };
            script.asked.push(format!("{url}{mark}"));
            let answer = match script.etag {
                Some(etag) if conditional.is_some_and(|sent| sent == etag) => Answer::Status(304),
                _ => script
                    .answers
                    .get(&url)
                    .cloned()
                    .unwrap_or(Answer::Status(404)),
            };
            let wait = script
                .slow
                .then(|| Arc::clone(&script.release).notified_owned());
            (answer, script.etag, wait)
        };
        if let Some(wait) = wait {
            wait.await;
        }
        let response = Response::builder();
        let response = match answer {
            Answer::Send(cache_control, body) => {
                let mut response = response.header(CACHE_CONTROL, cache_control);
                if let Some(etag) = etag {
                    response = response.header(ETAG, etag);
                }
                response.body(FetchBody::from(body))
            }
            Answer::Status(status) => response.status(status).body(FetchBody::from("")),
            Answer::Redirect => response
                .status(302)
                .header("location", JWKS)
                .body(FetchBody::from("")),
            Answer::Hang => std::future::pending().await,
            Answer::Panic => panic!("a client may be broken"),
            Answer::Cut => return Err("the connection was cut".into()),
        };
        Ok(response?)
    }
}

#[derive(Clone)]
struct TestTime(Arc<AtomicI64>);

impl Clock for TestTime {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A key set, its OP and the time of day.
struct World {
    op: Op,
    keys: RemoteJwks,
    time: TestTime,
}

impl World {
    fn new(op: Op) -> Self {
        let issuer = Issuer::parse("https://op.example").unwrap();
        let source = Source::Url(issuer, JWKS.to_owned());
        Self::of(op, source, RefreshPolicy::default())
    }

    fn discovering(op: Op) -> Self {
        let issuer = Issuer::parse("https://op.example").unwrap();
        Self::of(op, Source::Discovery(issuer), RefreshPolicy::default())
    }

    fn of(op: Op, source: Source, policy: RefreshPolicy) -> Self {
        let time = TestTime(Arc::new(AtomicI64::new(START)));
        let fetcher = Fetcher::new(Arc::new(op.clone()), policy.fetch_limits());
        Self {
            keys: RemoteJwks::new(source, fetcher, policy, Arc::new(time.clone())),
            op,
            time,
        }
    }

    /// Both clocks go on.
    async fn pass(&self, seconds: u64) {
        self.time
            .0
            .fetch_add(i64::try_from(seconds).unwrap(), Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(seconds)).await;
        settle().await;
    }

    async fn loaded(self) -> Self {
        self.keys.ready().await.unwrap();
        self
    }

    /// A token of this moment that names an unknown key.
    fn unknown<'a>(&self, kid: &'a str) -> Miss<'a> {
        Miss {
            kind: MissKind::UnknownKid,
            kid: Some(kid),
            token_iat: Some(self.time.now()),
            leeway: LEEWAY,
            arrived: Instant::now(),
        }
    }

    fn forged<'a>(&self, kid: &'a str) -> Miss<'a> {
        Miss {
            kind: MissKind::BadSignature,
            ..self.unknown(kid)
        }
    }

    async fn after(&self, miss: Miss<'_>) -> AfterMiss {
        let seen = self.keys.get(Instant::now()).await.unwrap();
        self.keys.after_miss(&seen, miss).await
    }

    fn knows(&self, kid: &str) -> bool {
        self.keys
            .current()
            .is_some_and(|keys| keys.contains_kid(kid))
    }
}

/// Lets everything that can run without time passing run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// An Ed25519 key by that name.
fn ed(kid: &str) -> String {
    format!(
        r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"411s40N_jMmVWje0P03GY53cBKU9NQ2LVHf16Jj041Y"}}"#
    )
}

/// A P-256 key by that name.
fn ec(kid: &str) -> String {
    format!(
        r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"8-evYQoqD8gi3kTYZrqNeT-ufp4oD_RX3RQyNyElhFE","y":"-Jx5U9-dOcYt6i96jZQOOjfUP_EktjC5BfHfMO9gLGY"}}"#
    )
}

fn retried(after: &AfterMiss) -> &KeySnapshot {
    match after {
        AfterMiss::Retry(snapshot) => snapshot,
        other => panic!("expected other keys, got {other:?}"),
    }
}

fn is_final(after: &AfterMiss) -> bool {
    matches!(after, AfterMiss::Final)
}

fn is_unavailable(after: &AfterMiss) -> bool {
    matches!(after, AfterMiss::Unavailable(_))
}
