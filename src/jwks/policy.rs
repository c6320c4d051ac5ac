//! How often keys are fetched and how long they serve.

use std::time::Duration;

use crate::fetch::FetchLimits;

/// How often a key set is refreshed and how long it serves. The defaults are those of the specification of this crate.
///
/// ```
/// use std::time::Duration;
/// use tower_backchannel_logout::jwks::RefreshPolicy;
///
/// let policy = RefreshPolicy::default().with_max_stale(Duration::from_secs(6 * 3600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    pub(super) burst: u32,
    pub(super) cooldown: Duration,
    pub(super) max_stale: Duration,
    pub(super) wait: Duration,
    pub(super) limits: FetchLimits,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            burst: 3,
            cooldown: Duration::from_secs(30),
            max_stale: Duration::from_secs(24 * 3600),
            wait: Duration::from_millis(1500),
            limits: FetchLimits::default(),
        }
    }
}

impl RefreshPolicy {
    /// How many attempts may follow each other at once (spec BCL-75). Default: 3; 0 counts as 1. More lets a sender of
    /// forged tokens cause more fetches.
    #[must_use]
    pub const fn with_burst(mut self, burst: u32) -> Self {
        self.burst = if burst == 0 { 1 } else { burst };
        self
    }

    /// The pause after which one more attempt is allowed (spec BCL-75). Default: 30 seconds; less than 1 second counts as
    /// 1 second.
    #[must_use]
    pub const fn with_cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = if cooldown.as_secs() == 0 {
            Duration::from_secs(1)
        } else {
            cooldown
        };
        self
    }

    /// How long the last good set serves while refreshing fails, counted from its fetch (spec BCL-82). Default: 24 hours.
    /// Less loses logouts sooner when the OP's key endpoint is down; more lets a key that the OP withdrew live longer.
    #[must_use]
    pub const fn with_max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// How long a request waits for a refresh, counted from its arrival (spec BCL-83). Default: 1.5 seconds, which fits
    /// inside the deadline of the endpoint. The refresh itself goes on.
    #[must_use]
    pub const fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The limits of one GET. Default: [`FetchLimits::default`].
    #[must_use]
    pub const fn with_limits(mut self, limits: FetchLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) const fn fetch_limits(&self) -> FetchLimits {
        self.limits
    }
}
