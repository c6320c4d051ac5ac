//! Growing pauses between attempts, each somewhere in its second half, so that a thousand nodes do not come back in one moment.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The pause before the next attempt. Each is up to twice as long as the one before.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = pause.saturating_mul(2).min(self.longest);
        let half = pause / 2;
        half.saturating_add(part_of(half))
    }

    pub(super) const fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A random part of a duration. Nothing depends on its being hard to guess.
fn part_of(whole: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() >> 32;
    let part = (u128::from(random) * whole.as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        for most in [100, 200, 350, 350] {
            let most = Duration::from_millis(most);
            let pause = backoff.pause();
            assert!(pause >= most / 2 && pause <= most, "{pause:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }

    #[test]
    fn pauses_differ() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        let first = backoff.pause();
        assert!((0..8).any(|_| backoff.pause() != first));
    }
}
