//! Where "now" comes from: one reading per request, injectable (spec BCL-120).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Whole seconds since 1970-01-01T00:00:00Z, as in `iat` and `exp` (RFC 7519 `NumericDate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime(i64);

impl UnixTime {
    /// A moment given in seconds since the epoch.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// This moment and a duration, in whole seconds; the end of time instead of an overflow.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_seconds(duration)))
    }

    /// This moment less a duration, in whole seconds; the beginning of time instead of an overflow.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_seconds(duration)))
    }

    /// How much later this moment is than another one; zero when it is not later.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(whole_seconds(since)),
            Err(before) => Self(whole_seconds(before.duration()).saturating_neg()),
        }
    }
}

/// A source of the current time. The default is [`SystemClock`]; tests inject their own.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> UnixTime;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixTime {
        (**self).now()
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        SystemTime::now().into()
    }
}

/// A moment of tokio's clock and a duration. One that is too long to be added, such as [`Duration::MAX`] for "no limit", is as good
/// as 30 years.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by)
        .or_else(|| from.checked_add(Duration::from_secs(30 * 365 * 86_400)))
        .unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_on_times_saturates() {
        // BCL-108
        let end = UnixTime::from_secs(i64::MAX);
        assert_eq!(end.saturating_add(Duration::MAX), end);
        let start = UnixTime::from_secs(i64::MIN);
        assert_eq!(start.saturating_sub(Duration::MAX), start);
        assert_eq!(start.saturating_duration_since(end), Duration::ZERO);
    }
}
