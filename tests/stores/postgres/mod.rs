//! `PostgresStore` on real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, SessionIdentity,
    SessionRegistry, SessionStore, Terminated,
};
use tower_backchannel_logout::store::{
    PostgresStore, PostgresStoreBuilder, PostgresStoreError, PostgresStoreErrorKind,
};
use tower_backchannel_logout::testing::suite;
use tower_backchannel_logout::{Sid, Subject};

use crate::proxy::Proxy;
use crate::services::postgres::{Disk, Server, append};
use crate::world::*;

mod announcements;
mod cleaning;
mod failures;
mod kills;
mod many;
mod migrations;
mod model;
mod plans;
mod races;
mod round_trips;
mod suites;

/// A prefix nobody else has.
fn prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test{}_", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A pool as an application has it: lazy, and not larger than it needs.
fn pool_with(server: &Server, options: &[(&str, &str)]) -> PgPool {
    let connect: PgConnectOptions = server.url().parse().unwrap();
    let escaped = |value: &str| value.replace(' ', "\\ ");
    let options = options.iter().map(|(name, value)| (name, escaped(value)));
    PgPoolOptions::new()
        .max_connections(10)
        .connect_lazy_with(connect.options(options))
}

fn pool(server: &Server) -> PgPool {
    pool_with(server, &[])
}

/// A store with tables of its own, and the prefix of their names.
async fn store(pool: &PgPool) -> (PostgresStore, String) {
    configured(pool, |builder| builder).await
}

async fn configured(
    pool: &PgPool,
    configure: impl FnOnce(PostgresStoreBuilder) -> PostgresStoreBuilder,
) -> (PostgresStore, String) {
    let prefix = prefix();
    let builder = PostgresStore::builder(pool.clone()).with_table_prefix(&prefix);
    let store = configure(builder).build().unwrap();
    store.migrate().await.unwrap();
    (store, prefix)
}

/// Runs statements, with `{p}` for the prefix.
async fn run(pool: &PgPool, prefix: &str, statements: &str) {
    let text = statements.replace("{p}", prefix);
    pool.execute(sqlx::raw_sql(&text)).await.unwrap();
}

/// Asks for one number.
async fn number(pool: &PgPool, prefix: &str, query: &str) -> i64 {
    let text = query.replace("{p}", prefix);
    sqlx::query_scalar(&text).fetch_one(pool).await.unwrap()
}

fn kind<T: std::fmt::Debug>(answer: Result<T, PostgresStoreError>) -> PostgresStoreErrorKind {
    answer.unwrap_err().kind()
}
