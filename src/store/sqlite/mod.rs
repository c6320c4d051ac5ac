//! Sessions and marks in a file, through SQLite: durable on one node, without a server.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};
use tokio::sync::OnceCell;

mod engine;
mod error;
mod ids;
mod news;
mod row;
mod selection;
mod statements;
#[cfg(test)]
mod tests;

pub use error::{SqliteStoreError, SqliteStoreErrorKind};

use crate::config::ConfigError;
use crate::store::remote::{Remote, RemoteOptions, forward_to_remote, remote_setters};
use engine::SqliteEngine;
use statements::Statements;

const SCHEMA: &str = include_str!("schema.sql");
const DEFAULT_PREFIX: &str = "backchannel_";
const MAX_PREFIX_BYTES: usize = 48;
/// The share of the endpoint's 2 seconds that waiting for the file may take.
const BUSY: Duration = Duration::from_secs(1);
const READERS: u32 = 4;

/// A [`SessionRegistry`](crate::session::SessionRegistry) in an SQLite file: sessions and logouts outlive the process, and no server is
/// needed. For one machine; several processes of it may share the file. Cheap to clone.
///
/// 1. Each operation is one transaction. A logout is answered when it is on the disk.
/// 2. Readers never wait for a writer (write-ahead log). Writers take turns.
/// 3. Everything expires by itself, a little with each write.
/// 4. A logout by another process ends the connections of this one with the next [poll](SqliteStoreBuilder::with_poll_interval);
///    its requests find out at once.
///
/// What is kept where, and what survives which failure: [the guide](crate::guide::stores#sqlite).
///
/// ```no_run
/// use tower_backchannel_logout::store::SqliteStore;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = SqliteStore::open("/var/lib/shop/sessions.db").await?;
/// # let _ = store;
/// # Ok(()) }
/// ```
///
/// # Security
///
/// Session ids are credentials, and they are in the file: nobody else should be able to read it, its `-wal` file or its backups.
#[derive(Clone)]
pub struct SqliteStore(Remote<SqliteEngine>);

/// Configures a [`SqliteStore`].
#[must_use = "nothing is built before `build`"]
#[derive(Clone)]
pub struct SqliteStoreBuilder {
    pool: SqlitePool,
    prefix: String,
    options: RemoteOptions,
}

impl SqliteStore {
    /// A store with the defaults over a file, which is made if it is not there, with its tables. Its folder has to exist.
    ///
    /// The file is opened with a write-ahead log and `synchronous=FULL`: an answered logout survives a power cut.
    ///
    /// # Errors
    ///
    /// [`SqliteStoreError`], when the file cannot be opened or written.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        let store = Self::over(file);
        store.migrate().await?;
        Ok(store)
    }

    /// As [`open`](Self::open), but the file is opened, and its tables are made, when it is first needed: for programs that start
    /// while their disk is not there yet. Until then the store answers with errors, and it recovers by itself.
    #[must_use]
    pub fn over(file: impl AsRef<Path>) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS.saturating_add(1))
            .acquire_timeout(BUSY)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        let statements = Statements::new(DEFAULT_PREFIX);
        let mut engine = SqliteEngine::new(pool, statements, RemoteOptions::default().policy);
        engine.tables = Some(OnceCell::new());
        Self(Remote::with_defaults(engine))
    }

    /// Begins to configure a store over the application's own pool. Its settings hold, so see that it has
    /// `journal_mode=WAL`, `synchronous=FULL`, and a `busy_timeout` and an `acquire_timeout` well below 2 seconds. Call
    /// [`migrate`](Self::migrate) once the store is built.
    pub fn builder(pool: SqlitePool) -> SqliteStoreBuilder {
        SqliteStoreBuilder {
            pool,
            prefix: DEFAULT_PREFIX.to_owned(),
            options: RemoteOptions::default(),
        }
    }

    /// Makes the tables, if they are not there. May be called at each start, by many processes at once.
    ///
    /// # Errors
    ///
    /// [`SqliteStoreError`], when the file cannot be opened or written.
    pub async fn migrate(&self) -> Result<(), SqliteStoreError> {
        self.0.engine().migrate().await
    }

    /// What [`migrate`](Self::migrate) would run, for those who run their migrations themselves.
    #[must_use]
    pub fn migration_sql(&self) -> String {
        self.0.engine().statements.schema.clone()
    }
}

impl SqliteStoreBuilder {
    /// What the names of all tables begin with: lower-case letters, digits and underscores, a letter first. Default
    /// `backchannel_`. Stores with the same prefix in one file are one store.
    pub fn with_table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    remote_setters!();

    /// Makes the store. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `table_prefix` or another field that cannot work.
    pub fn build(self) -> Result<SqliteStore, ConfigError> {
        check_prefix(&self.prefix)?;
        let statements = Statements::new(&self.prefix);
        let engine = SqliteEngine::new(self.pool, statements, self.options.policy);
        Ok(SqliteStore(Remote::new(engine, self.options)?))
    }
}

fn check_prefix(prefix: &str) -> Result<(), ConfigError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if prefix.len() > MAX_PREFIX_BYTES
        || !prefix.bytes().all(plain)
        || !prefix.starts_with(|first: char| first.is_ascii_lowercase())
    {
        return Err(ConfigError::new(
            "table_prefix",
            "is not a name; use up to 48 lower-case letters, digits and underscores, a letter first",
        ));
    }
    Ok(())
}

forward_to_remote!(SqliteStore, SqliteStoreError);

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteStore").field(self.0.engine()).finish()
    }
}

impl fmt::Debug for SqliteStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStoreBuilder")
            .field("prefix", &self.prefix)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
