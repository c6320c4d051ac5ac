//! Tokens that cannot be verified now: parked, bounded, and processed as of their arrival once the keys are back.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
use tower_backchannel_logout::logout::{Logout, LogoutErrorKind, Parking};
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::SessionStore;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{LogoutTokenBuilder, SigningKey, TestClock, TokenMint};

use crate::rig::{
    Behaviour, CLIENT, ISSUER, NOW, ScriptedStore, client_id, form, is_live, issuer, send, sign_in,
};

/// A JWKS server in process that can be down.
#[derive(Clone)]
pub(crate) struct Keys {
    up: Arc<AtomicBool>,
    fetches: Arc<AtomicUsize>,
    jwks: String,
}

impl Fetch for Keys {
    async fn fetch(&self, _: http::Request<()>) -> Result<http::Response<FetchBody>, BoxError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.up.load(Ordering::SeqCst) {
            Ok(http::Response::new(FetchBody::from(self.jwks.clone())))
        } else {
            Err("connection refused".into())
        }
    }
}

pub(crate) struct Rig {
    pub(crate) mint: TokenMint,
    pub(crate) clock: TestClock,
    keys: Keys,
    pub(crate) provider: Provider,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let clock = TestClock::following_tokio(NOW);
        let mint = TokenMint::new(ISSUER, CLIENT).with_clock(clock.clone());
        let keys = Keys {
            up: Arc::default(),
            fetches: Arc::default(),
            jwks: mint.jwks_json(),
        };
        let provider = Provider::builder(issuer())
            .with_client(Client::builder(client_id()).build().unwrap())
            .with_jwks_uri(format!("{ISSUER}/jwks"))
            .with_fetch(keys.clone())
            .with_clock(clock.clone())
            .build()
            .unwrap();
        Self {
            mint,
            clock,
            keys,
            provider,
        }
    }

    pub(crate) fn store(&self) -> MemoryStore {
        MemoryStore::builder()
            .with_clock(self.clock.clone())
            .build()
    }

    pub(crate) fn logout<S: SessionStore>(&self, store: S, parking: Parking) -> Logout<S> {
        Logout::builder(store, self.provider.clone())
            .with_clock(self.clock.clone())
            .with_parking(parking)
            .build()
    }

    pub(crate) fn token(&self) -> LogoutTokenBuilder {
        self.mint.logout_token()
    }

    pub(crate) fn come_up(&self) {
        self.keys.up.store(true, Ordering::SeqCst);
    }
}

async fn unavailable<S: SessionStore>(logout: &Logout<S>, token: &str) {
    let error = logout.handle(token).await.unwrap_err();
    assert_eq!(error.kind(), LogoutErrorKind::KeysUnavailable);
    assert_eq!(error.issuer(), Some(&issuer()));
}

/// Lets the paused runtime run; the time of the test, not of the wall.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_came_while_the_provider_was_down_takes_effect_when_it_is_up() {
    // BCL-19, BCL-76, BCL-83
    let rig = Rig::new();
    let store = rig.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    sign_in(&store, "other", "bob", Some("s2"), NOW).await;
    let logout = rig.logout(store.clone(), Parking::default());
    let endpoint = LogoutService::new(logout.clone());
    let answer = send(&endpoint, form(&rig.token().sub("alice").sid("s1").sign())).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(logout.parked(), 1);
    pass(20).await;
    assert!(is_live(&store, "one").await, "nothing can be proven yet");
    rig.come_up();
    pass(40).await;
    assert!(!is_live(&store, "one").await);
    assert!(is_live(&store, "other").await);
    assert_eq!(logout.parked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_parked_token_is_judged_as_of_its_arrival() {
    // BCL-104, BCL-120: 300 s and the leeway are over when the keys come, but were not when the token came
    let rig = Rig::new();
    let store = rig.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = rig.logout(store.clone(), Parking::default());
    let token = rig.token().sub("alice").sid("s1").sign();
    unavailable(&logout, &token).await;
    pass(500).await;
    rig.come_up();
    pass(60).await;
    assert!(!is_live(&store, "one").await);
}

#[tokio::test(start_paused = true)]
async fn a_parked_token_gives_up_after_the_age_limit() {
    let rig = Rig::new();
    let store = rig.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = rig.logout(store.clone(), Parking::default());
    unavailable(&logout, &rig.token().sub("alice").sid("s1").sign()).await;
    pass(660).await;
    assert_eq!(logout.parked(), 0);
    rig.come_up();
    pass(120).await;
    assert!(is_live(&store, "one").await);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_first_when_the_lot_is_full() {
    let rig = Rig::new();
    for bounds in [
        Parking::default().with_max_tokens(2),
        Parking::default().with_max_bytes(2 * rig.token().sub("alice").sign().len() + 20),
    ] {
        let rig = Rig::new();
        let store = rig.store();
        let logout = rig.logout(store.clone(), bounds);
        for name in ["alice", "bobby", "carol"] {
            sign_in(&store, name, name, None, NOW).await;
            unavailable(&logout, &rig.token().sub(name).sign()).await;
        }
        assert_eq!(logout.parked(), 2);
        rig.come_up();
        pass(60).await;
        assert!(is_live(&store, "alice").await, "the oldest was pushed out");
        assert!(!is_live(&store, "bobby").await && !is_live(&store, "carol").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_a_parked_token_is_parked_once() {
    // BCL-146
    let rig = Rig::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let logout = rig.logout(store.clone(), Parking::default());
    let token = rig.token().sub("alice").sign();
    for _ in 0..3 {
        unavailable(&logout, &token).await;
    }
    assert_eq!(logout.parked(), 1);
    rig.come_up();
    pass(60).await;
    assert_eq!(store.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_anyway_is_not_parked() {
    // BCL-42, BCL-52, BCL-172
    let rig = Rig::new();
    let logout = rig.logout(rig.store(), Parking::default());
    for token in [
        rig.token().sub("a").issuer("https://other.example").sign(),
        rig.token().sub("a").audience("other").sign(),
        rig.token().sub("a").alg("ES256").sign(),
        rig.token().sub("a").typ("at+jwt").sign(),
        "x.y.z".to_owned(),
    ] {
        let error = logout.handle(&token).await.unwrap_err();
        assert!(
            matches!(error.kind(), LogoutErrorKind::Refused(_)),
            "{error:?}"
        );
    }
    assert_eq!(logout.parked(), 0);
    assert_eq!(
        rig.keys.fetches.load(Ordering::SeqCst),
        0,
        "and causes no fetch"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_parked_where_it_is_switched_off() {
    let rig = Rig::new();
    let logout = Logout::builder(rig.store(), rig.provider.clone())
        .with_clock(rig.clock.clone())
        .without_parking()
        .build();
    unavailable(&logout, &rig.token().sub("alice").sign()).await;
    assert_eq!(logout.parked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_key_ids_stays_bounded_and_known_keys_do_not_wait() {
    // BCL-75, BCL-173
    let rig = Rig::new();
    rig.come_up();
    let store = rig.store();
    sign_in(&store, "one", "alice", None, NOW).await;
    let logout = rig.logout(store.clone(), Parking::default().with_max_tokens(8));
    rig.provider.ready().await.unwrap();
    pass(5).await;
    let stranger = SigningKey::generate("RS256");
    for number in 0..200 {
        let kid = format!("stranger-{number}");
        let forged = rig
            .token()
            .sub("alice")
            .key(&stranger.clone().with_kid(kid))
            .sign();
        assert!(logout.handle(&forged).await.is_err());
    }
    assert!(logout.parked() <= 8);
    assert!(rig.keys.fetches.load(Ordering::SeqCst) <= 1 + 3);
    assert!(is_live(&store, "one").await);
    let before = tokio::time::Instant::now();
    logout
        .handle(&rig.token().sub("alice").sign())
        .await
        .unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO, "a known key never waits");
    assert!(!is_live(&store, "one").await);
    pass(120).await;
    assert_eq!(
        logout.parked(),
        0,
        "the forged ones were refused by newer keys"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_meanwhile_is_asked_again() {
    // BCL-147, BCL-161
    let rig = Rig::new();
    let store = ScriptedStore::new([Behaviour::Fail, Behaviour::Answer]);
    let logout = rig.logout(store.clone(), Parking::default());
    unavailable(&logout, &rig.token().sub("alice").sign()).await;
    rig.come_up();
    pass(120).await;
    assert_eq!(store.asked().len(), 2);
    assert_eq!(logout.parked(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_parked_is_remembered_like_any_other_token() {
    // BCL-160
    let rig = Rig::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let logout = rig.logout(store.clone(), Parking::default());
    let token = rig
        .token()
        .sub("alice")
        .issued_at(UnixTime::from_secs(NOW.as_secs() + 10))
        .sign();
    unavailable(&logout, &token).await;
    rig.come_up();
    pass(60).await;
    // The provider repeats it by itself.
    logout.handle(&token).await.unwrap();
    assert_eq!(store.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_serve_for_a_day_and_then_the_answer_is_503() {
    // BCL-82
    let rig = Rig::new();
    rig.come_up();
    rig.provider.ready().await.unwrap();
    rig.keys.up.store(false, Ordering::SeqCst);
    let store = ScriptedStore::new([Behaviour::Answer]);
    let endpoint = LogoutService::new(rig.logout(store.clone(), Parking::default()));
    let answer = async || {
        send(&endpoint, form(&rig.token().sub("alice").sign()))
            .await
            .status()
    };
    pass(23 * 3600).await;
    assert_eq!(answer().await, StatusCode::OK, "after 23 hours");
    pass(2 * 3600).await;
    assert_eq!(
        answer().await,
        StatusCode::SERVICE_UNAVAILABLE,
        "after 25 hours"
    );
    rig.come_up();
    pass(60).await;
    assert_eq!(
        answer().await,
        StatusCode::OK,
        "and once the provider is back"
    );
    assert_eq!(store.asked().len(), 3, "the parked one was not lost");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_hold_up_the_other_parked_tokens() {
    // BCL-147
    let rig = Rig::new();
    let store = ScriptedStore::new([Behaviour::Hang, Behaviour::Answer]);
    let logout = rig.logout(store.clone(), Parking::default());
    for name in ["alice", "bob"] {
        unavailable(&logout, &rig.token().sub(name).sign()).await;
    }
    rig.come_up();
    pass(120).await;
    let asked = store.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|request| request.target().subject().unwrap().as_str())
        .collect();
    assert_eq!(asked, ["alice", "bob", "alice"]);
    assert_eq!(logout.parked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_ages_no_parked_token() {
    let rig = Rig::new();
    let store = rig.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = rig.logout(store.clone(), Parking::default());
    unavailable(&logout, &rig.token().sub("alice").sid("s1").sign()).await;
    rig.clock.advance(Duration::from_secs(3600));
    pass(30).await;
    rig.come_up();
    pass(60).await;
    assert!(!is_live(&store, "one").await);
}

#[test]
fn tokens_outlive_the_runtime_that_parked_them() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let first = runtime();
    let (rig, store, logout) = first.block_on(async {
        let rig = Rig::new();
        let store = ScriptedStore::new([Behaviour::Answer]);
        let logout = rig.logout(store.clone(), Parking::default());
        unavailable(&logout, &rig.token().sub("alice").sign()).await;
        pass(1).await;
        (rig, store, logout)
    });
    drop(first);
    assert_eq!(logout.parked(), 1);
    runtime().block_on(async {
        unavailable(&logout, &rig.token().sub("bob").sign()).await;
        rig.come_up();
        pass(120).await;
    });
    assert_eq!(store.asked().len(), 2);
    assert_eq!(logout.parked(), 0);
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (rig, logout) = runtime.block_on(async {
        let rig = Rig::new();
        let logout = rig.logout(rig.store(), Parking::default());
        (rig, logout)
    });
    let token = rig.token().sub("alice").sign();
    let handling = std::pin::pin!(logout.handle(&token));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = handling.poll(&mut context) else {
        panic!("it waits for a runtime");
    };
    assert_eq!(error.kind(), LogoutErrorKind::KeysUnavailable);
    assert_eq!(logout.parked(), 0);
}
