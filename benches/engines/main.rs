//! The shared stores on real servers that the bench starts itself, each beside what its server can do at best in the same run.
//!
//! `cargo bench --features redis,postgres,sqlite --bench engines`; `BACKCHANNEL_BENCH_SESSIONS` (default 100,000) is the size of the full store. Compare
//! ratios: absolute figures are those of the machine.

#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]
mod load;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]
#[path = "../../tests/stores/services/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod services;
#[cfg(feature = "sqlite")]
mod sqlite;

fn main() {
    // `cargo test --benches` asks for no measurement.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    #[cfg(feature = "redis")]
    redis::run();
    #[cfg(feature = "postgres")]
    postgres::run();
    #[cfg(feature = "sqlite")]
    sqlite::run();
}
