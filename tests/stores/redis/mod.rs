//! `RedisStore` on real servers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_backchannel_logout::Subject;
use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Registration, SessionRegistry,
};
use tower_backchannel_logout::store::{
    RedisStore, RedisStoreBuilder, RedisStoreError, RedisStoreErrorKind,
};
use tower_backchannel_logout::testing::suite;

use crate::services::redis::{Cluster, Server, ask, wait_for};
use crate::world::*;

mod announcements;
mod building;
mod cluster;
mod failures;
mod power_cuts;
mod records;
mod round_trips;
mod suites;

/// A namespace nobody else has.
fn namespace() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn kind<T: std::fmt::Debug>(answer: Result<T, RedisStoreError>) -> RedisStoreErrorKind {
    answer.unwrap_err().kind()
}
