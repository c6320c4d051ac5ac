//! Reading the keys of a provider: what every token does before its signature is verified.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
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

criterion_group!(benches, keys);
criterion_main!(benches);
