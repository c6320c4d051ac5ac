//! The store suite over the stores that need nothing but this process.

use std::sync::Arc;

use tower_backchannel_logout::session::DynSessionRegistry;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::suite::{self, SuiteClock};

async fn memory(clock: SuiteClock) -> MemoryStore {
    MemoryStore::builder().with_clock(clock).build()
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_keeps_every_claim() {
    suite::run_all(memory).await.assert_holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_keeps_every_claim_on_several_threads() {
    suite::run_all(memory).await.assert_holds();
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_keeps_every_claim_with_next_to_no_room_for_marks() {
    // Promise 8: overflow logs out more, never less. The claims leave room for that.
    for max_marks in [0, 1, 2, 8] {
        let report = suite::run_all(async |clock| {
            MemoryStore::builder()
                .with_clock(clock)
                .with_max_marks(max_marks)
                .build()
        })
        .await;
        // Marks of a whole client refuse logins of others too, which is all these claims may find.
        for (claim, why) in report.broken() {
            let more_refused = [
                "a mark reaches a later login",
                "another sid is reached",
                "a login was refused without reason",
                "a sid reached a connection without one",
                "somebody else is reached",
            ];
            assert!(
                more_refused.contains(&why.to_string().as_str()),
                "{claim}: {why}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_behind_a_pointer_keeps_every_claim() {
    let report = suite::run_all(async |clock| -> Arc<dyn DynSessionRegistry> {
        let store: Arc<dyn DynSessionRegistry> = Arc::new(memory(clock).await);
        store
    })
    .await;
    report.assert_holds();
}
