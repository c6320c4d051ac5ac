//! What to do with a token that the keys at hand cannot verify (spec BCL-75 and BCL-76).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::remote::{Inner, RemoteJwks};
use super::{KeySnapshot, KeysErrorKind, KeysUnavailable};
use crate::clock::UnixTime;

/// How the keys failed a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissKind {
    /// No key has its `kid`, or none fits.
    UnknownKid,
    /// A key fits and the signature is not its own: the OP may have put a new key under the old `kid`.
    BadSignature,
}

/// A token that the keys at hand cannot verify. Everything in it is unverified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Miss<'a> {
    pub(crate) kind: MissKind,
    pub(crate) kid: Option<&'a str>,
    pub(crate) token_iat: Option<UnixTime>,
    pub(crate) leeway: Duration,
    /// When the request came in.
    pub(crate) arrived: Instant,
}

/// What follows from a [`Miss`].
#[derive(Clone, Debug)]
pub(crate) enum AfterMiss {
    /// There are other keys now: verify once more.
    Retry(KeySnapshot),
    /// Refreshing cannot change the result: refuse the token.
    Final,
    /// It may be the token's key that we cannot see: answer 503.
    Unavailable(KeysUnavailable),
}

impl RemoteJwks {
    /// Decides about a token that `seen` did not verify; refreshes within the budget if that can change the result.
    pub(crate) async fn after_miss(&self, seen: &KeySnapshot, miss: Miss<'_>) -> AfterMiss {
        let Some(iat) = miss.token_iat else {
            // Refused whatever its key is (BCL-104): not worth a fetch.
            return AfterMiss::Final;
        };
        let inner = &self.inner;
        let earlier = inner.lock().attempts;
        let until = miss.arrived.checked_add(inner.policy.wait);
        loop {
            let now = Instant::now();
            let Some(current) = self.snapshot_at(now) else {
                // What was seen has become too old meanwhile; only a fetch helps.
                return match self.get(miss.arrived).await {
                    Ok(current) => inner.judge_new(seen, current, &miss),
                    Err(error) => AfterMiss::Unavailable(error),
                };
            };
            if changed_for(seen, &current, &miss) {
                return AfterMiss::Retry(current);
            }
            if fetched_after(&current, miss.arrived) {
                return inner.judge_new(seen, current, &miss);
            }
            let wall = inner.clock.now();
            if later_than(&current, iat.saturating_add(miss.leeway), wall, now) {
                return AfterMiss::Final;
            }
            if miss.kind == MissKind::UnknownKid && inner.lock().absent.contains(miss.kid, now) {
                return AfterMiss::Unavailable(KeysUnavailable::new(KeysErrorKind::Budget));
            }
            let flight = match inner.join_or_start(now) {
                Ok(flight) => flight,
                Err(error) => return inner.judge_denied(&current, &miss, now, error),
            };
            let number = flight.number();
            let outcome = match until {
                Some(until) => timeout_at(until, flight.landed()).await,
                None => Ok(flight.landed().await),
            };
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(kind)) => return AfterMiss::Unavailable(KeysUnavailable::new(kind)),
                Err(_) => {
                    let kind = KeysErrorKind::Fetch(crate::fetch::FetchErrorKind::Timeout);
                    return AfterMiss::Unavailable(KeysUnavailable::new(kind));
                }
            }
            // A refresh that was already under way may have been answered before the OP published the key: then one more
            // round, with the next one.
            if number > earlier {
                return match self.snapshot_at(Instant::now()) {
                    Some(current) => inner.judge_new(seen, current, &miss),
                    None => AfterMiss::Unavailable(KeysUnavailable::new(KeysErrorKind::Budget)),
                };
            }
        }
    }
}

impl Inner {
    /// The set was fetched after the request came in: its word is final.
    fn judge_new(
        self: &Arc<Self>,
        seen: &KeySnapshot,
        current: KeySnapshot,
        miss: &Miss<'_>,
    ) -> AfterMiss {
        if changed_for(seen, &current, miss) {
            return AfterMiss::Retry(current);
        }
        if miss.kind == MissKind::UnknownKid {
            self.lock().absent.insert(miss.kid, Instant::now());
        }
        AfterMiss::Final
    }

    /// The budget allows no refresh. A set that was confirmed within the last cooldown settles a bad signature: two keys under
    /// one `kid` are rare, and a flood of forged tokens must not turn into a flood of 503 and of parked tokens. An unknown
    /// `kid` is 503: it may be a second old (BCL-76).
    fn judge_denied(
        &self,
        current: &KeySnapshot,
        miss: &Miss<'_>,
        now: Instant,
        error: KeysUnavailable,
    ) -> AfterMiss {
        let recent = current
            .0
            .fetched
            .is_some_and(|(at, _)| now.saturating_duration_since(at) <= self.policy.cooldown);
        if miss.kind == MissKind::BadSignature && recent {
            return AfterMiss::Final;
        }
        AfterMiss::Unavailable(error)
    }
}

/// Whether verifying with `current` can come out differently than it did with `seen`.
fn changed_for(seen: &KeySnapshot, current: &KeySnapshot, miss: &Miss<'_>) -> bool {
    if current.generation() == seen.generation() {
        return false;
    }
    match miss.kid {
        Some(kid) => !seen.keys().same_keys_for(current.keys(), kid),
        None => true,
    }
}

/// Whether the set was fetched after the request came in (BCL-76); a set that never changes counts as such.
fn fetched_after(current: &KeySnapshot, arrived: Instant) -> bool {
    current.0.fetched.is_none_or(|(at, _)| at > arrived)
}

/// Whether the set was fetched later than the token can have been made (BCL-76).
fn later_than(current: &KeySnapshot, token: UnixTime, wall: UnixTime, now: Instant) -> bool {
    current.0.fetched.is_some_and(|(at, noted)| {
        // The clock may have been set back since: then the age of the set says when that was. Of a machine that slept, the age is too
        // small, and what was noted is right. The earlier one costs a refresh at most, the later one a logout.
        let by_age = wall.saturating_sub(now.saturating_duration_since(at));
        noted.min(by_age) > token
    })
}
