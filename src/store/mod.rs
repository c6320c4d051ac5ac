//! Where sessions are kept: the stores that ship.

mod memory;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]
#[allow(
    dead_code,
    unused_imports,
    reason = "the engines that use it are on their way"
)]
mod remote;
#[cfg(feature = "tower-sessions")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower-sessions")))]
pub mod tower_sessions;

pub use memory::{MemoryStats, MemoryStore, MemoryStoreBuilder, MemoryStoreError};
