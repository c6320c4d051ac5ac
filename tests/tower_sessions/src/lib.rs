//! Claims about the tower-sessions wrapper: those of `tests/it/tower_sessions`, over each store of that ecosystem, and more.
//!
//! | module | tower-sessions | store |
//! | --- | --- | --- |
//! | `memory_014`, `memory_015` | 0.14, 0.15 | in memory |
//! | `redis`, `postgres`, `sqlite` | 0.14, as long as these stores are | `tower-sessions-redis-store`, `tower-sessions-sqlx-store` |
//! | `axum_login` | 0.14 | in memory, under axum-login 0.18 |
//!
//! Redis and PostgreSQL are started here, on free ports. Where they are not installed the tests are skipped and say so; where
//! `BACKCHANNEL_TEST_SERVICES` is `required`, that is a failure.

#![cfg(test)]

mod axum_login;
mod memory_014;
mod memory_015;
mod postgres;
mod redis;
mod servers;
#[allow(dead_code, reason = "written for other tests, too")]
#[path = "../../stores/services/mod.rs"]
mod services;
mod sqlite;

/// Every claim, against what the module `ts` beside it names.
macro_rules! claims {
    () => {
        #[path = "../../it/tower_sessions/failures.rs"]
        mod failures;
        #[path = "../../it/tower_sessions/http.rs"]
        mod http;
        #[path = "../../it/tower_sessions/lifecycle.rs"]
        mod lifecycle;
        #[path = "../../it/tower_sessions/races.rs"]
        mod races;
        #[path = "../../it/tower_sessions/rig.rs"]
        mod rig;
        #[path = "../../it/tower_sessions/rotation.rs"]
        mod rotation;
        #[path = "../../it/tower_sessions/suite.rs"]
        mod suite;
    };
}
use claims;
