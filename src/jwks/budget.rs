//! How many attempts are allowed: a burst, then one per cooldown (spec BCL-75).

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket. Whoever asks for an attempt, for whatever reason, and whether it succeeds or not, pays one.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    burst: u32,
    cooldown: Duration,
    counted_until: Instant,
}

impl Budget {
    pub(super) fn new(burst: u32, cooldown: Duration, now: Instant) -> Self {
        Self {
            left: burst,
            burst,
            cooldown,
            counted_until: now,
        }
    }

    /// Takes one attempt, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn refill(&mut self, now: Instant) {
        while self.left < self.burst {
            let Some(next) = self.counted_until.checked_add(self.cooldown) else {
                return;
            };
            if next > now {
                return;
            }
            self.left = self.left.saturating_add(1);
            self.counted_until = next;
        }
        // Full: the next cooldown begins with the next attempt.
        self.counted_until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_of_three_then_one_per_cooldown() {
        // BCL-75
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut budget = Budget::new(3, Duration::from_secs(30), start);
        assert!(budget.take(at(100)));
        assert!(budget.take(at(100)));
        assert!(budget.take(at(101)));
        assert!(!budget.take(at(129)));
        assert!(budget.take(at(130)));
        assert!(!budget.take(at(130)));
        assert!(!budget.take(at(159)));
        assert!(budget.take(at(160)));
    }

    #[tokio::test]
    async fn a_long_pause_never_saves_up_more_than_the_burst() {
        // BCL-75
        let start = Instant::now();
        let mut budget = Budget::new(3, Duration::from_secs(30), start);
        for _ in 0..3 {
            assert!(budget.take(start));
        }
        let later = start + Duration::from_secs(86_400);
        for _ in 0..3 {
            assert!(budget.take(later));
        }
        assert!(!budget.take(later));
    }
}
