//! The connection: made when it is first needed, shared by all who ask, and made anew when it is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::ConnectionLike;
use redis::cluster::ClusterClient;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

use super::error::{RedisStoreError, RedisStoreErrorKind, asks_for_another_connection};
use super::script::Script;

/// Where connections come from.
#[derive(Clone)]
pub(super) enum Source {
    Single(Client),
    Cluster(Box<ClusterClient>),
    Given(Arc<dyn Ask>),
}

/// A connection of any type.
pub(super) trait Ask: Send + Sync {
    fn ask<'a>(&self, command: &'a Cmd) -> BoxFuture<'a, Result<Value, RedisError>>;
}

/// A connection that is cloned for each question; its clones share the wire.
struct Cloned<C>(C);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Ask for Cloned<C> {
    fn ask<'a>(&self, command: &'a Cmd) -> BoxFuture<'a, Result<Value, RedisError>> {
        let mut connection = self.0.clone();
        async move { connection.req_packed_command(command).await }.boxed()
    }
}

/// One attempt to connect, shared by all who wait for it.
type Attempt = Shared<BoxFuture<'static, Result<Arc<dyn Ask>, RedisError>>>;

pub(super) struct Link {
    source: Source,
    timeout: Duration,
    current: Mutex<Option<Attempt>>,
}

impl Source {
    pub(super) fn given(connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        Self::Given(Arc::new(Cloned(connection)))
    }

    async fn connect(self, timeout: Duration) -> Result<Arc<dyn Ask>, RedisError> {
        let connected = async move {
            let connection: Arc<dyn Ask> = match self {
                Self::Single(client) => {
                    // The time limit is that of the whole question.
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(None)
                        .set_response_timeout(None);
                    let connected = client.get_multiplexed_async_connection_with_config(&config);
                    Arc::new(Cloned(connected.await?))
                }
                Self::Cluster(client) => Arc::new(Cloned(client.get_async_connection().await?)),
                Self::Given(connection) => connection,
            };
            Ok(connection)
        };
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        let connected = tokio::time::timeout(timeout, connected).await;
        connected.unwrap_or_else(late)
    }
}

impl Link {
    pub(super) const fn new(source: Source, timeout: Duration) -> Self {
        Self {
            source,
            timeout,
            current: Mutex::new(None),
        }
    }

    /// Runs a script within the time limit, connecting included.
    pub(super) async fn run(
        &self,
        script: &Script,
        command: &Cmd,
    ) -> Result<Value, RedisStoreError> {
        let answer = tokio::time::timeout(self.timeout, self.try_twice(script, command)).await;
        answer.unwrap_or_else(|_| {
            // An attempt that is under way may still succeed; a connection that is silent may be dead.
            self.lock().take_if(|attempt| attempt.peek().is_some());
            Err(RedisStoreError::new(RedisStoreErrorKind::TimedOut))
        })
    }

    /// A connection that broke while nobody used it is found out by the next question: that is asked once more. Every script may run
    /// twice.
    async fn try_twice(&self, script: &Script, command: &Cmd) -> Result<Value, RedisStoreError> {
        match self.try_once(script, command).await {
            Err(error) if asks_for_another_connection(&error) && !error.is_timeout() => {
                Ok(self.try_once(script, command).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn try_once(&self, script: &Script, command: &Cmd) -> Result<Value, RedisError> {
        let attempt = self.attempt();
        let connection = attempt.clone().await?;
        let answer = ask(&*connection, script, command).await;
        if answer.as_ref().is_err_and(asks_for_another_connection) {
            self.lock().take_if(|current| current.ptr_eq(&attempt));
        }
        answer
    }

    /// The attempt there is, unless it failed, or a new one. It goes on also when nobody waits for it any more.
    fn attempt(&self) -> Attempt {
        let mut current = self.lock();
        if let Some(attempt) = &*current
            && !matches!(attempt.peek(), Some(Err(_)))
        {
            return attempt.clone();
        }
        let attempt = self.source.clone().connect(self.timeout).boxed().shared();
        if !matches!(self.source, Source::Given(_)) {
            tokio::spawn(attempt.clone());
        }
        *current = Some(attempt.clone());
        attempt
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Attempt>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(connection: &dyn Ask, script: &Script, command: &Cmd) -> Result<Value, RedisError> {
    match connection.ask(command).await.and_then(Value::extract_error) {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => connection
            .ask(&script.in_full(command))
            .await
            .and_then(Value::extract_error),
        answer => answer,
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the addresses: they hold passwords.
        let source = match self.source {
            Source::Single(_) => "one server",
            Source::Cluster(_) => "a cluster",
            Source::Given(_) => "a given connection",
        };
        f.debug_struct("Link")
            .field("source", &source)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
