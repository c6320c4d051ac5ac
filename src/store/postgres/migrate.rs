//! Makes the tables, or brings them to the version of this crate.

use sqlx::{Executor, Row};

use super::error::PostgresStoreError;
use super::link::Link;
use super::names::Names;
use super::script::{self, VERSION};

/// For nodes that start at once: one migrates, the others wait for it no longer than this.
const LOCK_TIMEOUT: &str = "30s";

/// Whether there is nothing to do; asked without the right to create anything.
async fn is_done(link: &Link, names: &Names) -> Result<bool, PostgresStoreError> {
    let table = names.fill(r#"{s}"{p}migrations""#);
    let known = sqlx::query("SELECT to_regclass($1) IS NOT NULL AS known");
    let row = known.bind(&table).fetch_one(link.pool()).await?;
    if !row.try_get::<bool, _>("known")? {
        return Ok(false);
    }
    let newest = format!("SELECT coalesce(max(version), 0) AS newest FROM {table}");
    let row = sqlx::query(&newest).fetch_one(link.pool()).await?;
    Ok(row.try_get::<i32, _>("newest")? >= VERSION)
}

pub(super) async fn migrate(link: &Link, names: &Names) -> Result<(), PostgresStoreError> {
    if is_done(link, names).await? {
        return Ok(());
    }
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = link.pool().begin_with(begin).await?;
    let settings = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'");
    transaction.execute(settings.as_str()).await?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(names.lock());
    lock.execute(&mut *transaction).await?;
    // Runs again what another node has just done: every statement of it may.
    let text = script::migration(names);
    transaction.execute(sqlx::raw_sql(&text)).await?;
    Ok(transaction.commit().await?)
}
