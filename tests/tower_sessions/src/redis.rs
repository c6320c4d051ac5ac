//! tower-sessions 0.14 and its store in Redis.

super::claims!();

mod ts {
    pub(crate) use tower_backchannel_logout::store::tower_sessions::V0_14 as Marker;
    pub(crate) use tower_sessions_014::*;
    use tower_sessions_redis_store::RedisStore;
    use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

    pub(crate) type Inner = RedisStore<Pool>;

    pub(crate) async fn inner() -> Option<Inner> {
        let port = crate::servers::redis()?;
        let config = Config::from_url(&format!("redis://127.0.0.1:{port}")).unwrap();
        let pool = Pool::new(config, None, None, None, 2).unwrap();
        pool.connect();
        pool.wait_for_connect().await.unwrap();
        Some(RedisStore::new(pool))
    }
}
