//! Many malformed requests, and what is left of them in memory. A test binary of its own, because counting takes over the
//! allocator. `FLOOD_REQUESTS=1000000` makes it a long one.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::ServiceExt as _;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
use tower_backchannel_logout::jose::Algorithm;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{Breakage, TestClock, TokenMint};

const ISSUER: &str = "https://op.example";
const CLIENT: &str = "orders-web";
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// Serves the keys of the mint from this process.
struct Keys(String);

impl Fetch for Keys {
    async fn fetch(&self, _: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        Ok(Response::new(FetchBody::from(self.0.clone())))
    }
}

fn endpoint(mint: &TokenMint) -> LogoutService<MemoryStore> {
    let client = Client::builder(CLIENT).with_algorithm(Algorithm::EdDsa);
    let provider = Provider::builder(ISSUER)
        .with_client(client.build().unwrap())
        .with_jwks_uri("https://op.example/jwks")
        .with_fetch(Keys(mint.jwks_json()))
        .with_clock(TestClock::new(NOW))
        .build()
        .unwrap();
    let clock = TestClock::new(NOW);
    let store = MemoryStore::builder().with_clock(clock.clone()).build();
    let logout = Logout::builder(store, provider).with_clock(clock).build();
    LogoutService::new(logout)
}

/// Requests that must all be refused. The first half of them is made before anything is measured; what is random in real
/// floods (`kid`, `iss`, `jti`) is different in each.
fn tokens(mint: &TokenMint) -> Vec<String> {
    let whole = || mint.logout_token().sub("customer-1").sid("session-1");
    let broken = Breakage::ALL
        .iter()
        .filter(|breakage| breakage.only_with.is_none() && breakage.name != "too_large")
        .map(|breakage| breakage.apply(whole()).sign());
    let strange = (0..200).flat_map(|number| {
        [
            whole().kid(format!("kid-{number}")).sign(),
            whole()
                .issuer(format!("https://op-{number}.example"))
                .sign(),
            whole()
                .jti(format!("jti-{number}"))
                .tampered_signature()
                .sign(),
            format!("{number}.{number}.{number}"),
        ]
    });
    broken.chain(strange).collect()
}

fn send(endpoint: &LogoutService<MemoryStore>, runtime: &tokio::runtime::Runtime, body: String) {
    let request = Request::post("/backchannel-logout")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = runtime.block_on(endpoint.clone().oneshot(request)).unwrap();
    // 503: the key may be one that cannot be seen yet; it is bounded all the same.
    let expected = [StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE];
    assert!(expected.contains(&answer.status()), "{answer:?}");
}

#[test]
fn a_flood_of_malformed_requests_leaves_memory_flat() {
    // BCL-06, BCL-173
    let requests = std::env::var("FLOOD_REQUESTS");
    let requests: usize = requests.map_or(20_000, |count| count.parse().unwrap());
    let mint = TokenMint::new(ISSUER, CLIENT)
        .with_clock(TestClock::new(NOW))
        .with_alg("EdDSA");
    let (endpoint, tokens) = (endpoint(&mint), tokens(&mint));
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let flood = |count: usize| {
        for token in tokens.iter().cycle().take(count) {
            send(&endpoint, &runtime, format!("x=1&logout_token={token}"));
        }
    };
    // Everything that is bounded fills up first: the names of absent keys, the parked tokens.
    flood(2 * tokens.len());
    let counted = allocation_counter::measure(|| flood(requests));
    assert!(counted.bytes_current.abs() <= 64 * 1024, "{counted:?}");
    assert!(counted.bytes_max <= 1024 * 1024, "{counted:?}");
    println!("{requests} requests: {counted:?}");
}

#[test]
fn bodies_far_over_the_limit_are_not_kept() {
    // BCL-06, BCL-173
    let mint = TokenMint::new(ISSUER, CLIENT);
    let endpoint = endpoint(&mint);
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let large = Bytes::from(vec![b'x'; 1024 * 1024]);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            let request = Request::post("/backchannel-logout")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Full::new(large.clone()))
                .unwrap();
            let answer = runtime.block_on(endpoint.clone().oneshot(request)).unwrap();
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    });
    assert!(counted.bytes_max <= 128 * 1024, "{counted:?}");
}
