//! The connections: those of the application's pool, each for one question.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, PgPool, Postgres};

use super::error::{PostgresStoreError, PostgresStoreErrorKind, is_lost, is_passing};

/// How often a question is asked again.
const RETRIES: u32 = 3;

pub(super) type Asked<'q> = Query<'q, Postgres, PgArguments>;

pub(super) struct Link {
    pool: PgPool,
    timeout: Duration,
}

/// A connection with a question on the way. When nobody waits for the answer any more, it is closed: the next user would have to wait for
/// a server that may be gone.
struct Asking(PoolConnection<Postgres>, bool);

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.1 {
            self.0.close_on_drop();
        }
    }
}

impl Link {
    pub(super) const fn new(pool: PgPool, timeout: Duration) -> Self {
        Self { pool, timeout }
    }

    pub(super) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks within the time limit, connecting included, and again if the first connection turns out to be dead or another transaction was
    /// in the way. Every statement may run twice.
    pub(super) async fn ask<'q>(
        &self,
        statement: &'q str,
        bind: impl Fn(Asked<'q>) -> Asked<'q> + Send + Sync,
    ) -> Result<Vec<PgRow>, PostgresStoreError> {
        let connected = AtomicBool::new(false);
        let attempts = async {
            let mut tried = 0;
            loop {
                let query = bind(sqlx::query(statement));
                match self.try_once(query, tried == 0, &connected).await {
                    Err(error) if tried < RETRIES && is_passing(&error) => {
                        tried = tried.saturating_add(1);
                    }
                    answer => return Ok(answer?),
                }
            }
        };
        let answer = tokio::time::timeout(self.timeout, attempts).await;
        answer.unwrap_or_else(|_| {
            Err(PostgresStoreError::new(
                if connected.load(Ordering::Relaxed) {
                    PostgresStoreErrorKind::TimedOut
                } else {
                    PostgresStoreErrorKind::NoConnection
                },
            ))
        })
    }

    async fn try_once(
        &self,
        query: Asked<'_>,
        first: bool,
        connected: &AtomicBool,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        connected.store(false, Ordering::Relaxed);
        let connection = self.connection(first).await?;
        connected.store(true, Ordering::Relaxed);
        let mut asking = Asking(connection, false);
        let answer = query.fetch_all(&mut *asking.0).await;
        asking.1 = match &answer {
            Ok(_) => true,
            // A server that takes no writes may have lost its role: the next connection may lead to the one that has it.
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                code.is_some_and(|code| code != "25006") && !is_lost(error)
            }
        };
        answer
    }

    /// An idle connection as it is: testing it first, as the pool does, would be a round trip for each question. A dead one is found
    /// out by the question, and then a connection is tested.
    async fn connection(&self, first: bool) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        if let Some(connection) = self.pool.try_acquire().filter(|_| first) {
            return Ok(connection);
        }
        loop {
            let mut connection = self.pool.acquire().await?;
            // The pool may have been told not to test.
            if first || connection.ping().await.is_ok() {
                return Ok(connection);
            }
            connection.close_on_drop();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the pool: its options hold the password.
        f.debug_struct("Link")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
