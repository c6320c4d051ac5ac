//! The last notices that were applied here: whether one came between two moments that concerns certain names.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Notice, Tag};

/// How many tags are remembered. Whoever looks further back is told that something came.
const KEPT: usize = 1024;

/// A place in the order of applied notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    applied: u64,
    tags: VecDeque<(u64, Tag)>,
    /// Of this notice and of all before it, tags may be gone. A notice for everybody counts as one.
    forgotten: u64,
}

impl Recent {
    /// Now, for a later [`concerns`](Self::concerns).
    pub(super) fn moment(&self) -> Moment {
        Moment(self.ring().applied)
    }

    pub(super) fn push(&self, notice: &Notice) -> Moment {
        let mut ring = self.ring();
        ring.applied = ring.applied.saturating_add(1);
        let applied = ring.applied;
        for tag in &notice.tags {
            if ring.tags.len() >= KEPT
                && let Some((oldest, _)) = ring.tags.pop_front()
            {
                ring.forgotten = oldest;
            }
            ring.tags.push_back((applied, *tag));
        }
        Moment(applied)
    }

    /// Anything may have changed.
    pub(super) fn push_all(&self) {
        let mut ring = self.ring();
        ring.applied = ring.applied.saturating_add(1);
        ring.forgotten = ring.applied;
        ring.tags.clear();
    }

    /// Whether a notice for one of these tags came after that moment; the one of `own` does not count.
    pub(super) fn concerns(&self, tags: &[Tag], after: Moment, own: Option<Moment>) -> bool {
        let ring = self.ring();
        ring.forgotten > after.0
            || ring
                .tags
                .iter()
                .rev()
                .take_while(|(applied, _)| *applied > after.0)
                .any(|(applied, tag)| own != Some(Moment(*applied)) && tags.contains(tag))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SessionId;

    fn notice(id: &str) -> Notice {
        Notice::of_id(&SessionId::parse(id).unwrap())
    }

    #[test]
    fn only_later_notices_for_the_same_names_count() {
        let recent = Recent::default();
        let (a, b) = (notice("a"), notice("b"));
        recent.push(&a);
        let before = recent.moment();
        assert!(!recent.concerns(&a.tags, before, None));
        recent.push(&b);
        assert!(!recent.concerns(&a.tags, before, None));
        let own = recent.push(&a);
        assert!(recent.concerns(&a.tags, before, None));
        assert!(!recent.concerns(&a.tags, before, Some(own)));
        assert!(!recent.concerns(&a.tags, recent.moment(), None));
    }

    #[test]
    fn a_notice_for_everybody_counts_for_everybody() {
        let recent = Recent::default();
        let before = recent.moment();
        recent.push_all();
        assert!(recent.concerns(&notice("a").tags, before, None));
        assert!(!recent.concerns(&notice("a").tags, recent.moment(), None));
    }

    #[test]
    fn what_is_too_long_ago_to_know_counts() {
        let recent = Recent::default();
        let before = recent.moment();
        for _ in 0..KEPT {
            recent.push(&notice("b"));
        }
        assert!(!recent.concerns(&notice("a").tags, before, None));
        recent.push(&notice("b"));
        assert!(recent.concerns(&notice("a").tags, before, None));
    }
}
