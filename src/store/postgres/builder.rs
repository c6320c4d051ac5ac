//! How a store is configured.

use std::fmt;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::PostgresStore;
use super::engine::PostgresEngine;
use super::link::Link;
use super::listener::Ear;
use super::names::Names;
use crate::config::ConfigError;
use crate::store::remote::{Remote, RemoteOptions, remote_setters};

const DEFAULT_PREFIX: &str = "backchannel_";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Configures a [`PostgresStore`].
#[must_use = "nothing is built before `build`"]
#[derive(Clone)]
pub struct PostgresStoreBuilder {
    pool: PgPool,
    ear: Option<Ear>,
    schema: Option<String>,
    prefix: String,
    timeout: Duration,
    options: RemoteOptions,
}

impl PostgresStoreBuilder {
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            ear: Some(Ear::Pool(pool.clone())),
            pool,
            schema: None,
            prefix: DEFAULT_PREFIX.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            options: RemoteOptions::default(),
        }
    }

    /// The schema of the tables; the migration creates it. Default none: wherever the `search_path` of the connections leads, which
    /// is `public` where nobody changed it.
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// What the names of tables and procedures begin with. Default `backchannel_`. Stores with the same schema and prefix are one store.
    pub fn with_table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long one question may take, waiting for a connection included. Default 1 second, half of what the guard and the endpoint
    /// wait by default. The limits of the pool hold as well.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where to listen to what other nodes announce, on a connection of its own. Default: where the pool connects to. Name the server itself
    /// when the pool leads to a PgBouncer in transaction mode, which does not pass notifications on.
    pub fn with_listener(mut self, options: PgConnectOptions) -> Self {
        self.ear = Some(Ear::At(Box::new(options)));
        self
    }

    /// Listens to nothing and holds no connection for it: what other nodes did is noticed with the next
    /// [poll](Self::with_poll_interval) instead of at once.
    pub fn without_listener(mut self) -> Self {
        self.ear = None;
        self
    }

    remote_setters!();

    /// Makes the store. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `schema`, `table_prefix`, `timeout` or another field that cannot work.
    pub fn build(self) -> Result<PostgresStore, ConfigError> {
        let names = Names::new(self.schema, self.prefix)?;
        if self.timeout.is_zero() {
            return Err(ConfigError::new(
                "timeout",
                "is zero; no server answers that fast",
            ));
        }
        let link = Link::new(self.pool, self.timeout);
        let engine = PostgresEngine::new(link, self.ear, names, self.options.policy);
        Ok(PostgresStore(Remote::new(engine, self.options)?))
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the pool: its options hold the password.
        f.debug_struct("PostgresStoreBuilder")
            .field("schema", &self.schema)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
