//! What an operation costs on the wire, counted by a proxy.

use super::*;
use crate::proxy::Proxy;
use tower_backchannel_logout::session::SessionStore;

/// A store that has connected, on a server that has its scripts.
async fn counted() -> Option<(RedisStore, Proxy, Server)> {
    let server = Server::start(&[])?;
    let proxy = Proxy::to(server.port()).await;
    let store = RedisStore::connect(format!("redis://{}", proxy.address())).unwrap();
    let now = now();
    begin(&store, session("warm", "warm", Some("warm"), now)).await;
    assert!(is_live(&store, "warm").await);
    store
        .extend(&id("warm"), now.saturating_add(Duration::from_secs(60)))
        .await
        .unwrap();
    let _ = store.rebind(&id("warm"), &id("warmer")).await.unwrap();
    let request = by_subject("warm", now);
    let terminated = store.terminate(&request).await.unwrap();
    store.forget(&request, &terminated).await.unwrap();
    store.unregister(&id("warmer")).await.unwrap();
    store
        .is_logged_out(&identity("warm", None, now))
        .await
        .unwrap();
    proxy.round_trips();
    Some((store, proxy, server))
}

#[tokio::test]
async fn a_login_a_question_and_a_local_logout_are_one_round_trip_each() {
    let Some((store, proxy, _server)) = counted().await else {
        return;
    };
    begin(&store, session("a", "customer", Some("A"), now())).await;
    assert_eq!(proxy.round_trips(), 1, "register");
    assert!(is_live(&store, "a").await);
    assert_eq!(proxy.round_trips(), 1, "status of a live session");
    assert!(!is_live(&store, "nobody").await);
    assert_eq!(proxy.round_trips(), 1, "status of an unknown session");
    assert!(
        !store
            .is_logged_out(&identity("customer", Some("A"), now()))
            .await
            .unwrap()
    );
    assert_eq!(proxy.round_trips(), 1, "a stateless session");
    let later = now().saturating_add(Duration::from_secs(7200));
    assert!(store.extend(&id("a"), later).await.unwrap());
    assert_eq!(proxy.round_trips(), 1, "extend");
    let _ = store.rebind(&id("a"), &id("b")).await.unwrap();
    assert_eq!(proxy.round_trips(), 1, "rebind");
    assert!(store.unregister(&id("b")).await.unwrap());
    assert_eq!(proxy.round_trips(), 1, "unregister");
}

#[tokio::test]
async fn a_logout_is_two_round_trips_and_one_when_it_ends_nothing() {
    let Some((store, proxy, _server)) = counted().await else {
        return;
    };
    for nth in 0..300 {
        let (name, sid) = (format!("{nth}"), format!("sid {}", nth % 3));
        begin(&store, session(&name, "customer", Some(&sid), now())).await;
    }
    proxy.round_trips();
    for (request, ended) in [
        (by_sid("sid 0", now()), 100),
        (by_both("sid 1", "customer", now()), 100),
        (by_subject("customer", now()), 100),
        (by_subject("customer", now()), 0),
        (by_subject("nobody", now()), 0),
    ] {
        let terminated = store.terminate(&request).await.unwrap();
        assert_eq!(terminated.newly_ended, ended);
        assert_eq!(proxy.round_trips(), 1, "terminate");
        store.forget(&request, &terminated).await.unwrap();
        assert_eq!(proxy.round_trips(), usize::from(ended > 0), "forget");
    }
}

#[tokio::test]
async fn ten_thousand_sessions_are_over_after_one_round_trip() {
    let Some((store, proxy, _server)) = counted().await else {
        return;
    };
    let now = now();
    for nth in 0..10_000 {
        let (name, sid) = (format!("{nth}"), format!("sid {nth}"));
        begin(&store, session(&name, "customer", Some(&sid), now)).await;
    }
    proxy.round_trips();
    // The first answer is lost, and so are those to all further attempts.
    proxy.cut_at(1);
    let answer = store.terminate(&by_subject("customer", now)).await;
    assert_eq!(kind(answer), RedisStoreErrorKind::Unreachable);
    proxy.never_cut();
    for nth in (0..10_000).step_by(97) {
        assert!(!is_live(&store, &nth.to_string()).await, "{nth} lives");
    }
    proxy.round_trips();
    let request = by_subject("customer", now);
    let terminated = store.terminate(&request).await.unwrap();
    assert_eq!(terminated.sessions.len(), 10_000);
    assert!(
        proxy.round_trips() <= 45,
        "a hundred in the first script, 250 in each of the others"
    );
    store.forget(&request, &terminated).await.unwrap();
    assert_eq!(proxy.round_trips(), 40);
    let again = store.terminate(&request).await.unwrap();
    assert!(again.sessions.is_empty(), "they were forgotten");
}
