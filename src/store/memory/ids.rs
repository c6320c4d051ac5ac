//! Finds a session by the RP's own key; also remembers the keys that ended.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;

use super::prints::{Padded, SHARDS, shard_of};
use crate::clock::UnixTime;
use crate::print::Print;
use crate::session::cell::{Retired, SessionCell};
use crate::session::marks::MarkPolicy;
use crate::types::SessionId;

/// How many places a write looks at for what is over. Every entry is met before the table can have doubled.
const SWEEP: usize = 4;

#[derive(Debug)]
pub(super) struct Ids {
    shards: Box<[Padded<RwLock<Shard>>]>,
}

#[derive(Debug, Default)]
struct Shard {
    table: HashTable<Entry>,
    cursor: usize,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    cell: Arc<SessionCell>,
}

/// A session that lost its entry.
pub(super) type Gone = (Arc<SessionCell>, Retired);

/// What [`Ids::publish`] did.
#[derive(Debug)]
pub(super) enum Published {
    /// The session is live. Another one may have lost the id to it.
    Yes(Option<Gone>),
    /// A logout was faster, or the id is dead.
    Refused,
}

fn hash(entry: &Entry) -> u64 {
    let [hash, _] = entry.print;
    hash
}

const fn place(print: Print) -> (u64, usize) {
    let [hash, other] = print;
    (hash, shard_of(other))
}

impl Ids {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Padded::default()).collect(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "every index is the remainder of a division by the length"
    )]
    fn read(&self, index: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[index]
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "every index is the remainder of a division by the length"
    )]
    fn write(&self, index: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[index]
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a session while its id cannot move.
    pub(super) fn with<T>(
        &self,
        print: Print,
        look: impl FnOnce(&Arc<SessionCell>) -> T,
    ) -> Option<T> {
        let (hash, index) = place(print);
        let shard = self.read(index);
        shard
            .table
            .find(hash, |entry| entry.print == print)
            .map(|entry| look(&entry.cell))
    }

    /// The last step of a login: makes the session live and findable, unless it ended meanwhile or the id is dead for it.
    pub(super) fn publish(
        &self,
        print: Print,
        cell: &Arc<SessionCell>,
        now: UnixTime,
        policy: &MarkPolicy,
        swept: &mut Vec<Gone>,
    ) -> Published {
        let (hash, index) = place(print);
        let mut shard = self.write(index);
        shard.sweep(now, SWEEP, swept);
        if let Some(old) = shard.find(hash, print).filter(|old| !old.is_over(now)) {
            let refuses = if old.is_dead() {
                // What a dead id remembers, it remembers from its end on.
                let ended_at = policy.died_at(old.expires_at());
                policy.dead_id_refuses(old.iat(), ended_at, cell.iat())
            } else {
                policy.live_id_refuses(old.iat(), cell.iat())
            };
            if refuses {
                return Published::Refused;
            }
        }
        if !cell.publish() {
            return Published::Refused;
        }
        Published::Yes(shard.put(hash, print, cell))
    }

    /// Moves a live session to another id, in one step: nobody can look at either id meanwhile.
    pub(super) fn rebind(
        &self,
        (old, new): (Print, Print),
        new_id: &SessionId,
        now: UnixTime,
        policy: &MarkPolicy,
        ended: impl FnOnce(&SessionCell) -> bool,
    ) -> Option<Option<Gone>> {
        let ((old_hash, from), (new_hash, to)) = (place(old), place(new));
        // The lower index first, so that two rotations never wait for each other.
        let mut low = self.write(from.min(to));
        let mut high = (from != to).then(|| self.write(from.max(to)));
        let (source, mut target) = match &mut high {
            None => (&mut *low, None),
            Some(high) if from < to => (&mut *low, Some(&mut **high)),
            Some(high) => (&mut **high, Some(&mut *low)),
        };
        let cell = Arc::clone(source.find(old_hash, old)?);
        if ended(&cell) {
            return None;
        }
        if old == new {
            return cell.is_live(now).then_some(None);
        }
        if !cell.rename(now, new_id) {
            return None;
        }
        let until = policy.dead_id_until(cell.iat(), now);
        source.replace(old_hash, old, Arc::new(cell.dead(until)));
        let target = target.as_mut().map_or(source, |target| &mut **target);
        Some(target.put(new_hash, new, &cell))
    }

    /// Takes out what is over, a little at a time.
    pub(super) fn sweep_some(&self, print: Print, now: UnixTime, swept: &mut Vec<Gone>) {
        let (_, index) = place(print);
        self.write(index).sweep(now, SWEEP, swept);
    }

    /// Takes out everything that is over.
    pub(super) fn sweep_all(&self, now: UnixTime, swept: &mut Vec<Gone>) {
        for index in 0..SHARDS {
            let mut shard = self.write(index);
            let places = shard.table.num_buckets();
            shard.sweep(now, places, swept);
        }
    }

    /// Every id that is dead now.
    pub(super) fn dead(&self) -> Vec<(Print, Arc<SessionCell>)> {
        let mut dead = Vec::new();
        for index in 0..SHARDS {
            let shard = self.read(index);
            let entries = shard.table.iter().filter(|entry| entry.cell.is_dead());
            dead.extend(entries.map(|entry| (entry.print, Arc::clone(&entry.cell))));
        }
        dead
    }

    /// Takes out one dead id, if it is still the same.
    pub(super) fn remove_dead(&self, print: Print, cell: &Arc<SessionCell>) -> Option<Gone> {
        let (hash, index) = place(print);
        let mut shard = self.write(index);
        let found = shard
            .table
            .find_entry(hash, |entry| {
                entry.print == print && Arc::ptr_eq(&entry.cell, cell)
            })
            .ok()?;
        found.remove();
        cell.retire(None).map(|retired| (Arc::clone(cell), retired))
    }
}

impl Shard {
    fn find(&self, hash: u64, print: Print) -> Option<&Arc<SessionCell>> {
        self.table
            .find(hash, |entry| entry.print == print)
            .map(|entry| &entry.cell)
    }

    fn replace(&mut self, hash: u64, print: Print, cell: Arc<SessionCell>) {
        if let Some(entry) = self.table.find_mut(hash, |entry| entry.print == print) {
            entry.cell = cell;
        }
    }

    fn put(&mut self, hash_: u64, print: Print, cell: &Arc<SessionCell>) -> Option<Gone> {
        let cell = Arc::clone(cell);
        let Some(entry) = self.table.find_mut(hash_, |entry| entry.print == print) else {
            self.table.insert_unique(hash_, Entry { print, cell }, hash);
            return None;
        };
        let old = std::mem::replace(&mut entry.cell, cell);
        old.retire(None).map(|retired| (old, retired))
    }

    fn sweep(&mut self, now: UnixTime, places: usize, swept: &mut Vec<Gone>) {
        let all = self.table.num_buckets();
        for _ in 0..places.min(all) {
            self.cursor = if self.cursor.saturating_add(1) < all {
                self.cursor.saturating_add(1)
            } else {
                0
            };
            let Ok(entry) = self.table.get_bucket_entry(self.cursor) else {
                continue;
            };
            if entry.get().cell.is_over(now)
                && let Some(retired) = entry.get().cell.retire(Some(now))
            {
                let (gone, _) = entry.remove();
                swept.push((gone.cell, retired));
            }
        }
    }
}
