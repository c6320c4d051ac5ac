//! The figures of operation, counted where things happen. Without the feature `metrics` every function here is empty, so that
//! no caller needs a `cfg`. Names and labels: the table in `metrics.rs`.

/// What the guard found out about the session of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guarded {
    Live,
    Ended,
    Unknown,
    Unusable,
    StoreFailure,
    StoreTimeout,
}

#[cfg(feature = "metrics")]
mod on {
    use std::time::Duration;

    use metrics::{counter, gauge, histogram};
    use tokio::time::Instant;

    use super::Guarded;
    use crate::types::Issuer;

    /// When a request began.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Started(Instant);

    impl Started {
        pub(crate) fn now() -> Self {
            Self(Instant::now())
        }
    }

    /// A request in progress, until it is dropped.
    #[derive(Debug)]
    pub(crate) struct InProgress(());

    impl InProgress {
        pub(crate) fn new() -> Self {
            gauge!("backchannel_logout_requests_in_progress").increment(1.0);
            Self(())
        }
    }

    impl Drop for InProgress {
        fn drop(&mut self) {
            gauge!("backchannel_logout_requests_in_progress").decrement(1.0);
        }
    }

    pub(crate) fn request(outcome: &'static str, reason: &'static str, started: Started) {
        // With constant labels, the successes allocate nothing here.
        macro_rules! success {
            ($outcome:literal) => {{
                counter!("backchannel_logout_requests_total", "outcome" => $outcome, "reason" => "")
                    .increment(1);
                histogram!("backchannel_logout_request_duration_seconds", "outcome" => $outcome)
            }};
        }
        let duration = match outcome {
            "ended" => success!("ended"),
            "unmatched" => success!("unmatched"),
            "repeated" => success!("repeated"),
            _ => {
                counter!("backchannel_logout_requests_total", "outcome" => outcome, "reason" => reason)
                    .increment(1);
                histogram!("backchannel_logout_request_duration_seconds", "outcome" => outcome)
            }
        };
        duration.record(started.0.elapsed().as_secs_f64());
    }

    pub(crate) fn ended(sessions: usize, matched: bool) {
        if !matched {
            counter!("backchannel_logout_unmatched_total").increment(1);
        }
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        counter!("backchannel_logout_sessions_ended_total").increment(sessions);
    }

    pub(crate) fn effect(since_iat: Duration) {
        histogram!("backchannel_logout_effect_seconds").record(since_iat.as_secs_f64());
    }

    pub(crate) fn repeated() {
        counter!("backchannel_logout_repeated_total").increment(1);
    }

    pub(crate) fn parked(result: &'static str) {
        counter!("backchannel_logout_parked_total", "result" => result).increment(1);
    }

    pub(crate) fn parked_now(issuer: &Issuer, tokens: usize) {
        // More tokens than 2^52 do not fit into the lot.
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        gauge!("backchannel_logout_parked_tokens", "iss" => issuer.as_str().to_owned()).set(tokens);
    }

    /// `result` is `ok`, or the code of the failure.
    pub(crate) fn keys_fetched(issuer: &Issuer, result: &'static str) {
        let iss = issuer.as_str().to_owned();
        counter!("backchannel_logout_keys_fetches_total", "iss" => iss, "result" => result)
            .increment(1);
    }

    pub(crate) fn guarded(decision: Guarded) {
        macro_rules! decided {
            ($decision:literal) => {
                counter!("backchannel_logout_guard_decisions_total", "decision" => $decision)
            };
        }
        let counter = match decision {
            Guarded::Live => decided!("live"),
            Guarded::Ended => decided!("ended"),
            Guarded::Unknown => decided!("unknown"),
            Guarded::Unusable => decided!("unusable"),
            Guarded::StoreFailure => decided!("store_failure"),
            Guarded::StoreTimeout => decided!("store_timeout"),
        };
        counter.increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod on {
    use std::time::Duration;

    use super::Guarded;
    use crate::types::Issuer;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Started(());

    impl Started {
        pub(crate) const fn now() -> Self {
            Self(())
        }
    }

    #[derive(Debug)]
    pub(crate) struct InProgress(());

    impl InProgress {
        pub(crate) const fn new() -> Self {
            Self(())
        }
    }

    pub(crate) const fn request(_: &'static str, _: &'static str, _: Started) {}
    pub(crate) const fn ended(_: usize, _: bool) {}
    pub(crate) const fn effect(_: Duration) {}
    pub(crate) const fn repeated() {}
    pub(crate) const fn parked(_: &'static str) {}
    pub(crate) const fn parked_now(_: &Issuer, _: usize) {}
    pub(crate) const fn keys_fetched(_: &Issuer, _: &'static str) {}
    pub(crate) const fn guarded(_: Guarded) {}
}

pub(crate) use on::{
    InProgress, Started, effect, ended, guarded, keys_fetched, parked, parked_now, repeated,
    request,
};
