//! The channel of notices, on a connection of its own.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, RedisError};

use super::error::{RedisStoreError, RedisStoreErrorKind};
use crate::store::remote::{Listener, Notice};

/// How long the channel may be silent before the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// Where one can listen: one server, or any node of a cluster, since every node passes every notice on.
pub(super) struct Ear {
    clients: Vec<Client>,
    next: AtomicUsize,
    timeout: Duration,
}

pub(crate) struct RedisListener {
    sink: PubSubSink,
    stream: PubSubStream,
    timeout: Duration,
}

impl Ear {
    pub(super) const fn new(clients: Vec<Client>, timeout: Duration) -> Self {
        Self {
            clients,
            next: AtomicUsize::new(0),
            timeout,
        }
    }

    /// Another node with each call, so that one that is down is passed over.
    pub(super) async fn listen(&self, prefix: &str) -> Result<RedisListener, RedisStoreError> {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        let client = nth.checked_rem(self.clients.len());
        let Some(client) = client.and_then(|nth| self.clients.get(nth)) else {
            return Err(RedisStoreError::new(RedisStoreErrorKind::Unreachable));
        };
        let connected = async {
            let (mut sink, stream) = client.get_async_pubsub().await?.split();
            sink.subscribe(format!("{prefix}news")).await?;
            Ok(RedisListener {
                sink,
                stream,
                timeout: self.timeout,
            })
        };
        in_time(self.timeout, connected).await
    }
}

async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisStoreError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(RedisStoreError::new(RedisStoreErrorKind::TimedOut)),
    }
}

impl Listener for RedisListener {
    type Error = RedisStoreError;

    async fn next(&mut self) -> Result<Notice, RedisStoreError> {
        loop {
            match tokio::time::timeout(SILENCE, self.stream.next()).await {
                Ok(Some(message)) => {
                    return Ok(Notice::from_text(&String::from_utf8_lossy(
                        message.get_payload_bytes(),
                    )));
                }
                Ok(None) => return Err(RedisStoreError::new(RedisStoreErrorKind::Unreachable)),
                Err(_) => in_time(self.timeout, self.sink.ping::<redis::Value>()).await?,
            };
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").finish_non_exhaustive()
    }
}
