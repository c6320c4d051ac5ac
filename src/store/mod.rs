//! Where sessions are kept: the stores that ship.

mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(test, feature = "redis", feature = "postgres", feature = "sqlite"))]
#[allow(
    dead_code,
    unused_imports,
    reason = "the engines that use it are on their way"
)]
mod remote;

pub use memory::{MemoryStats, MemoryStore, MemoryStoreBuilder, MemoryStoreError};
#[cfg(feature = "postgres")]
pub use postgres::{
    PostgresStore, PostgresStoreBuilder, PostgresStoreError, PostgresStoreErrorKind,
};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder, RedisStoreError, RedisStoreErrorKind};
