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

#[tokio::test]
async fn expired_records_are_deleted_through_the_wrapper() {
    use tower_backchannel_logout::store::MemoryStore;
    use tower_backchannel_logout::store::tower_sessions::BackchannelSessionStore;
    use tower_sessions_sqlx_store::{SqliteStore, sqlx};
    use ts::{ExpiredDeletion, SessionStore};

    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await.unwrap();
    let inner = SqliteStore::new(pool.clone());
    inner.migrate().await.unwrap();
    let sessions = BackchannelSessionStore::new(inner, MemoryStore::new());
    for (seconds, left) in [(-1, 0), (60, 1)] {
        let expiry_date = ts::cookie::time::OffsetDateTime::now_utc()
            + ts::cookie::time::Duration::seconds(seconds);
        let mut record = ts::session::Record {
            id: ts::session::Id::default(),
            data: Default::default(),
            expiry_date,
        };
        sessions.create(&mut record).await.unwrap();
        sessions.delete_expired().await.unwrap();
        let count = sqlx::query_scalar::<_, i64>("select count(*) from tower_sessions");
        assert_eq!(count.fetch_one(&pool).await.unwrap(), left);
    }
}
