//! A clock that stands still until a test moves it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// A [`Clock`] that a test sets and moves. Clones share the time.
///
/// There are two kinds: [`new`](Self::new) stands still until it is moved, [`following_tokio`](Self::following_tokio)
/// also moves with the clock of the tokio runtime, so that one `tokio::time::advance` moves timers and token times.
/// Parts of a second add up: advancing twice by half a second is one second.
///
/// ```
/// use std::time::Duration;
/// use tower_backchannel_logout::clock::{Clock, UnixTime};
/// use tower_backchannel_logout::testing::TestClock;
///
/// let clock = TestClock::new(UnixTime::from_secs(1_000));
/// let seen_by_the_code_under_test = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(seen_by_the_code_under_test.now(), UnixTime::from_secs(1_060));
/// ```
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<State>>);

struct State {
    base: UnixTime,
    advanced: Duration,
    /// The tokio instant at which `base` was set, for a clock that follows the runtime.
    origin: Option<Instant>,
}

impl State {
    fn now(&self) -> UnixTime {
        let followed = self
            .origin
            .map_or(Duration::ZERO, |origin| origin.elapsed());
        self.base
            .saturating_add(self.advanced.saturating_add(followed))
    }
}

impl TestClock {
    /// Where a clock stands by [`default`](Self::default): 2026-09-21T13:33:20Z.
    pub const DEFAULT_START: UnixTime = UnixTime::from_secs(1_790_000_000);

    /// A clock that shows this moment until it is moved.
    #[must_use]
    pub fn new(now: UnixTime) -> Self {
        Self::starting(now, None)
    }

    /// A clock that shows this moment and then moves with the tokio clock: with real time in a running runtime, and
    /// with `tokio::time::advance` (or the auto-advance of timers) in a paused one. [`advance`](Self::advance) moves it
    /// further ahead; it never moves the runtime.
    #[must_use]
    pub fn following_tokio(now: UnixTime) -> Self {
        Self::starting(now, Some(Instant::now()))
    }

    fn starting(base: UnixTime, origin: Option<Instant>) -> Self {
        Self(Arc::new(Mutex::new(State {
            base,
            advanced: Duration::ZERO,
            origin,
        })))
    }

    /// Moves this clock and its clones ahead; at the end of time it stops.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.advanced = state.advanced.saturating_add(by);
    }

    /// Sets this clock and its clones, forwards or backwards. One that follows tokio goes on following from there.
    pub fn set(&self, now: UnixTime) {
        let mut state = self.state();
        state.base = now;
        state.advanced = Duration::ZERO;
        state.origin = state.origin.map(|_| Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is a failed test; it must not turn into a second panic here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TestClock {
    /// A clock that stands still at [`DEFAULT_START`](Self::DEFAULT_START).
    fn default() -> Self {
        Self::new(Self::DEFAULT_START)
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        self.state().now()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("TestClock")
            .field("now", &state.now())
            .field("follows_tokio", &state.origin.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn clones_share_the_time() {
        let clock = TestClock::default();
        let clone = clock.clone();
        clock.advance(Duration::from_secs(7));
        assert_eq!(clone.now().as_secs(), 1_790_000_007);
        clone.set(UnixTime::from_secs(-3));
        assert_eq!(clock.now().as_secs(), -3);
    }

    #[test]
    fn parts_of_a_second_add_up() {
        let clock = TestClock::new(UnixTime::from_secs(0));
        clock.advance(HALF);
        assert_eq!(clock.now().as_secs(), 0);
        clock.advance(HALF);
        assert_eq!(clock.now().as_secs(), 1);
    }

    #[test]
    fn the_end_of_time_is_reached_and_not_passed() {
        // BCL-108
        let clock = TestClock::default();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().as_secs(), i64::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_moves_with_the_runtime_and_by_itself() {
        let clock = TestClock::following_tokio(UnixTime::from_secs(100));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.now().as_secs(), 110);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_secs(), 115);
        clock.set(UnixTime::from_secs(50));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now().as_secs(), 51);
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_clock_ignores_the_runtime() {
        let clock = TestClock::new(UnixTime::from_secs(100));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.now().as_secs(), 100);
    }
}
