//! `RedisStore` on real servers.

use std::sync::atomic::{AtomicUsize, Ordering};

use tower_backchannel_logout::store::{RedisStore, RedisStoreBuilder};
use tower_backchannel_logout::testing::suite;

use crate::services::redis::{Cluster, Server};

mod suites;

/// A namespace nobody else has.
fn namespace() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
