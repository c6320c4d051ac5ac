//! A logout at every point of every operation. The order is not left to luck: the logout is carried out in full right before the
//! n-th call that the operation makes to the store or to the registry, for each n.

use std::pin::Pin;
use std::time::Duration;

use tower_backchannel_logout::clock::Clock;
use tower_backchannel_logout::session::{LogoutRequest, SessionIdentity};
use tower_backchannel_logout::store::tower_sessions::IdentityInSession;

use super::rig::*;
use super::ts::session::Id;

/// What is carried out while the logout comes.
type Operation = fn(World, Option<Id>, SessionIdentity) -> Pin<Box<dyn Future<Output = ()> + Send>>;

const SIGN_IN: Operation = |world, id, customer| {
    Box::pin(async move {
        let session = world.session(id);
        let _ = world.sessions.sign_in(&session, &customer).await.unwrap();
        // The session layer saves again.
        session.save().await.unwrap();
    })
};

const SAVE: Operation = |world, id, _| {
    Box::pin(async move {
        let session = world.session(id);
        session.insert("cart", "hats").await.unwrap();
        session.save().await.unwrap();
    })
};

const INSERT_UNDER_THE_SAME_ID: Operation = |world, id, customer| {
    Box::pin(async move {
        let session = world.session(id);
        session.insert_identity(&customer).await.unwrap();
        session.save().await.unwrap();
    })
};

const ROTATE: Operation = |world, id, _| {
    Box::pin(async move {
        let session = world.session(id);
        session.cycle_id().await.unwrap();
        session.save().await.unwrap();
    })
};

const ROTATE_BY_THE_WRAPPER: Operation = |world, id, _| {
    Box::pin(async move {
        let session = world.session(id);
        world.sessions.cycle_id(&session).await.unwrap();
        session.save().await.unwrap();
    })
};

/// Who is there when the operation begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nobody,
    Anonymous,
    SameCustomer,
    SomebodyElse,
}

/// Tries every order of the operation and the logout, and passes if nobody is signed in after any of them.
async fn whenever(before: Before, operation: Operation, logout: fn(&World) -> LogoutRequest) {
    let mut orders = 0;
    loop {
        let Some(world) = new_world().await else {
            return;
        };
        let customer = world.customer("alice", "s1");
        let id = match before {
            Before::Nobody => None,
            Before::Anonymous => {
                let session = world.session(None);
                session.insert("cart", "shoes").await.unwrap();
                session.save().await.unwrap();
                session.id()
            }
            Before::SameCustomer => Some(world.signed_in(&customer).await),
            Before::SomebodyElse => Some(world.signed_in(&world.customer("bob", "s2")).await),
        };
        let request = logout(&world);
        let ending = world.clone();
        let act = async move {
            ending.logout(&request).await;
        };
        world.steps.before(orders, act);
        in_time(operation(world.clone(), id, customer)).await;
        let was_last = world.steps.left_over();
        let last = was_last.is_some();
        if let Some(act) = was_last {
            act.await;
        }
        world.assert_nobody_is_signed_in().await;
        if last {
            break;
        }
        orders += 1;
    }
    assert!(orders > 2, "only {orders} orders were tried");
}

const BY_SUB: fn(&World) -> LogoutRequest = |world| world.by_sub("alice");
const BY_SID: fn(&World) -> LogoutRequest = |world| world.by_sid("s1");

/// A logout that was decided before the login and comes after it. It ends the session, and its mark refuses no login.
const BY_SID_OF_LONG_AGO: fn(&World) -> LogoutRequest = |world| {
    by_sid_at(
        "s1",
        world.clock.now().saturating_sub(Duration::from_secs(3600)),
    )
};

#[tokio::test]
async fn a_login_and_its_logout_leave_nobody_signed_in_whichever_comes_first() {
    for logout in [BY_SUB, BY_SID] {
        for before in [Before::Nobody, Before::Anonymous, Before::SameCustomer] {
            whenever(before, SIGN_IN, logout).await;
        }
        whenever(Before::Anonymous, INSERT_UNDER_THE_SAME_ID, logout).await;
    }
}

#[tokio::test]
async fn a_login_as_somebody_else_and_the_logout_of_the_new_one_leave_nobody_signed_in() {
    // Of the old one nothing is left in any case.
    for logout in [BY_SUB, BY_SID] {
        whenever(Before::SomebodyElse, SIGN_IN, logout).await;
        whenever(Before::SomebodyElse, INSERT_UNDER_THE_SAME_ID, logout).await;
    }
}

#[tokio::test]
async fn a_save_and_a_logout_leave_nothing_whichever_comes_first() {
    for logout in [BY_SUB, BY_SID, BY_SID_OF_LONG_AGO] {
        whenever(Before::SameCustomer, SAVE, logout).await;
    }
}

#[tokio::test]
async fn a_rotation_and_a_logout_leave_nothing_whichever_comes_first() {
    for logout in [BY_SUB, BY_SID, BY_SID_OF_LONG_AGO] {
        whenever(Before::SameCustomer, ROTATE, logout).await;
        whenever(Before::SameCustomer, ROTATE_BY_THE_WRAPPER, logout).await;
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_at_any_point_leaves_nothing_that_a_logout_does_not_end() {
    for (before, operation) in [
        (Before::Nobody, SIGN_IN),
        (Before::SameCustomer, SAVE),
        (Before::SameCustomer, ROTATE),
        (Before::SameCustomer, ROTATE_BY_THE_WRAPPER),
    ] {
        let mut point = 0;
        loop {
            let Some(world) = new_world().await else {
                return;
            };
            let customer = world.customer("alice", "s1");
            let id = match before {
                Before::SameCustomer => Some(world.signed_in(&customer).await),
                _ => None,
            };
            let (tell, told) = tokio::sync::oneshot::channel();
            world.steps.before(point, async move {
                let _ = tell.send(());
                std::future::pending::<()>().await;
            });
            let running = operation(world.clone(), id, customer);
            let finished = tokio::select! {
                biased;
                () = running => true,
                _ = told => false,
            };
            // What was signed in is found by its logout, wherever it was on its way.
            world.steps.left_over();
            world.logout(&world.by_sid("s1")).await;
            let seen = world.sessions.inner().seen.lock().unwrap().clone();
            for id in seen {
                assert!(!world.is_live(id).await);
                assert_eq!(world.who(id).await, None);
                assert!(
                    world.record(id).await.is_none(),
                    "the next request cleans up"
                );
            }
            if finished {
                break;
            }
            point += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_rotations_saves_and_logouts_at_once_leave_nobody_signed_in() {
    let Some(world) = new_world().await else {
        return;
    };
    for round in 0..20 {
        let customer = world.customer("alice", "s1");
        let id = world.signed_in(&customer).await;
        let mut tasks = tokio::task::JoinSet::new();
        for operation in [SAVE, ROTATE, SAVE, ROTATE_BY_THE_WRAPPER, SAVE] {
            tasks.spawn(operation(world.clone(), Some(id), customer.clone()));
        }
        let (ending, request) = (world.clone(), world.by_sid("s1"));
        tasks.spawn(async move {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            ending.logout(&request).await;
        });
        tasks.spawn(SIGN_IN(world.clone(), None, customer));
        in_time(tasks.join_all()).await;
        world.assert_nobody_is_signed_in().await;
        world.sessions.inner().seen.lock().unwrap().clear();
        world.clock.advance(Duration::from_secs(60));
    }
}
