//! Wakes whoever waits for the end of a session: live connections, one entry a key, created by the first that waits and gone
//! with the last.
//!
//! A wake-up is only a hint to look again. Whoever waits subscribes first and looks second, so no end is missed; whoever ends a
//! session changes its state first and wakes second.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

const SHARDS: usize = 16;

/// The waiting connections of one store, by a key the store chooses. Equal keys of two sessions cost a needless look, no more.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    shards: [Mutex<HashMap<u64, Entry>>; SHARDS],
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    notify: Arc<Notify>,
    waiting: usize,
}

impl Hub {
    /// Begins to wait for a key. It counts from this call on, not from the first poll.
    pub(crate) fn watch(self: &Arc<Self>, key: u64) -> Watch {
        let mut shard = self.shard(key);
        let entry = shard.entry(key).or_insert_with(|| Entry {
            notify: Arc::new(Notify::new()),
            waiting: 0,
        });
        entry.waiting = entry.waiting.saturating_add(1);
        let notify = Arc::clone(&entry.notify);
        drop(shard);
        let next = armed(&notify);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // Pairs with the fence in `wake`: what the caller looks at next is read after the count is visible.
        fence(Ordering::SeqCst);
        Watch {
            hub: Arc::clone(self),
            key,
            notify,
            next,
        }
    }

    /// Wakes everybody who waits for this key.
    pub(crate) fn wake(&self, key: u64) {
        // The common case: nobody holds a connection open. The increment happens before the waiter looks at the state, and
        // this load after the state was changed, both sequentially consistent: one of the two sees the other.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let notify = self
            .shard(key)
            .get(&key)
            .map(|entry| Arc::clone(&entry.notify));
        if let Some(notify) = notify {
            notify.notify_waiters();
        }
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        for shard in &self.shards {
            let all: Vec<_> = shard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .map(|entry| Arc::clone(&entry.notify))
                .collect();
            for notify in all {
                notify.notify_waiters();
            }
        }
    }

    /// How many wait.
    #[cfg(any(test, feature = "redis", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder of a division by the length"
    )]
    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, Entry>> {
        let index = usize::try_from(key % SHARDS as u64).unwrap_or_default();
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the hub; dropping it gives the place up.
#[derive(Debug)]
pub(crate) struct Watch {
    hub: Arc<Hub>,
    key: u64,
    notify: Arc<Notify>,
    next: Pin<Box<OwnedNotified>>,
}

impl Watch {
    /// Resolves with the first wake-up since the watch began or since this resolved last.
    ///
    /// # Cancel safety
    ///
    /// A wake-up that comes while the future is not polled, or dropped, is answered by the next one.
    pub(crate) fn woken(&mut self) -> impl Future<Output = ()> + Send + '_ {
        std::future::poll_fn(|cx| {
            let woken = self.next.as_mut().poll(cx);
            if woken.is_ready() {
                self.next = armed(&self.notify);
            }
            woken
        })
    }
}

fn armed(notify: &Arc<Notify>) -> Pin<Box<OwnedNotified>> {
    let mut next = Box::pin(Arc::clone(notify).notified_owned());
    next.as_mut().enable();
    next
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut shard = self.hub.shard(self.key);
        if let Some(entry) = shard.get_mut(&self.key) {
            entry.waiting = entry.waiting.saturating_sub(1);
            if entry.waiting == 0 {
                shard.remove(&self.key);
            }
        }
        drop(shard);
        self.hub.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_up_before_the_first_poll_is_not_missed() {
        let hub = Arc::new(Hub::default());
        let mut watch = hub.watch(7);
        hub.wake(7);
        watch.woken().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_of_another_key_wakes_nobody() {
        let hub = Arc::new(Hub::default());
        let mut watch = hub.watch(7);
        hub.wake(7 + SHARDS as u64);
        let woken = tokio::time::timeout(std::time::Duration::from_secs(9), watch.woken()).await;
        assert!(woken.is_err());
    }

    #[tokio::test]
    async fn nothing_is_left_when_the_last_watch_is_dropped() {
        let hub = Arc::new(Hub::default());
        let one = hub.watch(7);
        let mut two = hub.watch(7);
        drop(one);
        assert_eq!(hub.waiting(), 1);
        hub.wake_all();
        two.woken().await;
        drop(two);
        assert_eq!(hub.waiting(), 0);
        assert!(
            hub.shards
                .iter()
                .all(|shard| shard.lock().unwrap().is_empty())
        );
    }
}
