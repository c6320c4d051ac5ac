//! What goes wrong with a server: the answer is an error in time, nothing is acknowledged, and the store recovers by itself.

use std::time::Instant;

use super::*;
use crate::proxy::Proxy;
use tower_backchannel_logout::session::SessionStore;

use RedisStoreErrorKind as Kind;

/// The guard and the endpoint wait two seconds.
const DEADLINE: Duration = Duration::from_secs(2);

async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = answer.await;
    assert!(begun.elapsed() < DEADLINE, "after {:?}", begun.elapsed());
    answer
}

/// Every operation that may not be answered without the server.
async fn all_fail(store: &RedisStore, expected: &[Kind]) {
    let now = now();
    let request = by_subject("customer", now);
    let later = now.saturating_add(Duration::from_secs(60));
    let kinds = [
        kind(in_time(store.terminate(&request)).await),
        kind(in_time(store.register(session("b", "customer", None, now))).await),
        kind(in_time(store.status(&id("a"))).await),
        kind(in_time(store.extend(&id("a"), later)).await),
        kind(in_time(store.rebind(&id("a"), &id("c"))).await),
        kind(in_time(store.unregister(&id("a"))).await),
        kind(in_time(store.is_logged_out(&identity("customer", None, now))).await),
    ];
    for kind in kinds {
        assert!(expected.contains(&kind), "{kinds:?}");
    }
}

const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

#[tokio::test]
async fn a_server_that_is_down_is_an_error_and_back_it_answers_the_first_question() {
    let Some(mut server) = Server::start(DURABLE) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    server.kill();
    all_fail(&store, &[Kind::Unreachable]).await;
    server.start_again();
    assert!(is_live(&store, "a").await);
    // Also when nobody asked meanwhile.
    server.kill();
    server.start_again();
    let terminated = store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    assert_eq!(names(&terminated), ["a"]);
}

#[tokio::test]
async fn an_application_starts_before_its_server() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    server.kill();
    let store = RedisStore::connect(server.url()).unwrap();
    all_fail(&store, &[Kind::Unreachable]).await;
    server.start_again();
    begin(&store, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    server.signal("-STOP");
    all_fail(&store, &[Kind::TimedOut]).await;
    server.signal("-CONT");
    // What was asked may have happened, late; what is asked now is answered.
    store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    assert!(!is_live(&store, "a").await);
}

#[tokio::test]
async fn a_server_that_hangs_from_the_start_is_an_error_in_time() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    server.signal("-STOP");
    let store = RedisStore::connect(server.url()).unwrap();
    all_fail(&store, &[Kind::TimedOut]).await;
    server.signal("-CONT");
    assert!(!is_live(&store, "nobody").await);
}

#[tokio::test]
async fn a_server_without_memory_takes_no_logout_and_acknowledges_none() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let request = by_subject("customer", now());
    assert_eq!(kind(store.terminate(&request).await), Kind::OutOfMemory);
    assert_eq!(
        kind(store.terminate(&request).await),
        Kind::OutOfMemory,
        "in the script's second life"
    );
    let new = session("b", "other", None, now());
    assert_eq!(kind(store.register(new.clone()).await), Kind::OutOfMemory);
    assert!(is_live(&store, "a").await, "the guard is still answered");
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(names(&store.terminate(&request).await.unwrap()), ["a"]);
    begin(&store, new).await;
}

#[tokio::test]
async fn a_replica_is_asked_nothing() {
    let (Some(primary), Some(server)) = (Server::start(&[]), Server::start(&[])) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    let port = primary.port().to_string();
    let _: String = server.ask(&["REPLICAOF", "127.0.0.1", &port]);
    all_fail(&store, &[Kind::ReadOnly, Kind::NotReady]).await;
    let _: String = server.ask(&["REPLICAOF", "NO", "ONE"]);
    begin(&store, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn a_server_with_too_few_replicas_takes_no_logout() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    let _: String = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let request = by_subject("customer", now());
    assert_eq!(kind(store.terminate(&request).await), Kind::ReadOnly);
    assert!(is_live(&store, "a").await, "the guard is still answered");
    let _: String = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    assert_eq!(names(&store.terminate(&request).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn scripts_and_connections_that_are_gone_are_made_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    for nth in 0..5 {
        let _: String = server.ask(&["SCRIPT", "FLUSH"]);
        begin(&store, session(&nth.to_string(), "customer", None, now())).await;
        let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert!(is_live(&store, &nth.to_string()).await);
    }
    let _: String = server.ask(&["SCRIPT", "FLUSH"]);
    let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    let terminated = store
        .terminate(&by_subject("customer", now()))
        .await
        .unwrap();
    assert_eq!(terminated.newly_ended, 5);
}

#[tokio::test]
async fn a_rotation_whose_answer_got_lost_is_not_lost() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let proxy = Proxy::to(server.port()).await;
    let store = RedisStore::connect(format!("redis://{}", proxy.address())).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    // The first attempt succeeds and nobody hears of it; the second one is heard.
    proxy.cut_at(1);
    let (old, new) = (id("a"), id("b"));
    let rotation = store.rebind(&old, &new);
    let heard = async {
        tokio::task::yield_now().await;
        while proxy.round_trips() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.never_cut();
    };
    let (rotation, ()) = tokio::join!(rotation, heard);
    assert_eq!(
        rotation.unwrap(),
        tower_backchannel_logout::session::Rebinding::Rebound
    );
    assert!(is_live(&store, "b").await && !is_live(&store, "a").await);
}

#[tokio::test]
async fn a_user_who_may_not_is_denied_until_the_password_is_right() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let _: String = server.ask(&["CONFIG", "SET", "requirepass", "right"]);
    let none = RedisStore::connect(server.url()).unwrap();
    let url = format!("redis://:wrong@127.0.0.1:{}", server.port());
    let wrong = RedisStore::connect(&url).unwrap();
    all_fail(&none, &[Kind::Denied]).await;
    all_fail(&wrong, &[Kind::Denied]).await;
    let client =
        redis::Client::open(format!("redis://:right@127.0.0.1:{}", server.port())).unwrap();
    let mut connection = client.get_connection().unwrap();
    let _: String = ask(&mut connection, &["CONFIG", "SET", "requirepass", "wrong"]);
    begin(&wrong, session("a", "customer", None, now())).await;
}

#[tokio::test]
async fn another_program_under_the_same_namespace_is_an_error_not_an_answer() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = RedisStore::connect(server.url()).unwrap();
    begin(&store, session("a", "customer", None, now())).await;
    let keys: Vec<String> = server.ask(&["KEYS", "{bcl}:s:*"]);
    let _: String = server.ask(&["SET", &keys[0], "something else"]);
    assert_eq!(kind(store.status(&id("a")).await), Kind::Unexpected);
    let request = by_subject("customer", now());
    assert_eq!(kind(store.terminate(&request).await), Kind::Unexpected);
}
