//! Spec sections F and G: the order of steps after a token is verified.

use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::event::LogoutEvent;
use tower_backchannel_logout::logout::{Logout, LogoutErrorKind, LogoutOutcome, OnHookFailure};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::replay::{ReplayKey, ReplayStore};
use tower_backchannel_logout::session::{EndedSession, LogoutRequest, SessionStore, Terminated};
use tower_backchannel_logout::{SessionId, Subject};

use crate::rig::{
    Behaviour, NOW, Op, ScriptedStore, StoreError, client_id, form, is_live, issuer, send, sign_in,
};

fn seconds_later(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + seconds)
}

#[tokio::test]
async fn the_same_token_fifty_times_at_once_is_fifty_times_success() {
    // BCL-146
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    sign_in(&store, "other", "bob", Some("s2"), NOW).await;
    let endpoint = op.endpoint(store.clone());
    let token = op.token().sub("alice").sid("s1").sign();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (endpoint, token) = (endpoint.clone(), token.clone());
            tokio::spawn(async move { send(&endpoint, form(&token)).await.status() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    assert!(!is_live(&store, "one").await);
    assert!(is_live(&store, "other").await);
}

#[tokio::test]
async fn a_repetition_is_success_and_leaves_a_session_that_began_since() {
    // BCL-160
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let logout = op.logout(store.clone());
    let token = op.token().sub("alice").sid("s1").sign();
    assert_eq!(
        logout.handle(&token).await.unwrap(),
        LogoutOutcome::Ended(1)
    );
    // The customer signs in again, and the OP gives the new session the same sid.
    sign_in(&store, "two", "alice", Some("s1"), seconds_later(10)).await;
    assert_eq!(
        logout.handle(&token).await.unwrap(),
        LogoutOutcome::Repeated
    );
    assert!(is_live(&store, "two").await);
}

#[tokio::test]
async fn a_token_whose_first_processing_failed_is_processed_anew() {
    // BCL-145, BCL-147, BCL-161
    for failure in [Behaviour::Fail, Behaviour::Panic] {
        let op = Op::new();
        let store = ScriptedStore::new([failure, Behaviour::Answer]);
        let endpoint = op.endpoint(store.clone());
        let token = op.token().sub("alice").sign();
        assert_eq!(
            send(&endpoint, form(&token)).await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
        assert_eq!(
            store.asked().len(),
            2,
            "the second attempt reached the store"
        );
        assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
        assert_eq!(
            store.asked().len(),
            2,
            "the third was a repetition of a success"
        );
    }
}

/// A table of three sessions. The second row is locked the first time.
#[derive(Clone)]
struct Rows {
    live: Arc<Mutex<Vec<&'static str>>>,
    locked: Arc<AtomicBool>,
}

impl SessionStore for Rows {
    type Error = StoreError;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, StoreError> {
        let mut ended = Vec::new();
        let mut live = self.live.lock().unwrap();
        while let Some(row) = live.first().copied() {
            if row == "two" && self.locked.swap(false, Ordering::SeqCst) {
                return Err(StoreError);
            }
            live.remove(0);
            ended.push(EndedSession::new(SessionId::parse(row).unwrap()));
        }
        Ok(Terminated::new(ended))
    }
}

#[tokio::test]
async fn a_store_that_fails_half_way_is_503_until_every_session_is_ended() {
    // BCL-145, BCL-147
    let op = Op::new();
    let store = Rows {
        live: Arc::new(Mutex::new(vec!["one", "two", "three"])),
        locked: Arc::new(AtomicBool::new(true)),
    };
    let endpoint = op.endpoint(store.clone());
    let token = op.token().sub("alice").sign();
    let answer = send(&endpoint, form(&token)).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(*store.live.lock().unwrap(), ["two", "three"]);
    assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
    assert!(store.live.lock().unwrap().is_empty());
}

/// Counts what it is asked.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl ReplayStore for Counting {
    type Error = NoConnection;

    async fn seen(&self, _: &ReplayKey<'_>) -> Result<bool, NoConnection> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(false)
    }

    async fn remember(&self, _: &ReplayKey<'_>, _: UnixTime) -> Result<(), NoConnection> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_token_with_any_byte_changed_reaches_neither_store() {
    // BCL-70
    let op = Op::new();
    let (store, replay) = (ScriptedStore::new([Behaviour::Answer]), Counting::default());
    let logout = Logout::builder(store.clone(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_replay_store(replay.clone())
        .build();
    let token = op.token().sub("alice").sid("s1").sign();
    for at in 0..token.len() {
        let other = if token.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        let error = logout.handle(&changed).await.unwrap_err();
        assert!(
            matches!(error.kind(), LogoutErrorKind::Refused(_)),
            "byte {at}: {error:?}"
        );
    }
    assert!(store.asked().is_empty());
    assert_eq!(replay.0.load(Ordering::SeqCst), 0);
    logout.handle(&token).await.unwrap();
    assert_eq!(
        (store.asked().len(), replay.0.load(Ordering::SeqCst)),
        (1, 2)
    );
}

#[tokio::test]
async fn an_equal_jti_with_another_subject_or_a_newer_iat_is_processed() {
    // BCL-162
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let logout = op.logout(store.clone());
    let token = |sub: &str, sid: Option<&str>, iat: UnixTime| {
        let token = op.token().jti("same").sub(sub).issued_at(iat);
        sid.map_or(token.clone(), |sid| token.sid(sid)).sign()
    };
    let tokens = [
        token("alice", None, NOW),
        token("bob", None, NOW),
        token("alice", Some("s1"), NOW),
        token("alice", Some("s2"), NOW),
        token("alice", None, seconds_later(1)),
    ];
    for (number, text) in tokens.iter().enumerate() {
        assert!(
            matches!(logout.handle(text).await.unwrap(), LogoutOutcome::Ended(_)),
            "{number}"
        );
    }
    assert_eq!(store.asked().len(), tokens.len());
}

#[derive(Clone, Copy, PartialEq)]
enum Replay {
    Fails,
    Hangs,
    Panics,
}

#[derive(Debug, thiserror::Error)]
#[error("no connection")]
struct NoConnection;

impl ReplayStore for Replay {
    type Error = NoConnection;

    async fn seen(&self, _: &ReplayKey<'_>) -> Result<bool, NoConnection> {
        match self {
            Self::Fails => Err(NoConnection),
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("the replay store panics"),
        }
    }

    async fn remember(&self, key: &ReplayKey<'_>, _: UnixTime) -> Result<(), NoConnection> {
        self.seen(key).await.map(|_| ())
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_store_that_fails_hangs_or_panics_never_refuses_a_logout() {
    // BCL-163
    for replay in [Replay::Fails, Replay::Hangs, Replay::Panics] {
        let op = Op::new();
        let store = op.store();
        sign_in(&store, "one", "alice", None, NOW).await;
        let logout = Logout::builder(store.clone(), [op.provider()])
            .with_clock(op.clock.clone())
            .with_replay_store(replay)
            .build();
        assert_eq!(
            logout
                .handle(&op.token().sub("alice").sign())
                .await
                .unwrap(),
            LogoutOutcome::Ended(1)
        );
        assert!(!is_live(&store, "one").await);
    }
}

#[tokio::test]
async fn repetitions_are_refused_only_where_that_is_asked_for() {
    // BCL-164
    let op = Op::new();
    let logout = Logout::builder(op.store(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_refuse_repetitions(true)
        .build();
    let endpoint = LogoutService::new(logout);
    let token = op.token().sub("alice").sign();
    assert_eq!(send(&endpoint, form(&token)).await.status(), StatusCode::OK);
    let answer = send(&endpoint, form(&token)).await;
    crate::rig::assert_error(
        &answer,
        StatusCode::BAD_REQUEST,
        "invalid_request",
        Refusal::Replayed.description(),
    );
}

#[tokio::test]
async fn the_hook_hears_what_ended_and_the_hint_about_offline_access() {
    // BCL-150, BCL-151
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let heard: Arc<Mutex<Vec<LogoutEvent>>> = Arc::default();
    let ears = Arc::clone(&heard);
    let logout = Logout::builder(store, [op.provider()])
        .with_clock(op.clock.clone())
        .with_hook(move |event: LogoutEvent| {
            ears.lock().unwrap().push(event);
            ready(Ok::<_, NoConnection>(()))
        })
        .build();
    let events = serde_json::json!({
        "http://schemas.openid.net/event/backchannel-logout": {},
        "revoke_offline_access": true,
    });
    logout
        .handle(
            &op.token()
                .sub("alice")
                .sid("s1")
                .claim("events", events)
                .sign(),
        )
        .await
        .unwrap();
    logout
        .handle(&op.token().sub("alice").sid("s1").sign())
        .await
        .unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].sessions().len(), 1);
    assert_eq!(heard[0].sessions()[0].id.as_str(), "one");
    assert!(heard[0].request().revoke_offline_access());
    assert!(!heard[1].request().revoke_offline_access());
}

#[tokio::test]
async fn a_failed_hook_is_503_and_a_repetition_tells_it_the_same_sessions_again() {
    // BCL-152, BCL-161
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let logout = Logout::builder(store.clone(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_hook(move |event: LogoutEvent| {
            assert_eq!(event.sessions().len(), 1, "also on the repetition");
            ready(if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                Err(NoConnection)
            } else {
                Ok(())
            })
        })
        .build();
    let token = op.token().sub("alice").sid("s1").sign();
    let error = logout.handle(&token).await.unwrap_err();
    assert_eq!(error.kind(), LogoutErrorKind::HookFailure);
    assert!(
        !is_live(&store, "one").await,
        "the session is ended all the same"
    );
    assert_eq!(
        logout.handle(&token).await.unwrap(),
        LogoutOutcome::Ended(0)
    );
    assert_eq!(
        logout.handle(&token).await.unwrap(),
        LogoutOutcome::Repeated
    );
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failed_hook_can_be_ignored() {
    // BCL-152
    let op = Op::new();
    let logout = Logout::builder(op.store(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_hook(|_: LogoutEvent| ready(Err::<(), _>(NoConnection)))
        .with_on_hook_failure(OnHookFailure::Ignore)
        .build();
    assert_eq!(
        logout
            .handle(&op.token().sub("alice").sign())
            .await
            .unwrap(),
        LogoutOutcome::Unmatched
    );
}

#[tokio::test]
async fn the_applications_own_request_takes_the_same_steps() {
    // BCL-140, BCL-150
    let op = Op::new();
    let store = op.store();
    sign_in(&store, "one", "alice", Some("s1"), NOW).await;
    sign_in(&store, "two", "alice", None, NOW).await;
    sign_in(&store, "three", "bob", None, NOW).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let logout = Logout::builder(store.clone(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_hook(move |_: LogoutEvent| {
            counter.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, NoConnection>(()))
        })
        .build();
    let alice = Subject::parse("alice").unwrap();
    let request = LogoutRequest::for_subject(issuer(), client_id(), alice, NOW);
    assert_eq!(
        logout.terminate(&request).await.unwrap(),
        LogoutOutcome::Ended(2)
    );
    assert!(!is_live(&store, "one").await && !is_live(&store, "two").await);
    assert!(is_live(&store, "three").await);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_store_of_one_method_is_enough() {
    // BCL-145
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Answer]);
    let logout = op.logout(store.clone());
    logout
        .handle(&op.token().sub("alice").sid("s1").jti("j1").sign())
        .await
        .unwrap();
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target().sid().unwrap().as_str(), "s1");
    assert_eq!(asked[0].target().subject().unwrap().as_str(), "alice");
    assert_eq!(asked[0].cut_off(), NOW);
    assert_eq!(asked[0].jti().unwrap().as_str(), "j1");
    // The default of `forget` does nothing.
    let ended = store.terminate(&asked[0]).await.unwrap();
    store.forget(&asked[0], &ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_request_half_way_leaves_it_to_be_done_anew() {
    // BCL-146, BCL-161
    let op = Op::new();
    let store = ScriptedStore::new([Behaviour::Hang, Behaviour::Answer]);
    let logout = op.logout(store.clone());
    let token = op.token().sub("alice").sign();
    let cut = tokio::time::timeout(Duration::from_secs(1), logout.handle(&token)).await;
    assert!(cut.is_err());
    assert!(matches!(
        logout.handle(&token).await.unwrap(),
        LogoutOutcome::Ended(_)
    ));
}
