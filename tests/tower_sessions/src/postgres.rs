//! tower-sessions 0.14 and its store in PostgreSQL.

super::claims!();

mod ts {
    pub(crate) use tower_backchannel_logout::store::tower_sessions::V0_14 as Marker;
    pub(crate) use tower_sessions_014::*;
    use tower_sessions_sqlx_store::PostgresStore;
    use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;

    pub(crate) type Inner = PostgresStore;

    pub(crate) async fn inner() -> Option<Inner> {
        let url = crate::servers::postgres()?;
        let pool = PgPoolOptions::new().max_connections(2);
        let store = PostgresStore::new(pool.connect(&url).await.unwrap());
        store.migrate().await.unwrap();
        Some(store)
    }
}
