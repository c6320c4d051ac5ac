//! The registry or the store does not answer.

use std::sync::Arc;

use tower_backchannel_logout::session::{Registration, SessionRegistry, SessionStore};
use tower_backchannel_logout::store::tower_sessions::{BackchannelSessionStore, IdentityInSession};

use super::rig::*;
use super::ts::session::{Id, Record};
use super::ts::{self, Session, SessionStore as TowerStore, session_store};

#[tokio::test]
async fn nothing_is_loaded_or_saved_while_the_registry_is_down() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let loaded = world.session(Some(id));
    loaded.insert("cart", "hats").await.unwrap();
    let saved = world.record(id).await.unwrap();
    world.steps.fail(&["status"]);
    let fresh = world.session(Some(id));
    fresh.identity().await.expect_err("it was loaded");
    loaded.save().await.expect_err("it was saved");
    assert_eq!(world.record(id).await, Some(saved));
    // It is back, and so is the customer.
    world.steps.fail(&[]);
    assert_eq!(world.who(id).await.as_deref(), Some("alice"));
    // Down between the save and the last word: nobody knows, so it is an error, and the record stays for who is still signed in.
    world.steps.fail(&["extend"]);
    loaded.save().await.expect_err("nobody knows");
    world.steps.fail(&[]);
    assert_eq!(world.who(id).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_login_that_cannot_be_registered_is_an_error_and_leaves_no_record() {
    let Some(world) = new_world().await else {
        return;
    };
    world.steps.fail(&["register"]);
    let session = world.session(None);
    let customer = world.customer("alice", "s1");
    let answer = world.sessions.sign_in(&session, &customer).await;
    answer.expect_err("nobody could know");
    world.assert_nobody_is_signed_in().await;
    // Also when the record cannot be deleted: it opens nothing.
    world.steps.fail(&["register", "delete"]);
    let session = world.session(None);
    session.insert_identity(&customer).await.unwrap();
    session.save().await.expect_err("nobody could know");
    world.steps.fail(&[]);
    let seen = world.sessions.inner().seen.lock().unwrap().clone();
    for id in seen {
        assert_eq!(world.who(id).await, None);
    }
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_login_whose_record_cannot_be_written_is_not_registered() {
    let Some(world) = new_world().await else {
        return;
    };
    let customer = world.customer("alice", "s1");
    world.steps.fail(&["create"]);
    let session = world.session(None);
    let answer = world.sessions.sign_in(&session, &customer).await;
    answer.expect_err("it cannot be written");
    world.steps.fail(&[]);
    session
        .remove::<serde_json::Value>("tower-backchannel-logout")
        .await
        .unwrap();
    session.save().await.unwrap();
    // And one under an id that exists.
    let id = session.id().unwrap();
    world.steps.fail(&["save"]);
    session.insert_identity(&customer).await.unwrap();
    session.save().await.expect_err("it cannot be written");
    world.steps.fail(&[]);
    assert!(!world.is_live(id).await);
    assert!(world.logout(&world.by_sid("s1")).await.sessions.is_empty());
}

#[tokio::test]
async fn a_store_that_fails_to_write_what_is_gone_has_not_failed() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let session = world.session(Some(id));
    session.insert("cart", "hats").await.unwrap();
    // It ended between the question and the write.
    let (ending, request) = (world.clone(), world.by_sid("s1"));
    world.steps.before(1, async move {
        ending.logout(&request).await;
        ending.steps.fail(&["save"]);
    });
    session.save().await.unwrap();
    assert_eq!(world.steps.take(), ["status", "save", "delete", "status"]);
    // A session that is still live was not saved, and that is an error.
    let id = world.signed_in_later().await;
    let session = world.session(Some(id));
    session.insert("cart", "hats").await.unwrap();
    session.save().await.expect_err("it cannot be written");
}

#[tokio::test]
async fn a_local_logout_deletes_the_record_also_while_the_registry_is_down() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    for failing in ["status", "unregister"] {
        world.steps.fail(&[failing]);
        let deleted = world.sessions.delete(&id).await;
        deleted.expect_err("the application learns of it");
        assert!(world.record(id).await.is_none());
    }
    world.steps.fail(&[]);
    assert_eq!(world.who(id).await, None);
}

#[tokio::test]
async fn a_local_logout_succeeds_also_when_nothing_can_wait_for_a_new_id() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    world.steps.fail(&["register"]);
    world.session(Some(id)).flush().await.unwrap();
    world.steps.fail(&[]);
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_logout_succeeds_while_the_store_is_down_and_the_next_one_cleans_up() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    world.steps.fail(&["delete"]);
    let terminated = world.logout(&world.by_sid("s1")).await;
    assert_eq!(terminated.newly_ended, 1);
    assert!(world.record(id).await.is_some());
    assert_eq!(world.who(id).await, None, "its record opens nothing");
    assert!(world.record(id).await.is_some());
    world.steps.fail(&[]);
    // A logout of somebody else.
    world.logout(&world.by_sub("bob")).await;
    assert!(world.record(id).await.is_none());
}

#[tokio::test]
async fn a_logout_of_very_many_sessions_deletes_every_record() {
    let Some(world) = new_world().await else {
        return;
    };
    let mut ids = Vec::new();
    for nth in 0..100 {
        let customer = world.customer("alice", &format!("s{nth}"));
        ids.push(world.signed_in(&customer).await);
    }
    let terminated = world.logout(&world.by_sub("alice")).await;
    assert_eq!(terminated.newly_ended, 100);
    for id in ids {
        assert!(world.record(id).await.is_none());
    }
}

#[tokio::test]
async fn a_logout_does_not_wait_long_for_a_store_that_hangs() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    world.steps.before(0, async {
        let _ = released.await;
    });
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    world.logout(&world.by_sid("s1")).await;
    assert!(begun.elapsed() < std::time::Duration::from_millis(1100));
    tokio::time::resume();
    assert!(!world.is_live(id).await);
    // It goes on after the answer.
    release.send(()).unwrap();
    while world.record(id).await.is_some() {
        tokio::task::yield_now().await;
    }
}

/// A store in which the first id that is tried is always taken.
#[derive(Debug, Default)]
struct Colliding(ts::MemoryStore);

#[async_trait::async_trait]
impl TowerStore for Colliding {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        record.id = Id::default();
        self.0.create(record).await
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.0.save(record).await
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.0.load(id).await
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.0.delete(id).await
    }
}

#[tokio::test]
async fn the_id_that_the_store_chose_is_the_one_that_is_registered() {
    let Some(world) = new_world().await else {
        return;
    };
    let registry = world.sessions.registry().behind.clone();
    let sessions: BackchannelSessionStore<_, _, ts::Marker> =
        BackchannelSessionStore::new(Colliding::default(), registry);
    let session = Session::new(None, Arc::new(sessions.clone()), None);
    let customer = world.customer("alice", "s1");
    let answer = sessions.sign_in(&session, &customer).await.unwrap();
    assert_eq!(answer, Registration::Registered);
    for _ in 0..2 {
        let id = session.id().unwrap();
        let status = sessions.status(&key(id)).await.unwrap();
        assert!(status.is_live());
        let next = Session::new(Some(id), Arc::new(sessions.clone()), None);
        assert_eq!(next.identity().await.unwrap().as_ref(), Some(&customer));
        session.cycle_id().await.unwrap();
        session.save().await.unwrap();
    }
    sessions.terminate(&world.by_sid("s1")).await.unwrap();
    let id = session.id().unwrap();
    assert!(sessions.inner().load(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_of_another_store_is_not_signed_in() {
    let Some(world) = new_world().await else {
        return;
    };
    let elsewhere = Arc::new(world.sessions.inner().behind.clone());
    let session = Session::new(None, elsewhere, None);
    let customer = world.customer("alice", "s1");
    let answer = world.sessions.sign_in(&session, &customer).await;
    answer.expect_err("nothing would end it");
    assert!(session.is_empty().await);
}
