//! Where sessions are kept: the stores that ship.

mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(test, feature = "redis", feature = "postgres", feature = "sqlite"))]
#[allow(dead_code, unused_imports, reason = "not every engine uses every part")]
mod remote;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "tower-sessions")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower-sessions")))]
pub mod tower_sessions;

pub use memory::{MemoryStats, MemoryStore, MemoryStoreBuilder, MemoryStoreError};
#[cfg(feature = "postgres")]
#[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
pub use postgres::{
    PostgresStore, PostgresStoreBuilder, PostgresStoreError, PostgresStoreErrorKind,
};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use redis::{RedisStore, RedisStoreBuilder, RedisStoreError, RedisStoreErrorKind};
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub use sqlite::{SqliteStore, SqliteStoreBuilder, SqliteStoreError, SqliteStoreErrorKind};
