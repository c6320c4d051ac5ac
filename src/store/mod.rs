//! Where sessions are kept: the stores that ship.

mod memory;
#[cfg(any(test, feature = "redis", feature = "postgres", feature = "sqlite"))]
#[allow(
    dead_code,
    unused_imports,
    reason = "the engines that use it are on their way"
)]
mod remote;

#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::{MemoryStats, MemoryStore, MemoryStoreBuilder, MemoryStoreError};
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub use sqlite::{SqliteStore, SqliteStoreBuilder, SqliteStoreError, SqliteStoreErrorKind};
