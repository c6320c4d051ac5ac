//! From the login to the end of a session, without anybody in between.

use std::time::Duration;

use serde_json::json;
use tower_backchannel_logout::session::{Registration, SessionRegistry, SessionStatus};
use tower_backchannel_logout::store::tower_sessions::{IDENTITY_KEY, IdentityInSession};

use super::rig::*;
use super::ts::SessionStore as _;
use super::ts::cookie::time;

#[tokio::test]
async fn anonymous_sessions_are_created_and_loaded_without_the_registry() {
    let Some(world) = new_world().await else {
        return;
    };
    let session = world.session(None);
    session.insert("cart", "shoes").await.unwrap();
    session.save().await.unwrap();
    let id = session.id().unwrap();
    let again = world.session(Some(id));
    assert_eq!(again.get("cart").await.unwrap(), Some("shoes".to_owned()));
    assert_eq!(world.steps.take(), ["create", "load"]);
    // Only the registry knows that nobody was signed in under this id before: one question.
    again.insert("cart", "hats").await.unwrap();
    again.save().await.unwrap();
    assert_eq!(world.steps.take(), ["status", "save"]);
    again.flush().await.unwrap();
    assert_eq!(world.steps.take(), ["status", "unregister", "delete"]);
    assert!(world.record(id).await.is_none());
}

#[tokio::test]
async fn signing_in_registers_the_session_under_a_new_id_and_keeps_its_data() {
    let Some(world) = new_world().await else {
        return;
    };
    let session = world.session(None);
    session.insert("cart", "shoes").await.unwrap();
    session.save().await.unwrap();
    let before = session.id().unwrap();

    let session = world.session(Some(before));
    let customer = world.customer("alice", "s1");
    let answer = world.sessions.sign_in(&session, &customer).await.unwrap();
    assert_eq!(answer, Registration::Registered);
    let id = session.id().unwrap();
    assert_ne!(id, before, "the id was known before the login");
    assert!(world.record(before).await.is_none());

    let status = world.sessions.status(&key(id)).await.unwrap();
    let SessionStatus::Live(live) = status else {
        panic!("{status:?}")
    };
    assert_eq!(live.identity(), customer);
    let later = world.session(Some(id));
    assert_eq!(later.identity().await.unwrap(), Some(customer));
    assert_eq!(later.get("cart").await.unwrap(), Some("shoes".to_owned()));
    // The session layer saves once more when the response is written.
    session.save().await.unwrap();
    assert_eq!(world.who(id).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_identity_that_is_put_into_the_session_is_registered_when_that_is_saved() {
    let Some(world) = new_world().await else {
        return;
    };
    for known_before in [false, true] {
        let session = world.session(None);
        if known_before {
            session.insert("cart", "shoes").await.unwrap();
            session.save().await.unwrap();
        }
        let customer = world.customer("alice", "s1");
        session.insert_identity(&customer).await.unwrap();
        session.save().await.unwrap();
        let id = session.id().unwrap();
        assert!(world.is_live(id).await);
        assert_eq!(world.who(id).await.as_deref(), Some("alice"));
        // Saved again in the same request, and in the next one.
        session.insert("cart", "hats").await.unwrap();
        session.save().await.unwrap();
        let next = world.session(Some(id));
        next.insert_identity(&customer).await.unwrap();
        assert!(!next.is_modified(), "the same identity changes nothing");
        next.insert("cart", "gloves").await.unwrap();
        next.save().await.unwrap();
        assert_eq!(world.who(id).await.as_deref(), Some("alice"));
        world.logout(&world.by_sid("s1")).await;
        world.assert_nobody_is_signed_in().await;
        world.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_login_that_was_logged_out_first_leaves_nothing() {
    let Some(world) = new_world().await else {
        return;
    };
    let customer = world.customer("alice", "s1");
    world.logout(&world.by_sub("alice")).await;

    let session = world.session(None);
    session.insert("cart", "shoes").await.unwrap();
    let answer = world.sessions.sign_in(&session, &customer).await.unwrap();
    assert_eq!(answer, Registration::AlreadyLoggedOut);
    assert!(session.is_empty().await, "nothing is left to be saved");

    let session = world.session(None);
    session.insert_identity(&customer).await.unwrap();
    session.save().await.unwrap();
    // Once more: what was refused is not taken the second time.
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;

    // A genuine later login is not held up.
    world.clock.advance(Duration::from_secs(6));
    world.signed_in(&world.customer("alice", "s1")).await;
}

#[tokio::test]
async fn an_anonymous_session_survives_a_login_that_is_refused_under_its_id() {
    let Some(world) = new_world().await else {
        return;
    };
    let session = world.session(None);
    session.insert("cart", "shoes").await.unwrap();
    session.save().await.unwrap();
    let id = session.id().unwrap();
    let customer = world.customer("alice", "s1");
    world.logout(&world.by_sub("alice")).await;
    let callback = world.session(Some(id));
    callback.insert_identity(&customer).await.unwrap();
    callback.save().await.unwrap();
    assert_eq!(world.who(id).await, None);
    let cart = world.session(Some(id)).get::<String>("cart").await.unwrap();
    assert_eq!(cart.as_deref(), Some("shoes"));
}

#[tokio::test]
async fn an_ended_session_is_not_loaded_and_its_record_is_deleted() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    // Behind the back of the wrapper, as another program that shares the registry would.
    let registry = &world.sessions.registry().behind;
    use tower_backchannel_logout::session::SessionStore;
    registry.terminate(&world.by_sid("s1")).await.unwrap();
    assert!(world.record(id).await.is_some());
    assert!(world.sessions.load(&id).await.unwrap().is_none());
    assert!(world.record(id).await.is_none());
}

#[tokio::test]
async fn a_logout_ends_the_sessions_it_names_deletes_their_records_and_leaves_the_others() {
    let Some(world) = new_world().await else {
        return;
    };
    let phone = world.signed_in(&world.customer("alice", "s1")).await;
    let laptop = world.signed_in(&world.customer("alice", "s2")).await;
    let other = world.signed_in(&world.customer("bob", "s3")).await;
    let terminated = world.logout(&world.by_sid("s1")).await;
    assert_eq!(terminated.newly_ended, 1);
    assert_eq!(terminated.sessions[0].id, key(phone));
    assert!(world.record(phone).await.is_none());
    assert_eq!(world.who(laptop).await.as_deref(), Some("alice"));
    let terminated = world.logout(&world.by_sub("alice")).await;
    assert_eq!(terminated.sessions[0].id, key(laptop));
    assert!(world.record(laptop).await.is_none());
    assert_eq!(world.who(other).await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_late_save_of_an_ended_session_writes_nothing() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let in_flight = world.session(Some(id));
    in_flight.insert("cart", "hats").await.unwrap();
    world.logout(&world.by_sid("s1")).await;
    world.steps.take();
    in_flight.save().await.unwrap();
    assert_eq!(world.steps.take(), ["status"]);
    assert!(world.record(id).await.is_none());
    // Much later, when nothing of the session is remembered any more.
    world.clock.advance(Duration::from_secs(86_400));
    in_flight.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn taking_the_identity_out_is_a_local_logout() {
    let Some(world) = new_world().await else {
        return;
    };
    for clear in [false, true] {
        let id = world.signed_in(&world.customer("alice", "s1")).await;
        let late = world.session(Some(id));
        late.insert("cart", "hats").await.unwrap();
        let session = world.session(Some(id));
        let mut ended = world.sessions.session_ended(&session);
        if clear {
            session.clear().await;
            session.insert("flash", "good bye").await.unwrap();
        } else {
            session
                .remove::<serde_json::Value>(IDENTITY_KEY)
                .await
                .unwrap();
        }
        session.save().await.unwrap();
        in_time(&mut ended).await;
        assert!(!world.is_live(id).await);
        assert_eq!(world.who(id).await, None);
        // The session goes on without the customer, and a request in flight does not bring the customer back.
        late.save().await.unwrap();
        assert_eq!(world.who(id).await, None);
        let record = world.record(id).await.unwrap();
        assert_eq!(record.data.contains_key("flash"), clear);
        world.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_login_as_somebody_else_under_the_same_id_ends_the_one_before() {
    let Some(world) = new_world().await else {
        return;
    };
    let alice = world.customer("alice", "s1");
    let id = world.signed_in(&alice).await;
    let late = world.session(Some(id));
    late.insert("cart", "hats").await.unwrap();

    let session = world.session(Some(id));
    let mut ended = world.sessions.session_ended(&session);
    let bob = world.customer("bob", "s2");
    session.insert_identity(&bob).await.unwrap();
    session.save().await.unwrap();
    in_time(&mut ended).await;
    assert_eq!(world.who(id).await.as_deref(), Some("bob"));
    // A request of the one before that is still in flight changes nothing.
    late.save().await.unwrap();
    assert_eq!(world.who(id).await.as_deref(), Some("bob"));
    assert!(
        world
            .logout(&world.by_sub("alice"))
            .await
            .sessions
            .is_empty()
    );
    assert_eq!(world.who(id).await.as_deref(), Some("bob"));
    // Somebody else again, who was logged out already: nobody is left.
    let carol = world.customer("carol", "s3");
    world.logout(&world.by_sub("carol")).await;
    let session = world.session(Some(id));
    session.insert_identity(&carol).await.unwrap();
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_flush_ends_the_session_and_its_connections_at_once() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let other = world.signed_in(&world.customer("alice", "s2")).await;
    let session = world.session(Some(id));
    let mut ended = world.sessions.session_ended(&session);
    let mut of_other = world.sessions.session_ended(&world.session(Some(other)));
    assert!(!is_done(&mut ended).await);
    session.flush().await.unwrap();
    in_time(&mut ended).await;
    assert!(!is_done(&mut of_other).await);
    assert!(world.record(id).await.is_none());
    assert!(!world.is_live(id).await);
    // What tower-sessions writes after a flush, it would write under the id that has just ended.
    session.insert("flash", "good bye").await.unwrap();
    session.save().await.unwrap();
    assert_ne!(session.id(), Some(id));
    // The logout of the provider that follows finds nothing.
    let terminated = world.logout(&world.by_sid("s1")).await;
    assert!(terminated.sessions.is_empty());
    assert_eq!(terminated.newly_ended, 0);
}

#[tokio::test]
async fn a_session_of_nobody_has_ended_already() {
    let Some(world) = new_world().await else {
        return;
    };
    let session = world.session(None);
    in_time(world.sessions.session_ended(&session)).await;
    session.insert("cart", "shoes").await.unwrap();
    session.save().await.unwrap();
    in_time(world.sessions.session_ended(&session)).await;
}

#[tokio::test]
async fn a_save_moves_the_end_of_the_session_and_the_registry_follows() {
    let Some(world) = new_world().await else {
        return;
    };
    // The default of the rig is an hour of inactivity.
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let longer = time::Duration::hours(3);
    let session = world.session(Some(id));
    session.set_expiry(Some(super::ts::Expiry::OnInactivity(longer)));
    session.save().await.unwrap();
    world.clock.advance(Duration::from_secs(2 * 3600));
    assert!(world.is_live(id).await);
    world.clock.advance(Duration::from_secs(2 * 3600));
    assert!(!world.is_live(id).await, "it ends with its record");
    assert_eq!(world.who(id).await, None);

    // A session that ends with the browser is kept for two weeks, one with a moment until then.
    let until = time::OffsetDateTime::now_utc() + time::Duration::days(30);
    for (expiry, days) in [
        (super::ts::Expiry::OnSessionEnd, 14),
        (super::ts::Expiry::AtDateTime(until), 30),
    ] {
        let Some(world) = new_world().await else {
            return;
        };
        let id = world.signed_in(&world.customer("alice", "s1")).await;
        let session = world.session(Some(id));
        session.set_expiry(Some(expiry));
        session.save().await.unwrap();
        world.clock.advance(Duration::from_secs(days * 86_400 - 60));
        assert!(world.is_live(id).await);
        world.clock.advance(Duration::from_secs(120));
        assert!(!world.is_live(id).await);
    }
}

#[tokio::test]
async fn an_expired_session_is_over_and_its_connections_too() {
    let Some(world) = new_world().await else {
        return;
    };
    let session = world.session(None);
    let customer = world.customer("alice", "s1");
    let soon = time::Duration::milliseconds(700);
    session.set_expiry(Some(super::ts::Expiry::OnInactivity(soon)));
    let _ = world.sessions.sign_in(&session, &customer).await.unwrap();
    let id = session.id().unwrap();
    world.clock.advance(Duration::from_secs(2));
    in_time(world.sessions.session_ended(&session)).await;
    assert_eq!(world.who(id).await, None);
    session.save().await.unwrap();
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn an_identity_that_cannot_be_read_is_no_identity() {
    let Some(world) = new_world().await else {
        return;
    };
    let good = json!({ "iss": "https://op.example", "client_id": "shop", "sub": "alice" });
    for (member, value) in [
        ("iss", json!(null)),
        ("iss", json!("http://op.example")),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sid", json!(null)), // presence, not value
        ("iat", json!("soon")),
        ("iat", json!(null)),
        ("id", json!(null)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        let session = world.session(None);
        session.insert(IDENTITY_KEY, &bad).await.unwrap();
        session.save().await.expect_err("it was saved");
        assert_eq!(world.steps.take(), [""; 0]);
        session.identity().await.expect_err("it was read");

        // As if an older program had written it.
        session.insert(IDENTITY_KEY, &good).await.unwrap();
        session.save().await.unwrap();
        let id = session.id().unwrap();
        let mut record = world.record(id).await.unwrap();
        record.data.insert(IDENTITY_KEY.to_owned(), bad);
        world.sessions.inner().behind.save(&record).await.unwrap();
        assert!(world.sessions.load(&id).await.unwrap().is_none());
        world.steps.take();
    }
}

#[tokio::test]
async fn a_sid_and_an_iat_that_are_left_out_stay_out() {
    let Some(world) = new_world().await else {
        return;
    };
    use tower_backchannel_logout::Subject;
    use tower_backchannel_logout::session::SessionIdentity;
    let customer = SessionIdentity::new(issuer(), client(), Subject::parse("alice").unwrap());
    let id = world.signed_in(&customer).await;
    let found = world.session(Some(id)).identity().await.unwrap();
    assert_eq!(found, Some(customer));
    let saved = world.record(id).await.unwrap();
    let members = saved.data[IDENTITY_KEY].as_object().unwrap();
    assert!(!members.contains_key("sid") && !members.contains_key("iat"));
}

#[tokio::test]
async fn a_local_logout_by_id_deletes_the_record_as_well() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    assert!(world.sessions.unregister(&key(id)).await.unwrap());
    assert!(world.record(id).await.is_none());
    assert!(!world.sessions.unregister(&key(id)).await.unwrap());
    world.assert_nobody_is_signed_in().await;
}

#[tokio::test]
async fn a_store_without_its_registry_signs_everybody_out() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let Some(restarted) = new_world().await else {
        return;
    };
    let inner = world.sessions.inner().clone();
    let sessions = Sessions::new(inner, restarted.sessions.registry().clone());
    assert!(sessions.load(&id).await.unwrap().is_none());
}
