//! Several issuers and clients on one path, added and removed while requests are in flight.

use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::sync::{Barrier, Semaphore};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, ClientBuilder, Provider, Providers};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::session::{
    LogoutRequest, NewSession, Registration, SessionIdentity, SessionRegistry, SessionStore,
    Terminated,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{LogoutTokenBuilder, TestClock, TokenMint};
use tower_backchannel_logout::token::TokenPolicy;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::rig::{Answer, Behaviour, NOW, ScriptedStore, assert_error, form, is_live, send};

const ALPHA: &str = "https://alpha.example";
const BETA: &str = "https://beta.example";
const SECRET: &str = "a client secret of more than thirty-two bytes";

/// What one OP signs for one client; all of them publish the same keys.
fn mint(issuer: &str, client: &str) -> TokenMint {
    let keys = shared().keys().to_vec();
    TokenMint::new(issuer, client)
        .with_clock(TestClock::new(NOW))
        .with_keys(keys)
        .with_client_secret(SECRET)
}

fn shared() -> &'static TokenMint {
    static MINT: std::sync::OnceLock<TokenMint> = std::sync::OnceLock::new();
    MINT.get_or_init(|| TokenMint::new(ALPHA, "unused"))
}

fn provider(issuer: &str, clients: impl IntoIterator<Item = ClientBuilder>) -> Provider {
    let keys = JwkSet::parse(shared().jwks_json().as_bytes()).unwrap();
    clients
        .into_iter()
        .fold(Provider::builder(issuer), |builder, client| {
            builder.with_client(client.build().unwrap())
        })
        .with_static_keys(keys)
        .build()
        .unwrap()
}

fn endpoint<S: SessionStore>(store: S, providers: Providers) -> LogoutService<S> {
    let logout = Logout::builder(store, providers)
        .with_clock(TestClock::new(NOW))
        .build();
    LogoutService::new(logout)
}

async fn post<S: SessionStore>(endpoint: &LogoutService<S>, token: LogoutTokenBuilder) -> Answer {
    send(endpoint, form(&token.sign())).await
}

fn assert_refused(answer: &Answer, refusal: Refusal) {
    let (bad, error) = (StatusCode::BAD_REQUEST, "invalid_request");
    assert_error(answer, bad, error, refusal.description());
}

/// A session of "alice" under `sid` "s" that goes by the name of its issuer and client.
async fn sign_in(store: &MemoryStore, issuer: &str, client: &str) -> String {
    let identity = SessionIdentity::new(
        Issuer::parse(issuer).unwrap(),
        ClientId::parse(client).unwrap(),
        Subject::parse("alice").unwrap(),
    );
    let identity = identity
        .with_id_token_iat(NOW)
        .with_sid(Sid::parse("s").unwrap());
    let id = format!("{issuer} {client}");
    let expires = NOW.saturating_add(std::time::Duration::from_secs(3600));
    let session = NewSession::new(SessionId::parse(id.as_str()).unwrap(), identity, expires);
    let registered = store.register(session).await.unwrap();
    assert_eq!(registered, Registration::Registered);
    id
}

#[tokio::test]
async fn issuers_that_share_their_keys_and_their_sids_end_only_their_own_sessions() {
    // BCL-42, BCL-140
    let store = MemoryStore::builder()
        .with_clock(TestClock::new(NOW))
        .build();
    let clients = || [Client::builder("one"), Client::builder("two")];
    let providers = Providers::from_iter([provider(ALPHA, clients()), provider(BETA, clients())]);
    let endpoint = endpoint(store.clone(), providers);
    let mut live = Vec::new();
    for (issuer, client) in [(ALPHA, "one"), (ALPHA, "two"), (BETA, "one"), (BETA, "two")] {
        live.push((issuer, client, sign_in(&store, issuer, client).await));
    }
    while let Some((issuer, client, id)) = live.pop() {
        let token = mint(issuer, client).logout_token().sub("alice").sid("s");
        assert_eq!(post(&endpoint, token).await.status(), StatusCode::OK);
        assert!(!is_live(&store, &id).await, "{id}");
        for (_, _, other) in &live {
            assert!(is_live(&store, other).await, "{other} ended with {id}");
        }
    }
}

#[tokio::test]
async fn a_token_of_one_issuer_is_not_valid_for_another_that_shares_its_keys() {
    // BCL-42
    let store = ScriptedStore::new([Behaviour::Answer]);
    let providers = Providers::from(provider(BETA, [Client::builder("one")]));
    let endpoint = endpoint(store.clone(), providers);
    let of_alpha = mint(ALPHA, "one").logout_token();
    assert_refused(&post(&endpoint, of_alpha).await, Refusal::WrongIssuer);
    for almost in [
        "https://beta.example/",
        "https://BETA.example",
        "HTTPS://beta.example",
    ] {
        let token = mint(BETA, "one").logout_token().issuer(almost);
        assert_refused(&post(&endpoint, token).await, Refusal::WrongIssuer);
    }
    assert!(store.asked().is_empty());
}

#[tokio::test]
async fn keys_of_one_issuer_do_not_verify_for_another() {
    // BCL-42, BCL-71
    let store = ScriptedStore::new([Behaviour::Answer]);
    let own = TokenMint::new(BETA, "one").with_clock(TestClock::new(NOW));
    let beta = Provider::builder(BETA)
        .with_client(Client::builder("one").build().unwrap())
        .with_static_keys(JwkSet::parse(own.jwks_json().as_bytes()).unwrap())
        .build()
        .unwrap();
    let alpha = provider(ALPHA, [Client::builder("one")]);
    let endpoint = endpoint(store.clone(), Providers::from([alpha, beta]));
    // Signed by alpha in the name of beta: under its own `kid`, under that of beta's key, and under none.
    let forged = || mint(ALPHA, "one").logout_token().issuer(BETA);
    assert_refused(&post(&endpoint, forged()).await, Refusal::UnknownKey);
    let kid = own.key_for("RS256").unwrap().kid();
    assert_refused(
        &post(&endpoint, forged().kid(kid)).await,
        Refusal::BadSignature,
    );
    let unnamed = forged().without_header("kid");
    assert_refused(&post(&endpoint, unnamed).await, Refusal::BadSignature);
    assert!(store.asked().is_empty());
    assert_eq!(
        post(&endpoint, own.logout_token()).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn each_client_has_its_own_algorithm_and_no_other() {
    // BCL-38, BCL-41, BCL-42
    let algorithms = [
        ("rs", Algorithm::Rs256),
        ("ps", Algorithm::Ps256),
        ("es", Algorithm::Es256),
        ("ed", Algorithm::EdDsa),
        ("hs", Algorithm::Hs256),
    ];
    let clients = algorithms.map(|(name, algorithm)| {
        let client = Client::builder(name).with_algorithm(algorithm);
        match algorithm.is_symmetric() {
            true => client.with_client_secret(ClientSecret::parse(SECRET).unwrap()),
            false => client,
        }
    });
    let store = ScriptedStore::new([Behaviour::Answer]);
    let endpoint = endpoint(store, Providers::from(provider(ALPHA, clients)));
    for (client, expected) in algorithms {
        for (_, used) in algorithms {
            let token = mint(ALPHA, client).logout_token().alg(used.as_str());
            let answer = post(&endpoint, token).await;
            if used == expected {
                assert_eq!(answer.status(), StatusCode::OK, "{client}");
            } else {
                assert_refused(&answer, Refusal::AlgNotAllowed);
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_names_two_of_our_clients_is_refused_unless_one_trusts_the_other() {
    // BCL-42, BCL-102, BCL-140
    let token = || {
        let token = mint(ALPHA, "one").logout_token();
        token.audience(vec!["two".to_owned(), "one".to_owned()])
    };
    let plain = [Client::builder("one"), Client::builder("two")];
    let store = ScriptedStore::new([Behaviour::Answer]);
    let strict = endpoint(store.clone(), Providers::from(provider(ALPHA, plain)));
    assert_refused(&post(&strict, token()).await, Refusal::UntrustedAudience);
    assert!(store.asked().is_empty());
    let trusting = TokenPolicy::default().with_trusted_audiences(["two"]);
    let clients = [
        Client::builder("one").with_policy(trusting),
        Client::builder("two"),
    ];
    let trusted = endpoint(store.clone(), Providers::from(provider(ALPHA, clients)));
    assert_eq!(post(&trusted, token()).await.status(), StatusCode::OK);
    // It is one logout, of the client that was configured first.
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].client_id().as_str(), "one");
}

#[tokio::test]
async fn providers_come_and_go_between_requests() {
    // BCL-42
    let store = ScriptedStore::new([Behaviour::Answer]);
    let providers = Providers::new();
    let endpoint = endpoint(store, providers.clone());
    let token = || mint(ALPHA, "one").logout_token();
    assert_refused(&post(&endpoint, token()).await, Refusal::WrongIssuer);
    assert!(
        providers
            .insert(provider(ALPHA, [Client::builder("two")]))
            .is_none()
    );
    assert_refused(&post(&endpoint, token()).await, Refusal::WrongAudience);
    let replaced = providers.insert(provider(ALPHA, [Client::builder("one")]));
    assert!(replaced.unwrap().client("two").is_some());
    assert_eq!(post(&endpoint, token()).await.status(), StatusCode::OK);
    assert!(providers.remove(ALPHA).is_some() && providers.remove(ALPHA).is_none());
    assert_refused(&post(&endpoint, token()).await, Refusal::WrongIssuer);
}

/// A store that says when it is asked, and answers when it is told to.
#[derive(Clone)]
struct Held {
    entered: Arc<Barrier>,
    release: Arc<Semaphore>,
}

impl SessionStore for Held {
    type Error = std::convert::Infallible;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, Self::Error> {
        self.entered.wait().await;
        self.release.acquire().await.unwrap().forget();
        Ok(Terminated::new(Vec::new()))
    }
}

#[tokio::test]
async fn a_request_in_the_store_is_finished_although_its_provider_is_removed_meanwhile() {
    // BCL-42
    let store = Held {
        entered: Arc::new(Barrier::new(2)),
        release: Arc::new(Semaphore::new(0)),
    };
    let providers = Providers::from(provider(ALPHA, [Client::builder("one")]));
    let endpoint = endpoint(store.clone(), providers.clone());
    let sent = {
        let endpoint = endpoint.clone();
        let token = mint(ALPHA, "one").logout_token();
        tokio::spawn(async move { post(&endpoint, token).await })
    };
    store.entered.wait().await;
    assert!(providers.remove(ALPHA).is_some());
    // Another one is refused while the first is still held.
    let second = post(&endpoint, mint(ALPHA, "one").logout_token()).await;
    assert_refused(&second, Refusal::WrongIssuer);
    store.release.add_permits(1);
    assert_eq!(sent.await.unwrap().status(), StatusCode::OK);
}

/// An OP whose key set comes when it is told to.
#[derive(Clone)]
struct SlowKeys(Held, Arc<str>);

impl Fetch for SlowKeys {
    async fn fetch(&self, _: http::Request<()>) -> Result<Response<FetchBody>, BoxError> {
        self.0.entered.wait().await;
        self.0.release.acquire().await?.forget();
        Ok(Response::new(FetchBody::from(self.1.as_bytes().to_vec())))
    }
}

#[tokio::test]
async fn a_request_that_waits_for_keys_keeps_the_provider_it_found() {
    // BCL-42
    let gate = Held {
        entered: Arc::new(Barrier::new(2)),
        release: Arc::new(Semaphore::new(0)),
    };
    let slow = Provider::builder(ALPHA)
        .with_client(Client::builder("one").build().unwrap())
        .with_jwks_uri("https://alpha.example/jwks")
        .with_fetch(SlowKeys(gate.clone(), shared().jwks_json().into()))
        .build()
        .unwrap();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let providers = Providers::from(slow);
    let endpoint = endpoint(store.clone(), providers.clone());
    let sent = {
        let endpoint = endpoint.clone();
        let token = mint(ALPHA, "one").logout_token();
        tokio::spawn(async move { post(&endpoint, token).await })
    };
    gate.entered.wait().await;
    // Meanwhile the OP is replaced by one whose client expects something else.
    let other = Client::builder("one").with_algorithm(Algorithm::Es256);
    providers.insert(provider(ALPHA, [other]));
    let second = post(&endpoint, mint(ALPHA, "one").logout_token()).await;
    assert_refused(&second, Refusal::AlgNotAllowed);
    gate.release.add_permits(1);
    assert_eq!(sent.await.unwrap().status(), StatusCode::OK);
    assert_eq!(store.asked().len(), 1);
}
