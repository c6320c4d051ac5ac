//! What a token costs before it is refused (spec BCL-172).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::ServiceExt as _;

use super::*;
use crate::clock::UnixTime;
use crate::endpoint::LogoutService;
use crate::fetch::{BoxError, Fetch, FetchBody};
use crate::jose::{Algorithm, ClientSecret, JwkSet, operations};
use crate::provider::{Client, Provider};
use crate::refusal::Refusal;
use crate::store::MemoryStore;
use crate::testing::{Breakage, LogoutTokenBuilder, SigningKey, TestClock, TokenMint};
use crate::token::TokenPolicy;

const ISSUER: &str = "https://op.example";
const CLIENT: &str = "orders-web";
const SECRET: &str = "a client secret of more than thirty-two bytes";
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// Whether a refusal needs no look at the signature.
fn comes_before_the_signature(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::MissingLogoutToken
            | Refusal::DuplicateParameter
            | Refusal::Malformed
            | Refusal::DuplicateMember
            | Refusal::TooLarge
            | Refusal::AlgNone
            | Refusal::AlgNotAllowed
            | Refusal::UnsupportedCrit
            | Refusal::WrongTyp
            | Refusal::UnknownKey
            | Refusal::UnusableKey
            | Refusal::AmbiguousKey
            | Refusal::WrongIssuer
            | Refusal::WrongAudience
            | Refusal::Encrypted
            | Refusal::EncryptionRequired
            | Refusal::JweNotAllowed
            | Refusal::DecryptionFailed
            | Refusal::NotNested
    )
}

fn mint(algorithm: Algorithm) -> TokenMint {
    TokenMint::new(ISSUER, CLIENT)
        .with_clock(TestClock::new(NOW))
        .with_client_secret(SECRET)
        .with_alg(algorithm.as_str())
}

/// A logout for a client whose policy has every switch on that refuses something.
fn logout(mint: &TokenMint, algorithm: Algorithm) -> Logout<MemoryStore> {
    let policy = TokenPolicy::default()
        .with_require_exp(true)
        .with_require_sid(true)
        .with_max_lifetime(Duration::from_secs(120));
    let client = Client::builder(CLIENT)
        .with_algorithm(algorithm)
        .with_policy(policy);
    let client = match algorithm.is_symmetric() {
        true => client.with_client_secret(ClientSecret::parse(SECRET).unwrap()),
        false => client,
    };
    let provider = Provider::builder(ISSUER)
        .with_client(client.build().unwrap())
        .with_static_keys(JwkSet::parse(mint.jwks_json().as_bytes()).unwrap())
        .build()
        .unwrap();
    let clock = TestClock::new(NOW);
    let store = MemoryStore::builder().with_clock(clock.clone()).build();
    Logout::builder(store, provider).with_clock(clock).build()
}

/// The verdict on one token and how many signatures were checked for it. The runtime of these tests has one thread.
async fn cost(logout: &Logout<MemoryStore>, token: &str) -> (Option<LogoutErrorKind>, usize) {
    let before = operations();
    let verdict = logout.verifier().verify(token).await;
    (
        verdict.err().map(|error| error.kind()),
        operations() - before,
    )
}

fn form(token: &str) -> Request<Full<Bytes>> {
    Request::post("/backchannel-logout")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(format!("logout_token={token}")))
        .unwrap()
}

#[tokio::test]
async fn each_broken_token_is_refused_for_its_reason_with_no_signature_checked_before_its_step() {
    // BCL-70, BCL-172
    let algorithm = Algorithm::Rs256;
    let mint = mint(algorithm);
    let logout = logout(&mint, algorithm);
    let whole = || mint.logout_token().sub("customer-1").sid("session-1");
    assert_eq!(cost(&logout, &whole().sign()).await, (None, 1));
    for breakage in Breakage::ALL {
        let (verdict, operations) = cost(&logout, &breakage.apply(whole()).sign()).await;
        let refusal = breakage.refusal;
        assert_eq!(
            verdict,
            Some(LogoutErrorKind::Refused(refusal)),
            "{breakage:?}"
        );
        let expected = usize::from(!comes_before_the_signature(refusal));
        assert_eq!(operations, expected, "{breakage:?}");
    }
}

#[tokio::test]
async fn with_every_other_algorithm_the_costs_are_the_same() {
    // BCL-172
    for algorithm in [
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::EdDsa,
        Algorithm::Hs256,
    ] {
        let mint = mint(algorithm);
        let logout = logout(&mint, algorithm);
        for breakage in Breakage::ALL {
            let token = breakage.apply(mint.logout_token().sub("customer-1").sid("session-1"));
            let (verdict, operations) = cost(&logout, &token.sign()).await;
            let early = matches!(
                verdict,
                Some(LogoutErrorKind::Refused(refusal)) if comes_before_the_signature(refusal)
            );
            assert_eq!(operations, usize::from(!early), "{algorithm}, {breakage:?}");
        }
    }
}

#[tokio::test]
async fn the_endpoint_adds_no_signature_checks_of_its_own() {
    // BCL-172
    let mint = mint(Algorithm::EdDsa);
    let endpoint = LogoutService::new(logout(&mint, Algorithm::EdDsa));
    let post = async |request: Request<Full<Bytes>>| {
        let before = operations();
        let answer = endpoint.clone().oneshot(request).await.unwrap();
        (answer.status(), operations() - before)
    };
    let whole = || mint.logout_token().sub("customer-1").sid("session-1");
    let bad = StatusCode::BAD_REQUEST;
    for breakage in Breakage::ALL.iter().filter(|it| it.name != "too_large") {
        let (status, operations) = post(form(&breakage.apply(whole()).sign())).await;
        assert_eq!(status, bad, "{breakage:?}");
        assert!(operations <= 1, "{breakage:?}");
        if comes_before_the_signature(breakage.refusal) {
            assert_eq!(operations, 0, "{breakage:?}");
        }
    }
    let token = whole().sign();
    assert_eq!(
        post(form(&format!("{token}&logout_token={token}"))).await,
        (bad, 0)
    );
    assert_eq!(post(form("")).await, (bad, 0));
    let mut typed = form(&token);
    *typed.method_mut() = http::Method::PUT;
    assert_eq!(post(typed).await, (StatusCode::METHOD_NOT_ALLOWED, 0));
    let mut typed = form(&token);
    typed.headers_mut().remove("content-type");
    assert_eq!(post(typed).await, (StatusCode::UNSUPPORTED_MEDIA_TYPE, 0));
    let large = form(&whole().claim("padding", "x".repeat(80_000)).sign());
    assert_eq!(post(large).await, (StatusCode::PAYLOAD_TOO_LARGE, 0));
    assert_eq!(post(form(&token)).await, (StatusCode::OK, 1));
}

/// An OP whose key set changes whenever the test says so.
#[derive(Clone, Default)]
struct Rotating(Arc<Mutex<String>>);

impl Rotating {
    fn publish(&self, keys: &[SigningKey]) {
        let mint = TokenMint::new(ISSUER, CLIENT).with_keys(keys.to_vec());
        *self.0.lock().unwrap() = mint.jwks_json();
    }
}

impl Fetch for Rotating {
    async fn fetch(&self, _: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        let keys = self.0.lock().unwrap().clone();
        Ok(Response::new(FetchBody::from(keys)))
    }
}

/// A logout whose keys were fetched once and are `old`; the next fetch brings `new`.
async fn rotated(old: &[SigningKey], new: &[SigningKey]) -> Logout<MemoryStore> {
    let op = Rotating::default();
    op.publish(old);
    let client = Client::builder(CLIENT).with_algorithm(Algorithm::EdDsa);
    let provider = Provider::builder(ISSUER)
        .with_client(client.build().unwrap())
        .with_jwks_uri("https://op.example/jwks")
        .with_fetch(op.clone())
        .with_clock(TestClock::new(NOW))
        .build()
        .unwrap();
    provider.ready().await.unwrap();
    op.publish(new);
    // The request comes later than the first fetch.
    tokio::time::advance(Duration::from_secs(1)).await;
    let store = MemoryStore::builder().build();
    Logout::builder(store, provider)
        .with_clock(TestClock::new(NOW))
        .build()
}

fn keys(count: usize) -> Vec<SigningKey> {
    (0..count).map(|_| SigningKey::generate("EdDSA")).collect()
}

fn signed_by(key: &SigningKey) -> LogoutTokenBuilder {
    TokenMint::new(ISSUER, CLIENT)
        .with_clock(TestClock::new(NOW))
        .with_keys([key.clone()])
        .with_alg("EdDSA")
        .logout_token()
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_between_does_not_double_the_signatures_checked() {
    // BCL-74, BCL-172
    let stranger = &keys(1)[0];
    for (old, new) in [(1, 1), (8, 8), (5, 8), (8, 1)] {
        let logout = rotated(&keys(old), &keys(new)).await;
        let token = signed_by(stranger).without_header("kid").sign();
        let (verdict, operations) = cost(&logout, &token).await;
        assert!(
            matches!(verdict, Some(LogoutErrorKind::Refused(_))),
            "{verdict:?}"
        );
        assert!(operations <= 8, "{operations} with {old}, then {new} keys");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_refresh_only_the_new_keys_are_tried() {
    // BCL-74, BCL-75
    let old = keys(7);
    let mut new = old.clone();
    new.extend(keys(1));
    let logout = rotated(&old, &new).await;
    let token = signed_by(&new[7]).without_header("kid").sign();
    assert_eq!(cost(&logout, &token).await, (None, 8));
}

#[tokio::test(start_paused = true)]
async fn a_new_key_under_an_old_name_is_found_by_a_refresh() {
    // BCL-73, BCL-75
    let old = keys(1).remove(0).with_kid("a");
    let new = keys(1).remove(0).with_kid("a");
    let logout = rotated(&[old], std::slice::from_ref(&new)).await;
    assert_eq!(cost(&logout, &signed_by(&new).sign()).await, (None, 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_unknown_is_tried_after_the_refresh() {
    // BCL-75
    let new = keys(1);
    let logout = rotated(&keys(3), &new).await;
    assert_eq!(cost(&logout, &signed_by(&new[0]).sign()).await, (None, 1));
}
