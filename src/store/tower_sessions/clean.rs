//! Deletes the records of what ended. Nothing depends on it: what ended is not loaded, whether its record is there or not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{BackchannelSessionStore, Records, Version, record_id};
use crate::session::{SessionRegistry, Terminated};

/// How long a logout waits for the records to be deleted. The rest is done after its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many deletions are under way at a time.
const AT_A_TIME: usize = 16;

/// How many records that could not be deleted are remembered. Those beyond are deleted when they are asked for, or expire.
const MAX_LEFTOVERS: usize = 4096;

/// Records that could not be deleted; tried again with the next logout.
pub(super) struct Leftovers<Id>(Mutex<Vec<Id>>);

impl<Id> Default for Leftovers<Id> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Id> Leftovers<Id> {
    fn list(&self) -> MutexGuard<'_, Vec<Id>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, id: Id) {
        let mut list = self.list();
        if list.len() < MAX_LEFTOVERS {
            list.push(id);
        }
    }

    pub(super) fn take(&self) -> Vec<Id> {
        std::mem::take(&mut *self.list())
    }
}

impl<S, R, V> BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    /// Deletes one record of a session that is not live.
    pub(super) async fn discard(&self, id: V::Id) {
        if !self.try_discard(id).await {
            tracing::warn!(
                reason = "record_left",
                "record of an ended session not deleted"
            );
        }
    }

    async fn try_discard(&self, id: V::Id) -> bool {
        let deleted = self.inner().delete_record(&id).await;
        if deleted.is_err() {
            self.shared.leftovers.put(id);
        }
        deleted.is_ok()
    }

    /// Deletes the records of what a logout ended, and those that were left before.
    pub(super) async fn clean(&self, terminated: &Terminated) {
        let ended = terminated.sessions.iter();
        let mut ids: VecDeque<V::Id> = ended
            .filter_map(|ended| record_id::<V>(&ended.id))
            .collect();
        ids.extend(self.shared.leftovers.take());
        if ids.is_empty() {
            return;
        }
        // A task of its own: it goes on when the logout is answered, or dropped.
        let cleaning = tokio::spawn(self.clone().clean_all(ids));
        if timeout(PATIENCE, cleaning).await.is_err() {
            tracing::debug!("records of ended sessions are deleted in the background");
        }
    }

    async fn clean_all(self, ids: VecDeque<V::Id>) {
        let workers = AT_A_TIME.min(ids.len());
        let ids = Arc::new(Mutex::new(ids));
        let mut at_work = JoinSet::new();
        for _ in 0..workers {
            let (store, ids) = (self.clone(), Arc::clone(&ids));
            at_work.spawn(async move {
                let mut left = 0_usize;
                let next = || {
                    ids.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front()
                };
                while let Some(id) = next() {
                    left = left.saturating_add(usize::from(!store.try_discard(id).await));
                }
                left
            });
        }
        let mut left = 0_usize;
        while let Some(worker) = at_work.join_next().await {
            left = left.saturating_add(worker.unwrap_or_default());
        }
        if left > 0 {
            tracing::warn!(
                reason = "record_left",
                records = left,
                "records of ended sessions not deleted"
            );
        }
    }
}
