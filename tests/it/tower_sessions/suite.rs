//! The store suite over the wrapper as a registry, and what it forwards.

use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::store::tower_sessions::BackchannelSessionStore;
use tower_backchannel_logout::testing::suite;

use super::rig::*;
use super::ts;

#[tokio::test]
async fn the_wrapper_is_a_store_like_any_other() {
    if ts::inner().await.is_none() {
        return;
    }
    let report = suite::run_all(async |clock| {
        let registry = MemoryStore::builder().with_clock(clock.clone()).build();
        let inner = ts::inner().await.unwrap();
        let sessions = BackchannelSessionStore::<_, _, ts::Marker>::new(inner, registry);
        sessions.with_clock(clock)
    });
    report.await.assert_holds();
}

#[tokio::test]
async fn the_sessions_inside_do_not_appear_in_debug() {
    let Some(world) = new_world().await else {
        return;
    };
    let id = world.signed_in(&world.customer("alice", "s1")).await;
    let shown = format!("{:?}", world.sessions);
    assert_eq!(shown, "BackchannelSessionStore { .. }");
    assert!(!shown.contains(&id.to_string()));
}
