//! Reading the keys of a provider: what every token does before its signature is verified, also beside many that nobody has a key for.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tower_backchannel_logout::fetch::{BoxError, DynFetch, Fetch, FetchBody};
use tower_backchannel_logout::logout::LogoutTokenVerifier;
use tower_backchannel_logout::provider::{Client, Provider, Providers};

mod kit;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"411s40N_jMmVWje0P03GY53cBKU9NQ2LVHf16Jj041Y"}]}"#;

struct Fixed;

impl Fetch for Fixed {
    async fn fetch(&self, _: http::Request<()>) -> Result<http::Response<FetchBody>, BoxError> {
        Ok(http::Response::new(FetchBody::from(KEYS)))
    }
}

fn keys(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let provider = Provider::builder("https://op.example")
        .with_client(Client::builder("orders-web").build().unwrap())
        .with_jwks_uri("https://op.example/jwks")
        .with_fetch(Fixed)
        .build()
        .unwrap();
    runtime.block_on(provider.ready()).unwrap();
    let remote = provider.remote_keys().unwrap().clone();
    assert_eq!(remote.current().unwrap().len(), 1);
    kit::allocations("keys/current", 0, || assert!(remote.current().is_some()));
    // The clock is read here and not in a request, which knows when it arrived.
    c.bench_function("keys/clock", |b| {
        b.iter(|| black_box(tokio::time::Instant::now()))
    });
    c.bench_function("keys/current", |b| b.iter(|| black_box(remote.current())));
    let providers = Providers::from(provider);
    kit::allocations("keys/find_provider", 0, || {
        assert!(providers.find("https://op.example").is_some());
    });
    c.bench_function("keys/find_provider", |b| {
        b.iter(|| black_box(providers.find(black_box("https://op.example"))));
    });
}

/// Answers at once the first time, and then when it is told to.
struct Slow {
    keys: String,
    asked: AtomicUsize,
    answer: Notify,
}

impl Fetch for Slow {
    async fn fetch(&self, _: http::Request<()>) -> Result<http::Response<FetchBody>, BoxError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) > 0 {
            self.answer.notified().await;
        }
        Ok(http::Response::new(FetchBody::from(self.keys.clone())))
    }
}

/// What all but one in a hundred tokens whose key is known take at most.
fn p99(verifier: &LogoutTokenVerifier, token: &str) -> Duration {
    let once = |_| {
        let begun = Instant::now();
        assert!(kit::now(verifier.verify(token)).is_ok());
        begun.elapsed()
    };
    let mut times: Vec<_> = (0..10_000).map(once).collect();
    times.sort_unstable();
    times[times.len() / 100 * 99]
}

/// 10,000 tokens with key ids that nobody published wait for the fetch they share, and one whose key is known does not.
#[tokio::main(flavor = "current_thread")]
async fn unknown_key_ids(_: &mut Criterion) {
    let mint = kit::mint();
    let slow = Arc::new(Slow {
        keys: mint.jwks_json(),
        asked: AtomicUsize::new(0),
        answer: Notify::new(),
    });
    let fetch: Arc<dyn DynFetch> = slow.clone();
    let provider = Provider::builder(kit::ISSUER)
        .with_client(Client::builder(kit::CLIENT).build().unwrap())
        .with_jwks_uri("https://login.example/jwks")
        .with_fetch(fetch)
        .build()
        .unwrap();
    provider.ready().await.unwrap();
    let verifier = LogoutTokenVerifier::new(provider);
    let token = mint.logout_token().sub("customer").sign();
    let (_, rest) = token.split_once('.').unwrap();
    let unknown = |number: usize| {
        let head = format!(r#"{{"alg":"RS256","typ":"logout+jwt","kid":"unknown {number}"}}"#);
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head))
    };
    let idle = p99(&verifier, &token);
    let mut waiting = JoinSet::new();
    for number in 0..10_000 {
        let (verifier, token) = (verifier.clone(), unknown(number));
        waiting.spawn(async move { verifier.verify(&token).await });
    }
    while slow.asked.load(Ordering::Relaxed) == 1 {
        yield_now().await;
    }
    yield_now().await;
    assert!(waiting.try_join_next().is_none(), "all wait");
    let beside = p99(&verifier, &token);
    slow.answer.notify_one();
    while let Some(answer) = waiting.join_next().await {
        assert!(answer.unwrap().is_err(), "nobody published that key");
    }
    let fetches = slow.asked.load(Ordering::Relaxed);
    assert_eq!(fetches, 2, "the first one, and one for all that waited");
    println!(
        "known key: p99 {idle:.1?} alone, {beside:.1?} beside 10,000 tokens with unknown key ids, ratio {:.2} (target 2); one fetch for them all",
        beside.as_secs_f64() / idle.as_secs_f64()
    );
}

criterion_group!(benches, keys, unknown_key_ids);
criterion_main!(benches);
