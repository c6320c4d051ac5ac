//! Where sessions are kept: the stores that ship.

mod memory;

pub use memory::{MemoryStats, MemoryStore, MemoryStoreBuilder, MemoryStoreError};
