//! Which key ids the newest set does not have (spec BCL-75): a bounded negative cache.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;
use tokio::time::Instant;

/// How many ids are remembered; the oldest is forgotten for the next one.
const CAPACITY: usize = 1024;

/// How long an id is remembered at most. A set may stay fresh for a day; a key that the OP published a moment after its
/// first token was sent must not stay unknown as long as that.
const KEPT: Duration = Duration::from_secs(600);

/// Fingerprints of key ids, so that one of 100 kB costs eight bytes too. The hasher is seeded at random: a sender cannot
/// make two ids collide, and a collision would only cost one refresh.
#[derive(Debug, Default)]
pub(super) struct Absent {
    hasher: RandomState,
    since: HashMap<u64, Instant, RandomState>,
    order: VecDeque<u64>,
}

impl Absent {
    pub(super) fn contains(&self, kid: Option<&str>, now: Instant) -> bool {
        self.since
            .get(&self.hasher.hash_one(kid))
            .is_some_and(|since| now.saturating_duration_since(*since) < KEPT)
    }

    pub(super) fn insert(&mut self, kid: Option<&str>, now: Instant) {
        let fingerprint = self.hasher.hash_one(kid);
        if self.since.insert(fingerprint, now).is_some() {
            return;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.since.remove(&oldest);
        }
    }

    pub(super) fn clear(&mut self) {
        self.since.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_million_key_ids_are_remembered_in_bounded_memory() {
        // BCL-75
        let now = Instant::now();
        let mut absent = Absent::default();
        for number in 0..1_000_000 {
            absent.insert(Some(&number.to_string()), now);
        }
        assert_eq!(absent.order.len(), CAPACITY);
        assert_eq!(absent.since.len(), CAPACITY);
        assert!(absent.contains(Some("999999"), now));
        assert!(!absent.contains(Some("0"), now));
    }

    #[tokio::test]
    async fn a_key_id_is_forgotten_after_ten_minutes() {
        // BCL-75
        let now = Instant::now();
        let mut absent = Absent::default();
        absent.insert(Some("k"), now);
        assert!(absent.contains(Some("k"), now + Duration::from_secs(599)));
        assert!(!absent.contains(Some("k"), now + Duration::from_secs(600)));
        assert!(!absent.contains(None, now));
    }
}
