//! What other nodes did comes in here: one task listens to the channel, one reads the log behind it. They run while somebody on this
//! node waits for something, or while there is a local copy to keep right.
//!
//! 1. The channel brings a notice at once, but it loses what is said while it is cut.
//! 2. The log is read every poll interval: one query a node, however many connections it has. So a lost notice is one interval late.
//! 3. Where the log does not reach back, or the store was away, everybody looks again.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::backoff::Backoff;
use super::node::Node;
use super::{Engine, Listener, News};
use crate::clock::Clock;

/// How long one reading of the log may take.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// The longest pause between two readings while the store is away: how late an end may be that the store tells once it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between two attempts to listen: the log makes up for it.
const LONGEST_DEAFNESS: Duration = Duration::from_secs(5);

/// A channel that held this long was a good one: the next attempt need not wait.
const HELD: Duration = Duration::from_secs(10);

/// How long the tasks stay when nobody waits any more: connections come and go.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<Option<Running>>);

/// The tasks; they end with this value.
#[derive(Debug)]
struct Running {
    reader: JoinHandle<()>,
    listener: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reader.abort();
        self.listener.abort();
    }
}

impl<E: Engine> Node<E> {
    /// Sees to it that notices come in, if there is a runtime. Whoever waits is counted in the hub before.
    pub(super) fn keep_fed(node: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut feed = node.feed.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The runtime of the tasks may be gone while this store is used in another one.
        if feed
            .as_ref()
            .is_some_and(|running| !running.reader.is_finished())
        {
            return;
        }
        let again = Arc::new(Notify::new());
        let (weak, engine) = (Arc::downgrade(node), Arc::clone(&node.engine));
        let interval = node.options.poll_interval;
        *feed = Some(Running {
            listener: runtime.spawn(listen(weak.clone(), engine, Arc::clone(&again))),
            reader: runtime.spawn(read(
                weak,
                Arc::clone(&node.engine),
                Arc::clone(&node.clock),
                interval,
                again,
            )),
        });
    }

    fn is_feed_needed(&self) -> bool {
        self.copy.is_some() || self.hub.waiting() > 0
    }

    /// Ends the tasks unless they are needed.
    fn rest_unless_needed(&self) -> bool {
        // Under the lock, so that whoever begins to wait now starts them again.
        let mut feed = self.feed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = self.is_feed_needed();
        if !needed {
            *feed = None;
        }
        !needed
    }

    /// What the log brought.
    fn take_in(&self, news: &News<E::Cursor>, all: bool) {
        if all || news.incomplete {
            self.apply_all();
        }
        for notice in &news.notices {
            self.apply(notice);
        }
    }
}

/// Reads the log of notices, again and again.
async fn read<E: Engine>(
    node: Weak<Node<E>>,
    engine: Arc<E>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    again: Arc<Notify>,
) {
    let mut cursor = None;
    // What happened before the first look at the log is in none of its notices.
    let mut missed = true;
    let mut away = false;
    let mut pauses = Backoff::new(interval.min(LONGEST_PAUSE), LONGEST_PAUSE);
    let mut needed_at = Instant::now();
    loop {
        let (began, time) = (Instant::now(), clock.now());
        let answer = timeout(READ_LIMIT, engine.news(cursor.as_ref())).await;
        // The node goes away under the task at any time.
        let Some(node) = node.upgrade() else { return };
        let next = match answer {
            Ok(Ok(news)) => {
                if away {
                    tracing::info!("the session store answers again");
                }
                node.take_in(&news, missed);
                if let Some(copy) = &node.copy {
                    copy.confirm(began, time);
                }
                cursor = Some(news.cursor);
                (missed, away) = (false, false);
                pauses.reset();
                began + interval
            }
            failed => {
                if let Ok(Err(error)) = &failed {
                    tracing::debug!(error = %error, "the session store does not tell what changed");
                }
                if !away {
                    tracing::warn!(
                        "the session store does not answer: connections learn of logouts on other nodes once it is back"
                    );
                }
                (missed, away) = (true, true);
                Instant::now() + pauses.pause()
            }
        };
        if node.is_feed_needed() {
            needed_at = began;
        }
        if needed_at.elapsed() >= IDLE && node.rest_unless_needed() {
            return;
        }
        drop(node);
        let _ = timeout_at(next, again.notified()).await;
    }
}

/// Listens to the channel, and listens again when it breaks.
async fn listen<E: Engine>(node: Weak<Node<E>>, engine: Arc<E>, again: Arc<Notify>) {
    let mut pauses = Backoff::new(Duration::from_millis(50), LONGEST_DEAFNESS);
    loop {
        let began = Instant::now();
        match engine.listen().await {
            Ok(None) => return,
            Ok(Some(channel)) => {
                // What was said while nobody listened is in the log.
                again.notify_one();
                let error = hear(&node, channel).await;
                tracing::debug!(
                    error = error.map(tracing::field::display),
                    "the channel of the session store broke"
                );
            }
            Err(error) => {
                tracing::debug!(error = %error, "the channel of the session store cannot be opened");
            }
        }
        if began.elapsed() >= HELD {
            pauses.reset();
        }
        tokio::time::sleep(pauses.pause()).await;
    }
}

/// Applies what is heard until the channel breaks.
async fn hear<E: Engine>(node: &Weak<Node<E>>, mut channel: E::Listener) -> Option<E::Error> {
    loop {
        match channel.next().await {
            Ok(notice) => {
                node.upgrade()?.apply(&notice);
            }
            Err(error) => return Some(error),
        }
    }
}
