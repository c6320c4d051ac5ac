//! Finds sessions by `sub` or by `sid`: sets, not slots.

use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashTable;

use super::prints::{Padded, SHARDS, shard_of};
use crate::session::cell::SessionCell;

/// An index from a tag to the sessions that carry it. Holds one pointer for the many names with one session.
#[derive(Debug)]
pub(super) struct Names {
    /// Which of a session's two tags this index is about.
    which: Which,
    shards: Box<[Padded<RwLock<HashTable<Entry>>>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Subject,
    Sid,
}

#[derive(Debug)]
enum Entry {
    One(Arc<SessionCell>),
    Many(Box<Group>),
}

#[derive(Debug)]
struct Group {
    tag: u64,
    cells: HashTable<Arc<SessionCell>>,
}

/// Addresses differ in the middle bits; spread them over all.
fn address(cell: &Arc<SessionCell>) -> u64 {
    (Arc::as_ptr(cell).addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Which {
    const fn tag(self, cell: &SessionCell) -> u64 {
        let [subject, sid] = cell.tags;
        match self {
            Self::Subject => subject,
            Self::Sid => sid,
        }
    }
}

impl Entry {
    fn tag(&self, which: Which) -> u64 {
        match self {
            Self::One(cell) => which.tag(cell),
            Self::Many(group) => group.tag,
        }
    }
}

impl Names {
    pub(super) fn new(which: Which) -> Self {
        Self {
            which,
            shards: (0..SHARDS).map(|_| Padded::default()).collect(),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder of a division by the length"
    )]
    fn shard(&self, tag: u64) -> &RwLock<HashTable<Entry>> {
        &self.shards[shard_of(tag)].0
    }

    pub(super) fn insert(&self, cell: &Arc<SessionCell>) {
        let which = self.which;
        let tag = which.tag(cell);
        let mut shard = self
            .shard(tag)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = shard.find_mut(tag, |entry| entry.tag(which) == tag) else {
            shard.insert_unique(tag, Entry::One(Arc::clone(cell)), |entry| entry.tag(which));
            return;
        };
        match entry {
            Entry::One(first) => {
                let mut cells = HashTable::with_capacity(2);
                cells.insert_unique(address(first), Arc::clone(first), address);
                cells.insert_unique(address(cell), Arc::clone(cell), address);
                *entry = Entry::Many(Box::new(Group { tag, cells }));
            }
            Entry::Many(group) => {
                group
                    .cells
                    .insert_unique(address(cell), Arc::clone(cell), address);
            }
        }
    }

    /// Takes one session out, if it is there.
    pub(super) fn remove(&self, cell: &Arc<SessionCell>) {
        let same = |other: &Arc<SessionCell>| Arc::ptr_eq(cell, other);
        self.edit(self.which.tag(cell), |entry| match entry {
            Entry::One(only) => same(only),
            Entry::Many(group) => {
                if let Ok(found) = group.cells.find_entry(address(cell), same) {
                    found.remove();
                }
                group.cells.is_empty()
            }
        });
    }

    /// Takes the forgotten sessions of one tag out.
    pub(super) fn remove_forgotten(&self, tag: u64) {
        self.edit(tag, |entry| match entry {
            Entry::One(only) => only.is_forgotten(),
            Entry::Many(group) => {
                group.cells.retain(|cell| !cell.is_forgotten());
                let (used, room) = (group.cells.len(), group.cells.capacity());
                if used.saturating_mul(4) < room {
                    group.cells.shrink_to(used, address);
                }
                group.cells.is_empty()
            }
        });
    }

    /// Changes the entry of a tag, and drops it when told that nothing is left.
    fn edit(&self, tag: u64, change: impl FnOnce(&mut Entry) -> bool) {
        let which = self.which;
        let mut shard = self
            .shard(tag)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Ok(mut found) = shard.find_entry(tag, |entry| entry.tag(which) == tag)
            && change(found.get_mut())
        {
            found.remove();
        }
    }

    /// Adds every session of this tag that is wanted.
    pub(super) fn collect(
        &self,
        tag: u64,
        into: &mut Vec<Arc<SessionCell>>,
        wanted: impl Fn(&SessionCell) -> bool,
    ) {
        let shard = self
            .shard(tag)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match shard.find(tag, |entry| entry.tag(self.which) == tag) {
            None => {}
            Some(Entry::One(cell)) => into.extend(wanted(cell).then(|| Arc::clone(cell))),
            Some(Entry::Many(group)) => {
                into.extend(group.cells.iter().filter(|cell| wanted(cell)).cloned());
            }
        }
    }

    /// How many sessions it can find.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .flat_map(|shard| {
                let shard = shard.0.read().unwrap();
                shard
                    .iter()
                    .map(|entry| match entry {
                        Entry::One(_) => 1,
                        Entry::Many(group) => group.cells.len(),
                    })
                    .collect::<Vec<_>>()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, client_id, id, identity, issuer};
    use super::*;
    use crate::session::cell::Scope;

    #[test]
    fn names_that_share_a_tag_are_told_apart() {
        // One in 2^64, made here: a collision must neither end somebody else's session nor hide one.
        let scope = Arc::new(Scope {
            issuer: issuer(),
            client_id: client_id(),
        });
        let cells: Vec<_> = ["alice", "bob", "alice", "carol"]
            .into_iter()
            .map(|subject| {
                let identity = identity(subject, Some(subject), 0);
                let cell =
                    SessionCell::new(Arc::clone(&scope), &id(subject), &identity, at(60), [7, 7]);
                Arc::new(cell)
            })
            .collect();
        for which in [Which::Subject, Which::Sid] {
            let names = Names::new(which);
            let find = |wanted: &str| {
                let mut found = Vec::new();
                names.collect(7, &mut found, |cell| cell.subject() == wanted);
                found.len()
            };
            cells.iter().for_each(|cell| names.insert(cell));
            assert_eq!((find("alice"), find("bob"), find("carol")), (2, 1, 1));
            names.remove(&cells[0]);
            names.remove(&cells[1]);
            assert_eq!((find("alice"), find("bob"), find("carol")), (1, 0, 1));
            names.remove(&cells[2]);
            assert_eq!((find("alice"), find("bob"), find("carol")), (0, 0, 1));
            names.remove(&cells[3]);
            assert_eq!(names.len(), 0);
        }
    }
}
