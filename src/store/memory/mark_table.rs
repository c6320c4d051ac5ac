//! The marks, bounded: at the bound they are folded into coarser ones, never dropped.
//!
//! 1. Marks that can refuse nothing any more go.
//! 2. The `sid` marks of one subject become one mark of that subject. Only when the subject is known from a session that was
//!    registered with this `sid`: the `sub` of a Logout Token may be of another form than that of the ID Tokens (spec BCL-142).
//! 3. The marks with the earliest cut-offs become the mark of the whole scope: every session with an ID Token that old is refused.
//!
//! A coarser mark is written before the finer ones go, and readers look at the finer ones first
//! ([`keys_of_session`](crate::session::marks::keys_of_session)), so a fold has no gap.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hashbrown::HashTable;

use super::prints::{Padded, SHARDS, shard_of};
use super::step;
use crate::clock::UnixTime;
use crate::print::Print;
use crate::session::cell::Scope;
use crate::session::marks::Mark;

const SWEEP: usize = 4;

#[derive(Debug)]
pub(super) struct MarkTable {
    shards: Box<[Padded<RwLock<Shard>>]>,
    /// The marks of whole scopes: as many as there are scopes, at most.
    wide: RwLock<Vec<(Arc<Scope>, Mark)>>,
    /// Marks of both kinds; zero answers most questions.
    any: AtomicUsize,
    fine: AtomicUsize,
    folded: AtomicU64,
    folding: Mutex<()>,
    max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    table: HashTable<Entry>,
    cursor: usize,
}

/// The print of the subject's own mark, for a mark that may be folded into it.
pub(super) type KnownSubject = Option<Print>;

/// Not known: one of 2^128, as good as never.
const UNKNOWN: Print = [0; 2];

/// More than one: the mark is not folded into that of a subject, or it would refuse less.
const SEVERAL: Print = [u64::MAX; 2];

#[derive(Clone, Debug)]
struct Entry {
    print: Print,
    subject: Print,
    scope: Arc<Scope>,
    mark: Mark,
}

const fn hash(entry: &Entry) -> u64 {
    let [hash, _] = entry.print;
    hash
}

impl MarkTable {
    pub(super) fn new(max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Padded::default()).collect(),
            wide: RwLock::default(),
            any: AtomicUsize::new(0),
            fine: AtomicUsize::new(0),
            folded: AtomicU64::new(0),
            folding: Mutex::default(),
            max,
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder of a division by the length"
    )]
    fn shard(&self, print: Print) -> &RwLock<Shard> {
        let [_, other] = print;
        &self.shards[shard_of(other)].0
    }

    /// Whether there is no mark at all.
    pub(super) fn is_empty(&self) -> bool {
        self.any.load(Ordering::SeqCst) == 0
    }

    /// How many marks there are, those of whole scopes left aside.
    pub(super) fn len(&self) -> usize {
        self.fine.load(Ordering::SeqCst)
    }

    /// How many marks were folded so far.
    pub(super) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, print: Print) -> Option<Mark> {
        let [hash, _] = print;
        let shard = self
            .shard(print)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        shard
            .table
            .find(hash, |entry| entry.print == print)
            .map(|entry| entry.mark)
    }

    pub(super) fn find_wide(&self, scope: &Arc<Scope>) -> Option<Mark> {
        let wide = self.wide.read().unwrap_or_else(PoisonError::into_inner);
        wide.iter()
            .find(|(other, _)| Arc::ptr_eq(scope, other))
            .map(|(_, mark)| *mark)
    }

    /// Writes a mark, merged with the one that is there. `true` when marks had to be folded for it.
    pub(super) fn put(
        &self,
        print: Print,
        subject: KnownSubject,
        scope: &Arc<Scope>,
        mark: Mark,
        now: UnixTime,
    ) -> bool {
        self.put_unbounded(print, subject, scope, mark, now);
        self.len() > self.max && self.fold(now)
    }

    fn put_unbounded(
        &self,
        print: Print,
        subject: KnownSubject,
        scope: &Arc<Scope>,
        mark: Mark,
        now: UnixTime,
    ) {
        let [hash_, _] = print;
        let mut shard = self
            .shard(print)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.count_out(shard.sweep(now, SWEEP));
        if let Some(entry) = shard.table.find_mut(hash_, |entry| entry.print == print) {
            if entry.mark.expires_at <= now {
                (entry.mark, entry.subject) = (mark, subject.unwrap_or(UNKNOWN));
            } else {
                entry.mark = entry.mark.merge(mark);
            }
            return;
        }
        // Counted before it can be found: whoever counts none may rely on it.
        self.any.fetch_add(1, Ordering::SeqCst);
        self.fine.fetch_add(1, Ordering::SeqCst);
        let entry = Entry {
            print,
            subject: subject.unwrap_or(UNKNOWN),
            scope: Arc::clone(scope),
            mark,
        };
        shard.table.insert_unique(hash_, entry, hash);
    }

    /// Notes whose sessions a `sid` mark is about; `None` when they are not all of one subject.
    pub(super) fn learn_subject(&self, print: Print, subject: KnownSubject) {
        let [hash, _] = print;
        let mut shard = self
            .shard(print)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.table.find_mut(hash, |entry| entry.print == print) {
            entry.subject = match subject {
                Some(subject) if [UNKNOWN, subject].contains(&entry.subject) => subject,
                _ => SEVERAL,
            };
        }
    }

    /// Writes a mark of a whole scope.
    pub(super) fn put_wide(&self, scope: &Arc<Scope>, mark: Mark, now: UnixTime) {
        let mut wide = self.wide.write().unwrap_or_else(PoisonError::into_inner);
        let before = wide.len();
        wide.retain(|(_, mark)| mark.expires_at > now);
        let over = before.saturating_sub(wide.len());
        self.any.fetch_sub(over, Ordering::SeqCst);
        if let Some((_, old)) = wide.iter_mut().find(|(other, _)| Arc::ptr_eq(scope, other)) {
            *old = old.merge(mark);
        } else {
            self.any.fetch_add(1, Ordering::SeqCst);
            wide.push((Arc::clone(scope), mark));
        }
    }

    fn count_out(&self, gone: usize) {
        self.any.fetch_sub(gone, Ordering::SeqCst);
        self.fine.fetch_sub(gone, Ordering::SeqCst);
    }

    /// Makes room down to three quarters, so that the work is done once for many marks. `true` when something was folded.
    fn fold(&self, now: UnixTime) -> bool {
        let _one_at_a_time = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        if self.len() <= self.max {
            return false;
        }
        for shard in &self.shards {
            let mut shard = shard.0.write().unwrap_or_else(PoisonError::into_inner);
            let places = shard.table.num_buckets();
            self.count_out(shard.sweep(now, places));
        }
        let goal = self.max.saturating_sub(self.max / 4);
        if self.len() <= goal {
            return false;
        }
        let before = self.len();
        self.fold_into_subjects(now);
        let excess = self.len().saturating_sub(goal);
        self.fold_into_scopes(excess, now);
        let folded = before.saturating_sub(self.len());
        self.folded
            .fetch_add(u64::try_from(folded).unwrap_or(u64::MAX), Ordering::Relaxed);
        tracing::warn!(
            folded,
            max_marks = self.max,
            "too many logout marks: some were folded into coarser ones, which may refuse more logins than they should"
        );
        true
    }

    fn fold_into_subjects(&self, now: UnixTime) {
        let mut known = self.entries(|entry| ![UNKNOWN, SEVERAL].contains(&entry.subject));
        known.sort_unstable_by_key(|entry| entry.subject);
        for group in known.chunk_by(|one, other| one.subject == other.subject) {
            let [first, _, ..] = group else { continue };
            let marks = group.iter().map(|entry| entry.mark);
            let merged = marks.fold(first.mark, Mark::merge);
            self.put_unbounded(first.subject, None, &first.scope, merged, now);
            step("fold: subject written");
            group
                .iter()
                .for_each(|entry| self.remove_covered(entry, merged));
        }
    }

    fn fold_into_scopes(&self, excess: usize, now: UnixTime) {
        let Some(last) = excess.checked_sub(1) else {
            return;
        };
        let mut all = self.entries(|_| true);
        if last < all.len() {
            all.select_nth_unstable_by_key(last, |entry| entry.mark.cut_off);
        }
        for entry in all.iter().take(excess) {
            self.put_wide(&entry.scope, entry.mark, now);
            step("fold: scope written");
            self.remove_covered(entry, entry.mark);
        }
    }

    fn entries(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut entries = Vec::new();
        for shard in &self.shards {
            let shard = shard.0.read().unwrap_or_else(PoisonError::into_inner);
            entries.extend(shard.table.iter().filter(|entry| wanted(entry)).cloned());
        }
        entries
    }

    /// Takes a mark out, unless it has grown since beyond the coarser one.
    fn remove_covered(&self, entry: &Entry, by: Mark) {
        let [hash, _] = entry.print;
        let mut shard = self
            .shard(entry.print)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = shard
            .table
            .find_entry(hash, |other| other.print == entry.print)
        {
            let mark = found.get().mark;
            if mark.cut_off <= by.cut_off && mark.expires_at <= by.expires_at {
                found.remove();
                self.count_out(1);
            }
        }
    }
}

impl Shard {
    fn sweep(&mut self, now: UnixTime, places: usize) -> usize {
        let all = self.table.num_buckets();
        let mut gone: usize = 0;
        for _ in 0..places.min(all) {
            self.cursor = if self.cursor.saturating_add(1) < all {
                self.cursor.saturating_add(1)
            } else {
                0
            };
            if let Ok(entry) = self.table.get_bucket_entry(self.cursor)
                && entry.get().mark.expires_at <= now
            {
                entry.remove();
                gone = gone.saturating_add(1);
            }
        }
        gone
    }
}
