//! Processed tokens in memory: two generations of keyed 128-bit fingerprints, 36 bytes a token and no sweeper.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashTable;

use super::{ReplayKey, ReplayStore};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::print::{Print, print};

const SHARDS: usize = 16;

/// Shortest time before a generation is turned over for its age alone.
const TURN: Duration = Duration::from_secs(60);

const DEFAULT_CAPACITY: usize = 1_000_000;

/// A [`ReplayStore`] in memory, for one process. Cheap to clone; clones share the table.
///
/// It keeps the newest tokens. At the bound the older half goes, whether or not those tokens are still usable: they would be processed
/// again, which ends nothing that is not over (spec BCL-163).
#[derive(Clone)]
pub struct MemoryReplay(Arc<Inner>);

struct Inner {
    keyed: RandomState,
    shards: [Mutex<Generations>; SHARDS],
    clock: Arc<dyn Clock>,
    half: usize,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    prints: HashTable<Print>,
    began: Option<UnixTime>,
    /// The latest moment at which one of its tokens is usable.
    needed_until: Option<UnixTime>,
}

impl MemoryReplay {
    /// A table of at most 1,000,000 tokens, about 36 bytes each, over the system clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// A table of at most this many tokens; at least 32.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::build(capacity, Arc::new(SystemClock))
    }

    /// Takes the time from this clock. The table starts empty.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self::build(self.0.half.saturating_mul(2 * SHARDS), Arc::new(clock))
    }

    fn build(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            keyed: RandomState::new(),
            shards: Default::default(),
            clock,
            half: (capacity / (2 * SHARDS)).max(1),
        }))
    }

    /// How many tokens it remembers now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard
                    .young
                    .prints
                    .len()
                    .saturating_add(shard.old.prints.len())
            })
            .sum()
    }

    /// Whether it remembers no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn print(&self, key: &ReplayKey<'_>) -> Print {
        let mut hasher = self.0.keyed.build_hasher();
        key.hash(&mut hasher);
        print(hasher)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder of a division by the length"
    )]
    fn shard(&self, print: Print) -> MutexGuard<'_, Generations> {
        let index = usize::try_from(print[1] % SHARDS as u64).unwrap_or_default();
        self.0.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryReplay {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryReplay")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Generation {
    fn has(&self, print: Print) -> bool {
        let [hash, _] = print;
        self.prints.find(hash, |known| *known == print).is_some()
    }

    fn is_needed(&self, now: UnixTime) -> bool {
        self.needed_until.is_some_and(|until| until > now)
    }
}

impl Generations {
    fn remember(&mut self, print: Print, until: UnixTime, now: UnixTime, half: usize) {
        if self.young.has(print) {
            self.young.needed_until = self.young.needed_until.max(Some(until));
            return;
        }
        let aged = !self.old.is_needed(now)
            && self
                .young
                .began
                .is_some_and(|began| now.saturating_duration_since(began) >= TURN);
        if aged || self.young.prints.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.began.get_or_insert(now);
        self.young.needed_until = self.young.needed_until.max(Some(until));
        let [hash, _] = print;
        self.young
            .prints
            .insert_unique(hash, print, |[hash, _]| *hash);
    }
}

impl ReplayStore for MemoryReplay {
    type Error = Infallible;

    async fn seen(&self, key: &ReplayKey<'_>) -> Result<bool, Infallible> {
        let print = self.print(key);
        let shard = self.shard(print);
        Ok(shard.young.has(print) || shard.old.has(print))
    }

    async fn remember(&self, key: &ReplayKey<'_>, until: UnixTime) -> Result<(), Infallible> {
        let print = self.print(key);
        let now = self.0.clock.now();
        self.shard(print).remember(print, until, now, self.0.half);
        Ok(())
    }
}
