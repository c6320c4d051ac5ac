//! The store in a file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tower_backchannel_logout::SessionId;
use tower_backchannel_logout::session::{
    LogoutRequest, NewSession, Registration, SessionRegistry, SessionStore,
};
use tower_backchannel_logout::store::{SqliteStore, SqliteStoreErrorKind};
use tower_backchannel_logout::testing::suite::{self, SuiteClock};

use crate::services::Folder;
use crate::world::{by_subject, id, now, session, setting};

mod failure;
mod kill;

/// A pool as an application has one.
fn pool(folder: &Folder, file: &str) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join(file))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5));
    SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options)
}

/// Stores of which each has a file of its own.
struct Shelf {
    folder: Folder,
    next: AtomicU64,
}

impl Shelf {
    fn new(what: &str) -> Self {
        Self {
            folder: Folder::new(what),
            next: AtomicU64::new(0),
        }
    }

    async fn store(&self, clock: SuiteClock) -> SqliteStore {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        let pool = pool(&self.folder, &format!("{nth}.db"));
        let store = SqliteStore::builder(pool)
            .with_clock(clock)
            .build()
            .unwrap();
        store.migrate().await.unwrap();
        store
    }
}

fn login(id: &str, sub: &str) -> NewSession {
    session(id, sub, None, now())
}

fn logout(sub: &str) -> LogoutRequest {
    by_subject(sub, now())
}

#[tokio::test]
async fn the_store_in_a_file_keeps_every_claim() {
    let shelf = Shelf::new("sqlite-suite");
    suite::run_all(async |clock| shelf.store(clock).await)
        .await
        .assert_holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_in_a_file_keeps_every_claim_on_several_threads() {
    let shelf = Shelf::new("sqlite-threads");
    suite::run_all(async |clock| shelf.store(clock).await)
        .await
        .assert_holds();
}
