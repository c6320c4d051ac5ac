//! What this node may answer by itself: live sessions and identities without a logout, as the store said a moment ago.
//!
//! 1. Only good news is kept: that a session is live, that no mark reaches an identity. Anything else is asked for again.
//! 2. A notice makes void what was known under its tags, without looking for it: each tag has a version, an entry remembers the
//!    versions it was read under, and one that differs is no answer.
//! 3. Nothing is answered unless the log of notices was read within the bound: then nothing that happened before that reading is
//!    missing here.
//! 4. What was read before a notice and comes in after it is not kept, see [`Node::keep`](super::node::Node).
//! 5. It is bounded: two generations, and when the younger is full the older one goes.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use hashbrown::HashTable;
use tokio::time::Instant;

use super::{Notice, Tag};
use crate::clock::UnixTime;
use crate::print::{Print, print};
use crate::session::{Session, SessionIdentity};
use crate::types::{SessionId, Sid};

const SHARDS: usize = 64;

/// How many versions there are. Tags that share one void each other's entries, which costs a question more.
const VERSIONS: usize = 1 << 16;

/// The names an entry is about; one that has fewer repeats one.
pub(super) type Tags = [Tag; 3];

pub(super) struct LocalCopy {
    keyed: RandomState,
    shards: Box<[Padded<RwLock<Generations>>]>,
    /// How many entries one generation of one shard may have.
    half: usize,
    versions: Box<[AtomicU32]>,
    /// Counts the times at which everything became void.
    epoch: AtomicU32,
    staleness: Duration,
    born: Instant,
    /// Nanoseconds from `born` to the last confirmation, and one more; zero before the first.
    confirmed: AtomicU64,
    /// The same by the other clock, which goes on while the machine sleeps.
    confirmed_at: AtomicI64,
}

/// Keeps neighbouring locks out of one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

#[derive(Debug, Default)]
struct Generations {
    young: HashTable<Entry>,
    old: HashTable<Entry>,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    /// `None` for a stateless identity: that it is there says all.
    session: Option<Session>,
    stamp: Stamp,
}

/// The versions of three tags at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    epoch: u32,
    places: [u16; 3],
    versions: [u32; 3],
}

impl LocalCopy {
    pub(super) fn new(max_entries: usize, staleness: Duration) -> Self {
        Self {
            keyed: RandomState::new(),
            shards: (0..SHARDS).map(|_| Padded::default()).collect(),
            half: (max_entries / (2 * SHARDS)).max(1),
            versions: (0..VERSIONS).map(|_| AtomicU32::new(0)).collect(),
            epoch: AtomicU32::new(0),
            staleness,
            born: Instant::now(),
            confirmed: AtomicU64::new(0),
            confirmed_at: AtomicI64::new(i64::MIN),
        }
    }

    /// A live session, if its being live is known well enough.
    pub(super) fn session(&self, id: &SessionId, now: UnixTime) -> Option<Session> {
        let found = self.find(self.print_of_id(id), |entry| entry.session.clone())??;
        (found.expires_at().is_none_or(|end| end > now) && self.is_fresh(now)).then_some(found)
    }

    /// Whether it is known well enough that no mark reaches the identity.
    pub(super) fn is_unmarked(&self, identity: &SessionIdentity, now: UnixTime) -> bool {
        self.find(self.print_of_identity(identity), |_| ())
            .is_some()
            && self.is_fresh(now)
    }

    pub(super) fn keep_session(&self, id: &SessionId, session: Session, stamp: Stamp) {
        self.insert(Entry {
            print: self.print_of_id(id),
            session: Some(session),
            stamp,
        });
    }

    pub(super) fn keep_identity(&self, identity: &SessionIdentity, stamp: Stamp) {
        self.insert(Entry {
            print: self.print_of_identity(identity),
            session: None,
            stamp,
        });
    }

    /// The versions an entry about these names has to be kept with.
    pub(super) fn stamp(&self, tags: &Tags) -> Stamp {
        let places = tags.map(place);
        Stamp {
            epoch: self.epoch.load(Ordering::SeqCst),
            places,
            versions: places.map(|place| self.version(place).load(Ordering::SeqCst)),
        }
    }

    pub(super) fn void(&self, notice: &Notice) {
        for tag in &notice.tags {
            self.version(place(*tag)).fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn void_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Everything that was announced before this moment, by both clocks, has been applied.
    pub(super) fn confirm(&self, moment: Instant, time: UnixTime) {
        let since = moment.saturating_duration_since(self.born).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1);
        self.confirmed_at.store(time.as_secs(), Ordering::Relaxed);
        self.confirmed.store(since, Ordering::Release);
    }

    fn is_fresh(&self, now: UnixTime) -> bool {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        if confirmed == 0 {
            return false;
        }
        let age = self
            .born
            .elapsed()
            .saturating_sub(Duration::from_nanos(confirmed));
        let time = UnixTime::from_secs(self.confirmed_at.load(Ordering::Relaxed));
        // Whole seconds: a difference of one may be a moment.
        let slept = now
            .saturating_duration_since(time)
            .saturating_sub(Duration::from_secs(1));
        age <= self.staleness && slept <= self.staleness
    }

    fn is_current(&self, stamp: &Stamp) -> bool {
        stamp.epoch == self.epoch.load(Ordering::SeqCst)
            && stamp
                .places
                .iter()
                .zip(stamp.versions)
                .all(|(place, known)| self.version(*place).load(Ordering::SeqCst) == known)
    }

    fn find<T>(&self, print: Print, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        let [hash, _] = print;
        let shard = self
            .shard(print)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = [&shard.young, &shard.old]
            .into_iter()
            .find_map(|table| table.find(hash, |entry| entry.print == print))?;
        self.is_current(&entry.stamp).then(|| look(entry))
    }

    fn insert(&self, entry: Entry) {
        let [hash, _] = entry.print;
        let mut shard = self
            .shard(entry.print)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard
            .young
            .find_mut(hash, |known| known.print == entry.print)
        {
            *known = entry;
            return;
        }
        if shard.young.len() >= self.half {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert_unique(hash, entry, |entry| {
            let [hash, _] = entry.print;
            hash
        });
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder of a division by the length"
    )]
    fn shard(&self, [_, other]: Print) -> &RwLock<Generations> {
        let index = usize::try_from(other % SHARDS as u64).unwrap_or_default();
        &self.shards[index].0
    }

    #[expect(clippy::indexing_slicing, reason = "there is a version for each place")]
    fn version(&self, place: u16) -> &AtomicU32 {
        &self.versions[usize::from(place)]
    }

    fn print_of_id(&self, id: &SessionId) -> Print {
        self.print(|hasher| {
            hasher.write_u8(0);
            hasher.write(id.as_str().as_bytes());
        })
    }

    fn print_of_identity(&self, identity: &SessionIdentity) -> Print {
        self.print(|hasher| {
            hasher.write_u8(1);
            let names = [
                identity.issuer().as_str(),
                identity.client_id().as_str(),
                identity.subject().as_str(),
                identity.sid().map_or("", Sid::as_str),
            ];
            for name in names {
                hasher.write_usize(name.len());
                hasher.write(name.as_bytes());
            }
            let iat = identity.id_token_iat();
            hasher.write_u8(u8::from(iat.is_some()));
            hasher.write_i64(iat.map_or(0, UnixTime::as_secs));
        })
    }

    fn print(&self, feed: impl FnOnce(&mut DefaultHasher)) -> Print {
        let mut hasher = self.keyed.build_hasher();
        feed(&mut hasher);
        print(hasher)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let len = |shard: &Padded<RwLock<Generations>>| {
            let shard = shard.0.read().unwrap();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(len).sum()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest bits are wanted"
)]
const fn place(tag: Tag) -> u16 {
    tag.short() as u16
}
