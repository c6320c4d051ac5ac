//! tower-sessions 0.14, in memory.

super::claims!();
#[path = "cookies.rs"]
mod cookies;

mod ts {
    pub(crate) use tower_backchannel_logout::store::tower_sessions::V0_14 as Marker;
    pub(crate) use tower_sessions_014::*;

    pub(crate) type Inner = MemoryStore;

    pub(crate) async fn inner() -> Option<Inner> {
        Some(MemoryStore::default())
    }
}
