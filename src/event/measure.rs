//! The figures of operation (feature `metrics`). Without the feature every function here is empty.
//!
//! | name | kind | labels | meaning |
//! | --- | --- | --- | --- |
//! | `backchannel_logout_requests_total` | counter | `outcome`, `reason` | Back-Channel Logout Requests answered |
//! | `backchannel_logout_sessions_ended_total` | counter | | sessions that were live and are ended |
//! | `backchannel_logout_unmatched_total` | counter | | valid requests that matched no session |
//! | `backchannel_logout_repeated_total` | counter | | repetitions of a token already processed |
//! | `backchannel_logout_parked_total` | counter | `result` | tokens parked, and what became of them |
//! | `backchannel_logout_effect_seconds` | histogram | | from the `iat` of the token to its effect |

use std::time::Duration;

#[cfg(feature = "metrics")]
mod on {
    use super::Duration;

    pub(crate) fn request(outcome: &'static str, reason: &'static str) {
        metrics::counter!("backchannel_logout_requests_total", "outcome" => outcome, "reason" => reason).increment(1);
    }

    pub(crate) fn effect(sessions: usize, matched: bool, since_iat: impl FnOnce() -> Duration) {
        if !matched {
            metrics::counter!("backchannel_logout_unmatched_total").increment(1);
        }
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        metrics::counter!("backchannel_logout_sessions_ended_total").increment(sessions);
        metrics::histogram!("backchannel_logout_effect_seconds").record(since_iat().as_secs_f64());
    }

    pub(crate) fn repeated() {
        metrics::counter!("backchannel_logout_repeated_total").increment(1);
    }

    pub(crate) fn parked(result: &'static str) {
        metrics::counter!("backchannel_logout_parked_total", "result" => result).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod on {
    use super::Duration;

    pub(crate) const fn request(_outcome: &'static str, _reason: &'static str) {}
    pub(crate) fn effect(_sessions: usize, _matched: bool, _since_iat: impl FnOnce() -> Duration) {}
    pub(crate) const fn repeated() {}
    pub(crate) const fn parked(_result: &'static str) {}
}

pub(crate) use on::{effect, parked, repeated, request};
