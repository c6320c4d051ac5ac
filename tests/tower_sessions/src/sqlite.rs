//! tower-sessions 0.14 and its store in SQLite.

super::claims!();

mod ts {
    pub(crate) use tower_backchannel_logout::store::tower_sessions::V0_14 as Marker;
    pub(crate) use tower_sessions_014::*;
    use tower_sessions_sqlx_store::SqliteStore;
    use tower_sessions_sqlx_store::sqlx::sqlite::SqlitePoolOptions;

    pub(crate) type Inner = SqliteStore;

    pub(crate) async fn inner() -> Option<Inner> {
        // In memory: every connection would be a database of its own.
        let pool = SqlitePoolOptions::new().max_connections(1);
        let store = SqliteStore::new(pool.connect("sqlite::memory:").await.unwrap());
        store.migrate().await.unwrap();
        Some(store)
    }
}
