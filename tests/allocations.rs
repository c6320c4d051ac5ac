//! What one verification, one call of the endpoint and one decision of the guard allocate. A test binary of its own, because
//! counting takes over the allocator.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::jose::{Algorithm, JwkSet};
use tower_backchannel_logout::logout::{Logout, LogoutTokenVerifier};
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{TestClock, TokenMint};
use tower_backchannel_logout::token::Expectation;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_layer::Layer;
use tower_service::Service;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

const CLAIMS: &str = r#"{"exp":1790000120,"iat":1790000000,"jti":"2f0e5a3c-8f5e-4cf3-9c9b-4d7e6f1f7a10","iss":"https://op.example","aud":"orders-web","sub":"248289761001","typ":"Logout","sid":"08a5019c-17e1-4977-8f42-65a12843ea02","events":{"http://schemas.openid.net/event/backchannel-logout":{},"revoke_offline_access":true}}"#;

/// A token as Keycloak sends it, signed with RS256, and what accepts it.
fn rs256() -> (String, Expectation) {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // Out of `SEQUENCE { INTEGER n, INTEGER e }`.
    let n = URL_SAFE_NO_PAD.encode(&key.public_key().as_ref()[9..265]);
    let keys = format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","n":"{n}","e":"AQAB"}}]}}"#);
    let expectation = Expectation::signed_with(
        Issuer::parse("https://op.example").unwrap(),
        ClientId::parse("orders-web").unwrap(),
        Algorithm::Rs256,
        JwkSet::parse(keys.as_bytes()).unwrap(),
    )
    .unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"logout+jwt","kid":"a"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(CLAIMS));
    let mut signature = vec![0; key.public_modulus_len()];
    let padding: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let random = SystemRandom::new();
    key.sign(padding, &random, input.as_bytes(), &mut signature)
        .unwrap();
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    (token, expectation)
}

#[test]
fn one_verification_takes_at_most_twelve_allocations() {
    let (token, expectation) = rs256();
    // The first use of a key prepares it.
    assert!(expectation.verify(&token, NOW).is_ok());
    let counted = allocation_counter::measure(|| {
        assert!(expectation.verify(&token, NOW).is_ok());
    });
    assert!(counted.count_total <= 12, "{counted:?}");
}

#[test]
fn a_refused_token_costs_no_more_memory_than_a_few_times_its_size() {
    // BCL-173
    let (token, expectation) = rs256();
    let payload = URL_SAFE_NO_PAD.encode(format!("{{\"x\":{}", "[".repeat(40_000)));
    let (header, _) = token.split_once('.').unwrap();
    let deep = format!("{header}.{payload}.AA");
    let members: Vec<String> = (0..4_000).map(|n| format!("\"{n:x}\":1")).collect();
    let payload = URL_SAFE_NO_PAD.encode(format!("{{{}}}", members.join(",")));
    let many = format!("{header}.{payload}.AA");
    // What the claims name besides is held while keys are fetched.
    let audiences = format!("\"orders-web\"{}", ",\"\"".repeat(10_000));
    let claims = CLAIMS.replace("\"orders-web\"", &format!("[{audiences}]"));
    let audiences = format!("{header}.{}.AA", URL_SAFE_NO_PAD.encode(claims));
    for token in [deep, many, audiences] {
        let counted = allocation_counter::measure(|| {
            assert!(expectation.verify(&token, NOW).is_err());
        });
        let limit = 6 * token.len() as u64;
        assert!(counted.bytes_max <= limit, "{counted:?} of {}", token.len());
    }
}

/// The answer of a future that has it at hand.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waited"),
    }
}

fn provider(mint: &TokenMint) -> Provider {
    let keys = JwkSet::parse(mint.jwks_json().as_bytes()).unwrap();
    Provider::builder("https://op.example")
        .with_client(Client::builder("orders-web").build().unwrap())
        .with_static_keys(keys)
        .build()
        .unwrap()
}

fn mint() -> TokenMint {
    TokenMint::new("https://op.example", "orders-web").with_clock(TestClock::new(NOW))
}

/// A store with the sessions `session-0` to `session-9`, each of a customer and with a `sid` of its own.
fn store() -> MemoryStore {
    let store = MemoryStore::builder()
        .with_clock(TestClock::new(NOW))
        .build();
    for number in 0..10 {
        let identity = SessionIdentity::new(
            Issuer::parse("https://op.example").unwrap(),
            ClientId::parse("orders-web").unwrap(),
            Subject::parse(format!("customer-{number}")).unwrap(),
        )
        .with_sid(Sid::parse(format!("sid-{number}")).unwrap())
        .with_id_token_iat(NOW);
        let id = SessionId::parse(format!("session-{number}")).unwrap();
        let end = NOW.saturating_add(Duration::from_secs(3600));
        let taken = now(store.register(NewSession::new(id, identity, end))).unwrap();
        assert_eq!(taken, Registration::Registered);
    }
    store
}

#[test]
fn the_verifier_takes_no_more_allocations_than_the_plain_function() {
    let mint = mint();
    let verifier = LogoutTokenVerifier::new(provider(&mint)).with_clock(TestClock::new(NOW));
    let token = mint.logout_token().sub("customer-1").sid("sid-1").sign();
    assert!(now(verifier.verify(&token)).is_ok());
    let counted = allocation_counter::measure(|| {
        assert!(now(verifier.verify(&token)).is_ok());
    });
    assert!(counted.count_total <= 12, "{counted:?}");
}

#[tokio::test]
async fn one_call_of_the_endpoint_takes_at_most_twenty_five_allocations() {
    let mint = mint();
    let store = store();
    let logout = Logout::builder(store.clone(), provider(&mint))
        .with_clock(TestClock::new(NOW))
        .build();
    let mut endpoint = LogoutService::new(logout);
    for number in 0..10 {
        let token = mint
            .logout_token()
            .sub(format!("customer-{number}"))
            .sid(format!("sid-{number}"))
            .sign();
        let request = Request::post("/backchannel-logout")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::<Bytes>::from(format!("logout_token={token}")))
            .unwrap();
        let counted = allocation_counter::measure(|| {
            let answer = now(endpoint.call(request)).unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        });
        // The first ones prepare the key and make room in the tables.
        assert!(number < 5 || counted.count_total <= 25, "{counted:?}");
    }
    assert_eq!(store.stats().live_sessions, 0);
}

#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Empty::new())))
    }
}

#[test]
fn the_guard_takes_no_allocation_to_decide_and_four_to_hand_a_live_session_on() {
    let store = store();
    let id = SessionId::parse("session-1").unwrap();
    let counted = allocation_counter::measure(|| {
        assert!(store.status_now(&id).unwrap().is_live());
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");

    let cookie = SessionCookie::parse("id").unwrap();
    let mut guard = SessionGuardLayer::new(store, cookie).layer(Handler);
    let mut allocations_with = |cookie: Option<&str>, expected: StatusCode| {
        let mut request = Request::get("/account");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let request = request.body(()).unwrap();
        let counted = allocation_counter::measure(|| {
            assert_eq!(now(guard.call(request)).unwrap().status(), expected);
        });
        counted.count_total
    };
    assert_eq!(allocations_with(None, StatusCode::OK), 0);
    // The id, and in the extensions of the request: their map, its table, the box of the handle.
    let live = allocations_with(Some("id=session-1"), StatusCode::OK);
    assert!(live <= 4, "{live}");
}
