//! The figures of operation, through the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Install any recorder of that facade, and these appear in it. They are counted by the rooms as things happen, except those
//! that are a state at one moment: [`record_keys`] and [`record_store`] write these; call both before each scrape.
//!
//! | name | kind | labels | meaning |
//! | --- | --- | --- | --- |
//! | `backchannel_logout_requests_total` | counter | `outcome`, `reason` | Back-Channel Logout Requests answered |
//! | `backchannel_logout_request_duration_seconds` | histogram | `outcome` | from the head of a request to its answer |
//! | `backchannel_logout_requests_in_progress` | gauge | | requests being carried out, those that missed the deadline included |
//! | `backchannel_logout_sessions_ended_total` | counter | | sessions that were live and are ended |
//! | `backchannel_logout_unmatched_total` | counter | | valid requests that matched no session |
//! | `backchannel_logout_repeated_total` | counter | | repetitions of a token already processed |
//! | `backchannel_logout_effect_seconds` | histogram | | from the `iat` of the token to its effect, in whole seconds |
//! | `backchannel_logout_parked_total` | counter | `result` | tokens parked for want of keys, and what became of them |
//! | `backchannel_logout_parked_tokens` | gauge | `iss` | tokens that wait for keys now |
//! | `backchannel_logout_keys_fetches_total` | counter | `iss`, `result` | attempts to fetch the keys of a provider |
//! | `backchannel_logout_keys_usable` | gauge | `iss` | keys that can verify a token now; 0: nothing of this provider can be verified |
//! | `backchannel_logout_keys_age_seconds` | gauge | `iss` | since the keys were fetched or confirmed |
//! | `backchannel_logout_guard_decisions_total` | counter | `decision` | what the guard found out about the sessions of requests |
//! | `backchannel_logout_store_sessions` | gauge | | live sessions in the memory store |
//! | `backchannel_logout_store_ended_ids` | gauge | | ended session ids that the memory store remembers |
//! | `backchannel_logout_store_marks` | gauge | | marks in the memory store |
//! | `backchannel_logout_store_folded_marks_total` | counter | | marks folded into coarser ones because there were too many |
//!
//! | label | values |
//! | --- | --- |
//! | `outcome` | `ended`, `unmatched`, `repeated`, `refused` (the token's fault), `failed` (ours) |
//! | `reason` | empty for a success, else a code: [`Refusal::code`](crate::refusal::Refusal::code), [`RequestRefusal::code`](crate::endpoint::RequestRefusal::code), [`LogoutErrorKind::code`](crate::logout::LogoutErrorKind::code) |
//! | `result` of `parked` | `parked`, then one of `processed`, `refused`, `expired`, `pushed_out`; `too_large` was never parked |
//! | `result` of `keys_fetches` | `ok`, else [`KeysErrorKind::code`](crate::jwks::KeysErrorKind::code) |
//! | `decision` | `live`, `ended`, `unknown`, `unusable`, `store_failure`, `store_timeout`; requests without a session are not counted |
//! | `iss` | the issuer of a configured provider, never one that a token claims |
//!
//! The number of series is bounded by the configuration: no label holds anything that a sender can choose.
//!
//! ```
//! use tower_backchannel_logout::metrics;
//! use tower_backchannel_logout::provider::Providers;
//! use tower_backchannel_logout::store::MemoryStore;
//!
//! // Once, after a recorder is installed.
//! metrics::describe();
//!
//! // Before each scrape.
//! fn sample(providers: &Providers, store: &MemoryStore) {
//!     metrics::record_keys(providers);
//!     metrics::record_store(&store.stats());
//! }
//! # sample(&Providers::new(), &MemoryStore::new());
//! ```
//!
//! `examples/observability/` shows all of it with Prometheus; beside it lie a Grafana dashboard and alert rules.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::logout::LogoutErrorKind;
use crate::provider::Providers;
use crate::store::MemoryStats;

/// Tells the recorder the unit and the meaning of each figure, and begins at zero those whose very first event must not be
/// missed: to Prometheus, a counter that appears with a one has not increased. Call it once, after the recorder was installed.
pub fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(*name, Unit::Count, *text);
    }
    for (name, unit, text) in GAUGES {
        describe_gauge!(*name, *unit, *text);
    }
    for (name, text) in HISTOGRAMS {
        describe_histogram!(*name, Unit::Seconds, *text);
    }
    for kind in LogoutErrorKind::OURS {
        counter!("backchannel_logout_requests_total", "outcome" => "failed", "reason" => kind.code())
            .increment(0);
    }
    for outcome in ["ended", "unmatched", "repeated"] {
        counter!("backchannel_logout_requests_total", "outcome" => outcome, "reason" => "")
            .increment(0);
    }
    for result in [
        "parked",
        "processed",
        "refused",
        "expired",
        "pushed_out",
        "too_large",
    ] {
        counter!("backchannel_logout_parked_total", "result" => result).increment(0);
    }
    for decision in ["store_failure", "store_timeout"] {
        counter!("backchannel_logout_guard_decisions_total", "decision" => decision).increment(0);
    }
    counter!("backchannel_logout_sessions_ended_total").increment(0);
    counter!("backchannel_logout_unmatched_total").increment(0);
    counter!("backchannel_logout_repeated_total").increment(0);
    counter!("backchannel_logout_store_folded_marks_total").increment(0);
}

/// Writes how the keys of each provider are doing: their number and their age. Cheap; meant for each scrape.
///
/// A provider that was removed keeps its last figures until the recorder drops them. A static set has no age.
pub fn record_keys(providers: &Providers) {
    for (issuer, health) in providers.health() {
        let iss = issuer.as_str();
        let usable = if health.usable { health.keys } else { 0 };
        gauge!("backchannel_logout_keys_usable", "iss" => iss.to_owned()).set(gauged(usable));
        if let Some(age) = health.age {
            gauge!("backchannel_logout_keys_age_seconds", "iss" => iss.to_owned()).set(age);
        }
    }
}

/// Writes how full a memory store is. Cheap; meant for each scrape. With more than one store, the last one written counts.
pub fn record_store(stats: &MemoryStats) {
    gauge!("backchannel_logout_store_sessions").set(gauged(stats.live_sessions));
    gauge!("backchannel_logout_store_ended_ids").set(gauged(stats.dead_ids));
    gauge!("backchannel_logout_store_marks").set(gauged(stats.marks));
    counter!("backchannel_logout_store_folded_marks_total").absolute(stats.folded_marks);
}

fn gauged(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

const COUNTERS: &[(&str, &str)] = &[
    (
        "backchannel_logout_requests_total",
        "Back-Channel Logout Requests answered",
    ),
    (
        "backchannel_logout_sessions_ended_total",
        "Sessions that were live and are ended",
    ),
    (
        "backchannel_logout_unmatched_total",
        "Valid requests that matched no session",
    ),
    (
        "backchannel_logout_repeated_total",
        "Repetitions of a token already processed",
    ),
    (
        "backchannel_logout_parked_total",
        "Tokens parked for want of keys, and what became of them",
    ),
    (
        "backchannel_logout_keys_fetches_total",
        "Attempts to fetch the keys of a provider",
    ),
    (
        "backchannel_logout_guard_decisions_total",
        "What the guard found out about the sessions of requests",
    ),
    (
        "backchannel_logout_store_folded_marks_total",
        "Marks folded into coarser ones because there were too many",
    ),
];

const GAUGES: &[(&str, Unit, &str)] = &[
    (
        "backchannel_logout_requests_in_progress",
        Unit::Count,
        "Requests being carried out",
    ),
    (
        "backchannel_logout_parked_tokens",
        Unit::Count,
        "Tokens that wait for keys now",
    ),
    (
        "backchannel_logout_keys_usable",
        Unit::Count,
        "Keys that can verify a token now",
    ),
    (
        "backchannel_logout_keys_age_seconds",
        Unit::Seconds,
        "Since the keys were fetched or confirmed",
    ),
    (
        "backchannel_logout_store_sessions",
        Unit::Count,
        "Live sessions in the memory store",
    ),
    (
        "backchannel_logout_store_ended_ids",
        Unit::Count,
        "Ended session ids that the memory store remembers",
    ),
    (
        "backchannel_logout_store_marks",
        Unit::Count,
        "Marks in the memory store",
    ),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    (
        "backchannel_logout_request_duration_seconds",
        "From the head of a request to its answer",
    ),
    (
        "backchannel_logout_effect_seconds",
        "From the iat of the token to its effect",
    ),
];
