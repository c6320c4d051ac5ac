//! A session that changes its id is the same session.

use std::time::Duration;

use tower_backchannel_logout::clock::Clock;
use tower_backchannel_logout::session::{SessionRegistry, SessionStatus};

use super::rig::*;
use super::ts::Session;
use super::ts::session::Id;

/// The session of a request that has changed its id and is not answered yet.
async fn rotating(world: &World, id: Id) -> Session {
    let session = world.session(Some(id));
    session.cycle_id().await.unwrap();
    assert_eq!(session.id(), None);
    session
}

#[tokio::test]
async fn a_new_id_is_the_same_session_with_the_id_token_of_its_login() {
    let Some(world) = new_world().await else {
        return;
    };
    let customer = world.customer("alice", "s1");
    let first = world.signed_in(&customer).await;
    let mut id = first;
    // Far longer than a login may take: an ordinary registration would be refused by now.
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(900));
        let session = rotating(&world, id).await;
        assert!(!world.is_live(id).await, "the old id is over at once");
        assert!(world.record(id).await.is_none());
        session.save().await.unwrap();
        id = session.id().unwrap();
        let status = world.sessions.status(&key(id)).await.unwrap();
        let SessionStatus::Live(live) = status else {
            panic!("{status:?}")
        };
        assert_eq!(live.identity(), customer);
        assert_eq!(world.who(id).await.as_deref(), Some("alice"));
    }
    assert_eq!(world.who(first).await, None);
    // It ends like any other: also by a logout that is older than an hour's worth of ids.
    let terminated = world.logout(&world.by_sid("s1")).await;
    assert_eq!(terminated.sessions[0].id, key(id));
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_logout_between_the_old_id_and_the_new_one_ends_the_session() {
    let Some(world) = new_world().await else {
        return;
    };
    for how in ["sub", "sid", "sid, decided long before the login"] {
        let long_ago = world.clock.now().saturating_sub(Duration::from_secs(3600));
        let id = world.signed_in(&world.customer("alice", "s1")).await;
        let session = rotating(&world, id).await;
        let request = match how {
            "sub" => world.by_sub("alice"),
            "sid" => world.by_sid("s1"),
            // It has no cut-off, so it ends the session; but its mark refuses no login that is later.
            _ => by_sid_at("s1", long_ago),
        };
        let terminated = world.logout(&request).await;
        assert!(terminated.sessions.is_empty(), "{how}: it has no id now");
        session.save().await.unwrap();
        session.save().await.unwrap();
        world.assert_nobody_is_signed_in().await;
        world.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_local_logout_during_a_rotation_wins() {
    let Some(world) = new_world().await else {
        return;
    };
    for first in ["rotation", "logout"] {
        let id = world.signed_in(&world.customer("alice", "s1")).await;
        let logging_out = world.session(Some(id));
        let session = world.session(Some(id));
        // Both requests have their session in memory.
        session.get::<String>("cart").await.unwrap();
        logging_out.get::<String>("cart").await.unwrap();
        if first == "rotation" {
            session.cycle_id().await.unwrap();
            logging_out.flush().await.unwrap();
        } else {
            logging_out.flush().await.unwrap();
            session.cycle_id().await.unwrap();
        }
        session.save().await.unwrap();
        world.assert_nobody_is_signed_in().await;
        world.clock.advance(Duration::from_secs(1));
    }
    // And one by id, from a page that lists the customer's devices.
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = rotating(&world, id).await;
    assert!(world.sessions.unregister(&key(id)).await.unwrap());
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_session_does_not_wait_for_its_new_id_for_ever() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = rotating(&world, id).await;
    world.clock.advance(Duration::from_secs(61));
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn connections_end_with_the_old_id_unless_the_wrapper_was_asked_to_change_it() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = world.session(Some(id));
    let mut ended = world.sessions.session_ended(&session);
    world.sessions.cycle_id(&session).await.unwrap();
    assert!(!world.is_live(id).await);
    assert!(!is_done(&mut ended).await);
    session.save().await.unwrap();
    let id = session.id().unwrap();
    assert_eq!(world.who(id).await.as_deref(), Some("alice"));
    assert!(!is_done(&mut ended).await, "they follow the session");
    let session = world.session(Some(id));
    session.cycle_id().await.unwrap();
    in_time(&mut ended).await;
    session.save().await.unwrap();
    assert_eq!(
        world.who(session.id().unwrap()).await.as_deref(),
        Some("alice")
    );
}

#[tokio::test]
async fn a_rotation_that_is_not_finished_ends_the_session() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = world.session(Some(id));
    let ended = world.sessions.session_ended(&session);
    world.sessions.cycle_id(&session).await.unwrap();
    drop(session);
    world.clock.advance(Duration::from_secs(61));
    // Whoever waits looks at the clock within a minute.
    tokio::time::pause();
    ended.await;
    tokio::time::resume();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn two_changes_of_one_id_in_one_request_are_one() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = rotating(&world, id).await;
    session.cycle_id().await.unwrap();
    session.save().await.unwrap();
    session.cycle_id().await.unwrap();
    session.save().await.unwrap();
    assert_eq!(
        world.who(session.id().unwrap()).await.as_deref(),
        Some("alice")
    );
}

#[tokio::test]
async fn signing_in_again_ends_the_session_before_it() {
    let Some(world) = new_world().await else {
        return;
    };
    let alice = world.customer("alice", "s1");
    let id = world.signed_in(&alice).await;
    // The same ID Token once more: the same session under another id.
    let session = world.session(Some(id));
    let mut ended = world.sessions.session_ended(&session);
    let _ = world.sessions.sign_in(&session, &alice).await.unwrap();
    assert!(!is_done(&mut ended).await);
    let id = session.id().unwrap();
    // Another one.
    let session = world.session(Some(id));
    let bob = world.customer("bob", "s2");
    let _ = world.sessions.sign_in(&session, &bob).await.unwrap();
    in_time(&mut ended).await;
    assert_eq!(world.who(id).await, None);
    assert_eq!(
        world.who(session.id().unwrap()).await.as_deref(),
        Some("bob")
    );
    assert!(
        world
            .logout(&world.by_sub("alice"))
            .await
            .sessions
            .is_empty()
    );
}

#[tokio::test]
async fn a_rotation_without_its_identity_is_anonymous() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = rotating(&world, id).await;
    session.clear().await;
    session.insert("flash", "good bye").await.unwrap();
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}
