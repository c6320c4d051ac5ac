//! The claims of the tower-sessions wrapper, over the memory store of tower-sessions 0.15. `tests/tower_sessions` runs the same files
//! over version 0.14 and over the stores of that ecosystem.

mod failures;
mod http;
mod lifecycle;
mod races;
mod rig;
mod rotation;
mod suite;

/// What the files here are written against.
mod ts {
    pub(crate) use tower_backchannel_logout::store::tower_sessions::V0_15 as Marker;
    pub(crate) use tower_sessions::*;

    pub(crate) type Inner = MemoryStore;

    pub(crate) async fn inner() -> Option<Inner> {
        Some(MemoryStore::default())
    }
}
