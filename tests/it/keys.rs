//! Keys over time, over real sockets: a logout is not lost because the key endpoint rotates, hangs, lies or is down.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::fetch::FetchLimits;
use tower_backchannel_logout::jose::Algorithm;
use tower_backchannel_logout::jwks::{KeysErrorKind, RefreshPolicy};
use tower_backchannel_logout::logout::{Logout, LogoutErrorKind, LogoutTokenVerifier};
use tower_backchannel_logout::provider::{Client, Provider, ProviderBuilder};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{SigningKey, TokenMint};

use tower_backchannel_logout::{ClientId, Issuer, SessionId, Subject};
use tracing_subscriber::filter::LevelFilter;

use crate::secrets::recording;
use crate::wire::{Reply, Wire};

const CLIENT: &str = "orders-web";

/// An OP with one signing key at a time, its socket, and the RP that trusts it.
struct World {
    wire: Wire,
    issuer: String,
    mint: TokenMint,
    verifier: LogoutTokenVerifier,
    provider: Provider,
}

fn key(kid: &str) -> SigningKey {
    SigningKey::generate("ES256").with_kid(kid)
}

fn published(keys: &[&SigningKey]) -> Reply {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    Reply::Ok(json!({ "keys": keys }).to_string())
}

fn es256(issuer: &str) -> ProviderBuilder {
    let client = Client::builder(CLIENT).with_algorithm(Algorithm::Es256);
    Provider::builder(issuer).with_client(client.build().unwrap())
}

/// Waits as long as it takes, and saves up no attempts meanwhile: a busy machine changes nothing.
fn patient() -> RefreshPolicy {
    let minute = Duration::from_secs(60);
    let limits = FetchLimits::default().with_total(minute).with_read(minute);
    RefreshPolicy::default()
        .with_wait(minute)
        .with_cooldown(Duration::from_secs(3600))
        .with_limits(limits)
}

impl World {
    async fn new(key: &SigningKey) -> Self {
        Self::with(key, patient()).await
    }

    async fn with(key: &SigningKey, refresh: RefreshPolicy) -> Self {
        let wire = Wire::start(published(&[key])).await;
        let issuer = wire.url("");
        let provider = es256(&issuer)
            .with_jwks_uri(wire.url("/jwks"))
            .with_refresh(refresh)
            .build()
            .unwrap();
        Self {
            mint: mint(&issuer, key),
            verifier: LogoutTokenVerifier::new(provider.clone()),
            wire,
            issuer,
            provider,
        }
    }

    fn token(&self, key: &SigningKey) -> String {
        mint(&self.issuer, key).logout_token().sub("u").sign()
    }

    fn forged(&self, number: usize) -> String {
        let token = self.mint.logout_token().sub("u");
        token.kid(format!("forged-{number}")).sign()
    }

    async fn kind(&self, token: &str) -> Result<(), LogoutErrorKind> {
        verdict(&self.verifier, token).await
    }
}

fn mint(issuer: &str, key: &SigningKey) -> TokenMint {
    TokenMint::new(issuer, CLIENT)
        .with_alg("ES256")
        .with_keys([key.clone()])
}

async fn verdict(verifier: &LogoutTokenVerifier, token: &str) -> Result<(), LogoutErrorKind> {
    match verifier.verify(token).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.kind()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_load_refuses_no_token() {
    // BCL-75
    let keys = [key("k0"), key("k1"), key("k2")];
    let world = Arc::new(World::new(&keys[0]).await);
    world.provider.ready().await.unwrap();
    let current = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..8 {
        let (world, current, over) = (Arc::clone(&world), Arc::clone(&current), Arc::clone(&over));
        let keys = keys.clone();
        load.spawn(async move {
            let mut accepted = [0_usize; 3];
            while !over.load(Ordering::Acquire) || accepted[2] == 0 {
                let now = current.load(Ordering::Acquire);
                assert_eq!(world.kind(&world.token(&keys[now])).await, Ok(()));
                accepted[now] += 1;
                tokio::task::yield_now().await;
            }
            accepted
        });
    }
    for next in 1..3 {
        let before = world.wire.hits();
        // The OP publishes the new key beside the old ones and signs with it at once.
        let beside: Vec<_> = keys.iter().take(next + 1).collect();
        world.wire.answer(published(&beside));
        current.store(next, Ordering::Release);
        while world.wire.hits() == before {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Release);
    while let Some(accepted) = load.join_next().await {
        assert!(accepted.unwrap()[2] > 0);
    }
    assert_eq!(world.wire.hits(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_unknown_key_ids_stay_within_the_budget_and_a_known_key_is_served_meanwhile() {
    // BCL-75
    let key = key("known");
    let impatient = patient().with_wait(Duration::from_secs(1));
    let world = Arc::new(World::with(&key, impatient).await);
    world.provider.ready().await.unwrap();
    world.wire.answer(Reply::Hang);
    let mut flood = JoinSet::new();
    for number in 0..10_000 {
        let world = Arc::clone(&world);
        flood.spawn(async move { world.kind(&world.forged(number)).await });
    }
    while world.wire.hits() < 2 {
        tokio::task::yield_now().await;
    }
    let token = world.token(&key);
    let mut known = pin!(world.kind(&token));
    let once = std::future::poll_fn(|cx| Poll::Ready(known.as_mut().poll(cx))).await;
    assert_eq!(once, Poll::Ready(Ok(())), "a known key never waits");
    while let Some(answer) = flood.join_next().await {
        assert_eq!(answer.unwrap(), Err(LogoutErrorKind::KeysUnavailable));
    }
    assert!(world.wire.hits() <= 3, "{} fetches", world.wire.hits());
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_found_when_it_comes_up() {
    // BCL-83
    let key = key("k");
    let world = World::new(&key).await;
    world.wire.answer(Reply::Raw(String::new()));
    assert!(world.provider.ready().await.is_err());
    assert_eq!(
        world.kind(&world.token(&key)).await,
        Err(LogoutErrorKind::KeysUnavailable)
    );
    world.wire.answer(published(&[&key]));
    assert_eq!(world.kind(&world.token(&key)).await, Ok(()));
}

#[tokio::test]
async fn a_token_that_came_while_the_provider_was_down_takes_effect_when_it_is_up() {
    // BCL-76
    let key = key("k");
    let refresh = RefreshPolicy::default().with_cooldown(Duration::from_secs(1));
    let world = World::with(&key, refresh).await;
    world.wire.answer(Reply::Raw(String::new()));
    let store = MemoryStore::builder().build();
    let identity = SessionIdentity::new(
        Issuer::parse(&world.issuer).unwrap(),
        ClientId::parse(CLIENT).unwrap(),
        Subject::parse("u").unwrap(),
    );
    let id = SessionId::parse("s").unwrap();
    let expires = SystemClock::default()
        .now()
        .saturating_add(Duration::from_secs(3600));
    let session = NewSession::new(id.clone(), identity, expires);
    assert_eq!(
        store.register(session).await.unwrap(),
        Registration::Registered
    );
    let logout = Logout::builder(store.clone(), world.provider.clone()).build();
    let error = logout.handle(&world.token(&key)).await.unwrap_err();
    assert_eq!(error.kind(), LogoutErrorKind::KeysUnavailable);
    assert!(store.status(&id).await.unwrap().is_live());
    world.wire.answer(published(&[&key]));
    // The attempt comes with the cooldown; nobody sends anything meanwhile.
    while store.status(&id).await.unwrap().is_live() {
        tokio::task::yield_now().await;
    }
    assert_eq!(logout.parked(), 0);
}

#[tokio::test]
async fn a_slow_key_endpoint_costs_a_request_no_more_than_its_share_of_the_deadline() {
    // BCL-83
    let key = key("k");
    let refresh = RefreshPolicy::default().with_wait(Duration::from_millis(50));
    let world = World::with(&key, refresh).await;
    world.wire.answer(Reply::Hang);
    assert_eq!(
        world.kind(&world.token(&key)).await,
        Err(LogoutErrorKind::KeysUnavailable)
    );
}

#[tokio::test]
async fn a_key_that_the_provider_removed_is_no_longer_accepted() {
    // BCL-80
    let (old, new) = (key("old"), key("new"));
    let world = World::new(&old).await;
    assert_eq!(world.kind(&world.token(&old)).await, Ok(()));
    world.wire.answer(published(&[&new]));
    assert_eq!(world.kind(&world.token(&new)).await, Ok(()));
    assert_eq!(
        world.kind(&world.token(&old)).await,
        Err(LogoutErrorKind::Refused(Refusal::UnknownKey))
    );
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_accepted() {
    // BCL-75
    let (old, new) = (key("same"), key("same"));
    let world = World::new(&old).await;
    assert_eq!(world.kind(&world.token(&old)).await, Ok(()));
    world.wire.answer(published(&[&new]));
    assert_eq!(world.kind(&world.token(&new)).await, Ok(()));
    assert_eq!(
        world.kind(&world.token(&old)).await,
        Err(LogoutErrorKind::Refused(Refusal::BadSignature))
    );
}

#[tokio::test]
async fn the_caller_that_triggered_a_refresh_disconnects_and_the_refresh_completes() {
    // BCL-75
    let (old, new) = (key("old"), key("new"));
    let world = World::new(&old).await;
    world.provider.ready().await.unwrap();
    world.wire.answer(published(&[&old, &new]));
    {
        let token = world.token(&new);
        let mut caller = Box::pin(world.verifier.verify(&token));
        let once = std::future::poll_fn(|cx| Poll::Ready(caller.as_mut().poll(cx)));
        assert!(once.await.is_pending());
    }
    while world.provider.health().keys < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.wire.hits(), 2);
}

#[tokio::test]
async fn two_issuers_do_not_share_a_budget_over_one_key_endpoint() {
    // BCL-75
    let key = key("k");
    let one = World::new(&key).await;
    let two = es256("https://two.example")
        .with_jwks_uri(one.wire.url("/jwks"))
        .build()
        .unwrap();
    for number in 0..10 {
        assert!(one.kind(&one.forged(number)).await.is_err());
    }
    assert_eq!(one.wire.hits(), 3);
    two.ready().await.unwrap();
    assert_eq!(one.wire.hits(), 4);
}

#[tokio::test]
async fn issuers_that_share_a_key_set_do_not_accept_tokens_of_each_other() {
    // BCL-42, BCL-71
    let shared = key("shared");
    let wire = Wire::start(published(&[&shared])).await;
    let entry = |issuer| {
        es256(issuer)
            .with_jwks_uri(wire.url("/jwks"))
            .build()
            .unwrap()
    };
    let token = mint("https://a.example", &shared)
        .logout_token()
        .sub("u")
        .sign();
    let only_b = LogoutTokenVerifier::new(entry("https://b.example"));
    assert_eq!(
        verdict(&only_b, &token).await,
        Err(LogoutErrorKind::Refused(Refusal::WrongIssuer))
    );
    assert_eq!(wire.hits(), 0, "an unknown issuer causes no fetch");
    only_b.providers().insert(entry("https://a.example"));
    let verified = only_b.verify(&token).await.unwrap();
    assert_eq!(verified.issuer().as_str(), "https://a.example");
    only_b.providers().remove("https://a.example");
    assert!(verdict(&only_b, &token).await.is_err());
}

#[tokio::test]
async fn a_token_signed_by_a_key_of_another_issuer_is_refused() {
    // BCL-71
    let (a, b) = (key("k"), key("k"));
    let world = World::new(&a).await;
    let other = World::new(&b).await;
    world.verifier.providers().insert(other.provider.clone());
    assert_eq!(
        world.kind(&world.token(&b)).await,
        Err(LogoutErrorKind::Refused(Refusal::BadSignature))
    );
    assert_eq!(world.kind(&other.token(&b)).await, Ok(()));
}

#[tokio::test]
async fn keys_in_the_header_of_a_token_are_neither_used_nor_fetched() {
    // BCL-57, BCL-71
    let (real, forged) = (key("k"), key("k"));
    let world = World::new(&real).await;
    let elsewhere = Wire::start(published(&[&forged])).await;
    let token = mint(&world.issuer, &forged)
        .logout_token()
        .sub("u")
        .header("jku", elsewhere.url("/jwks"))
        .header("x5u", elsewhere.url("/x5u"))
        .header("jwk", forged.jwk())
        .sign();
    assert_eq!(
        world.kind(&token).await,
        Err(LogoutErrorKind::Refused(Refusal::BadSignature))
    );
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn keys_are_found_by_discovery_and_never_by_the_metadata_of_another_issuer() {
    // BCL-31, BCL-32
    let key = key("k");
    let wire = Wire::start(Reply::Hang).await;
    let serve = |issuer: String| {
        let metadata = json!({ "issuer": issuer, "jwks_uri": wire.url("/jwks") }).to_string();
        let keys = published(&[&key]);
        wire.answer_by_path(move |path| match path {
            "/t1/.well-known/openid-configuration" => Reply::Ok(metadata.clone()),
            "/jwks" => keys.clone(),
            _ => Reply::Raw("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        });
    };
    serve(wire.url("/t1"));
    let with_slash = es256(&wire.url("/t1/")).build().unwrap();
    assert_eq!(
        with_slash.ready().await.unwrap_err().kind(),
        KeysErrorKind::WrongIssuer
    );
    assert_eq!(wire.hits(), 1);
    let provider = es256(&wire.url("/t1")).build().unwrap();
    let verifier = LogoutTokenVerifier::new(provider.clone());
    let token = mint(&wire.url("/t1"), &key).logout_token().sub("u").sign();
    assert_eq!(verdict(&verifier, &token).await, Ok(()));
    // The keys have moved, and the metadata that says where is another issuer's.
    let evil = json!({ "issuer": "https://evil.example", "jwks_uri": wire.url("/evil") });
    let evil = evil.to_string();
    wire.answer_by_path(move |path| match path {
        "/t1/.well-known/openid-configuration" => Reply::Ok(evil.clone()),
        _ => Reply::Raw("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
    });
    let keys = provider.remote_keys().unwrap();
    assert!(keys.refresh().await.is_err());
    let heads = wire.heads();
    let asked: Vec<_> = heads
        .iter()
        .filter_map(|head| head.split(' ').nth(1))
        .collect();
    assert_eq!(
        asked[asked.len() - 2..],
        ["/jwks", "/t1/.well-known/openid-configuration"],
        "and its jwks_uri is not asked"
    );
    assert_eq!(
        verdict(&verifier, &token).await,
        Ok(()),
        "the good set stays"
    );
}

#[tokio::test]
async fn metadata_of_another_issuer_is_an_error_in_the_log_and_other_metadata_a_warning() {
    // BCL-32
    let wire = Wire::start(Reply::Hang).await;
    let url = wire.url("");
    // The second one names no `jwks_uri`.
    for (issuer, level) in [("https://evil.example", "ERROR"), (&*url, "WARN")] {
        let (log, _guard) = recording(LevelFilter::WARN);
        let metadata = json!({ "issuer": issuer }).to_string();
        wire.answer_by_path(move |_| Reply::Ok(metadata.clone()));
        let provider = es256(&url).build().unwrap();
        assert!(provider.ready().await.is_err());
        let text = log.text();
        let said = text.lines().find(|line| line.contains("metadata")).unwrap();
        assert!(said.contains(level) && said.contains(&url), "{text}");
        assert!(!text.contains("evil"), "{text}");
    }
}
