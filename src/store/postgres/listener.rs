//! The channel of notices, on a connection of its own.

use std::fmt;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::error::{PostgresStoreError, PostgresStoreErrorKind};
use crate::store::remote::{Listener, Notice};

/// How long the channel may be silent before the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// Where to listen.
#[derive(Clone)]
pub(super) enum Ear {
    /// Where the questions go, as the pool says when it begins to listen.
    Pool(PgPool),
    At(Box<PgConnectOptions>),
}

pub(crate) struct PostgresListener {
    listener: PgListener,
    timeout: Duration,
}

impl Ear {
    pub(super) async fn listen(
        &self,
        channel: &str,
        timeout: Duration,
    ) -> Result<PostgresListener, PostgresStoreError> {
        let options = match self {
            Self::Pool(pool) => (*pool.connect_options()).clone(),
            Self::At(options) => (**options).clone(),
        };
        // Not a connection of the application's pool: this one is never given back.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(timeout)
            .connect_lazy_with(options);
        let connected = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            // A lost connection is told, not made again in silence: something may have been said meanwhile.
            listener.eager_reconnect(false);
            listener.listen(channel).await?;
            Ok(PostgresListener { listener, timeout })
        };
        in_time(timeout, connected).await
    }
}

async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, PostgresStoreError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(PostgresStoreError::new(PostgresStoreErrorKind::TimedOut)),
    }
}

impl Listener for PostgresListener {
    type Error = PostgresStoreError;

    async fn next(&mut self) -> Result<Notice, PostgresStoreError> {
        loop {
            match tokio::time::timeout(SILENCE, self.listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    return Ok(Notice::from_text(notification.payload()));
                }
                Ok(Ok(None)) => {
                    return Err(PostgresStoreError::new(
                        PostgresStoreErrorKind::NoConnection,
                    ));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    let ping = sqlx::query("SELECT 1").execute(&mut self.listener);
                    in_time(self.timeout, ping).await?;
                }
            }
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options: they hold the password.
        f.write_str(match self {
            Self::Pool(_) => "Pool",
            Self::At(_) => "At",
        })
    }
}
