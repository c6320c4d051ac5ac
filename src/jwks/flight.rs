//! One refresh, shared by all who wait for it and owned by the key set.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::attempt::{Loaded, Located, attempt};
use super::freshness::{lifetime, refresh_after};
use super::remote::{Inner, State};
use super::snapshot::Snapshot;
use super::{KeysErrorKind, KeysUnavailable};
use crate::clock::later;
use crate::measure;

type Outcome = Result<(), KeysErrorKind>;

/// A refresh under way. Dropping it changes nothing for the others.
#[derive(Clone)]
pub(super) struct Flight {
    number: u64,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Flight {
    /// Which attempt this is, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Resolves when the refresh is over.
    pub(super) async fn landed(mut self) -> Outcome {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.unwrap_or(Err(KeysErrorKind::Interrupted)),
            Err(_) => Err(KeysErrorKind::Interrupted),
        }
    }
}

/// Ends a flight, also when its task is dropped with the runtime or a client panics: nobody waits for ever, and the next
/// attempt is not blocked.
struct Landing {
    inner: Arc<Inner>,
    announce: watch::Sender<Option<Outcome>>,
    loaded: Result<Loaded, KeysErrorKind>,
}

impl Landing {
    async fn fly(mut self, known: Option<Located>) {
        let loaded = attempt(&self.inner.fetcher, &self.inner.source, known).await;
        self.loaded = loaded;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let loaded = std::mem::replace(&mut self.loaded, Err(KeysErrorKind::Interrupted));
        let outcome = self.inner.land(loaded);
        self.announce.send_replace(Some(outcome));
    }
}

impl Inner {
    /// The refresh under way, or a new one if the budget allows it.
    pub(super) fn join_or_start(self: &Arc<Self>, now: Instant) -> Result<Flight, KeysUnavailable> {
        let runtime =
            Handle::try_current().map_err(|_| KeysUnavailable::new(KeysErrorKind::NoRuntime))?;
        let mut state = self.lock();
        if let Some(flight) = &state.in_flight {
            return Ok(flight.clone());
        }
        if !state.budget.take(now) {
            let kind = state.last_error.unwrap_or(KeysErrorKind::Budget);
            return Err(KeysUnavailable::new(kind));
        }
        Ok(self.launch(state, now, &runtime))
    }

    /// Refreshes ahead of expiry, in the background. Called by readers: it gives up rather than wait for the lock.
    pub(super) fn revalidate(self: &Arc<Self>, now: Instant) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        // Readers need not look again before the cooldown is over, whatever becomes of this attempt.
        self.set_due(now, self.policy.cooldown);
        if state.in_flight.is_none() && state.budget.take(now) {
            self.launch(state, now, &runtime);
        }
    }

    /// One attempt for those who wait without a request, at least one cooldown after the one before, so that the burst is
    /// left for requests. Says when to look again.
    pub(super) fn pursue(self: &Arc<Self>, now: Instant) -> Instant {
        let cooldown = self.policy.cooldown;
        let after = |at: Instant| later(at, cooldown);
        let Ok(runtime) = Handle::try_current() else {
            return after(now);
        };
        let mut state = self.lock();
        match state.last_attempt {
            Some(last) if after(last) > now => return after(last),
            _ => {}
        }
        if state.in_flight.is_none() && state.budget.take(now) {
            self.launch(state, now, &runtime);
        }
        after(now)
    }

    fn launch(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        now: Instant,
        runtime: &Handle,
    ) -> Flight {
        let (announce, outcome) = watch::channel(None);
        state.attempts = state.attempts.saturating_add(1);
        state.last_attempt = Some(now);
        let flight = Flight {
            number: state.attempts,
            outcome,
        };
        state.in_flight = Some(flight.clone());
        let known = state.located.clone();
        // A runtime that is shutting down drops the task inside `spawn`, and landing takes the lock.
        drop(state);
        let landing = Landing {
            inner: Arc::clone(self),
            announce,
            loaded: Err(KeysErrorKind::Interrupted),
        };
        runtime.spawn(landing.fly(known));
        flight
    }

    fn land(&self, loaded: Result<Loaded, KeysErrorKind>) -> Outcome {
        let now = Instant::now();
        let mut state = self.lock();
        state.in_flight = None;
        let outcome = match loaded {
            Ok(loaded) => Ok(self.take_in(&mut state, loaded, now)),
            Err(kind) => {
                state.failures = state.failures.saturating_add(1);
                state.last_error = Some(kind);
                self.set_due(now, self.policy.cooldown);
                Err(kind)
            }
        };
        let attempts = state.attempts;
        let age = state
            .last_success
            .map(|at| now.saturating_duration_since(at));
        drop(state);
        if outcome.is_ok() {
            self.updates
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        self.report(outcome, attempts, age);
        outcome.map(drop)
    }

    /// Says how a refresh ended; `age` is in the log in whole seconds.
    fn report(&self, outcome: Result<bool, KeysErrorKind>, attempts: u64, age: Option<Duration>) {
        let iss = self.source.issuer();
        measure::keys_fetched(iss, outcome.map_or_else(KeysErrorKind::code, |_| "ok"));
        let iss = iss.as_str();
        let snapshot = self.snapshot.load();
        let keys = snapshot.as_ref().map_or(0, |snapshot| snapshot.keys.len());
        let age = age.map(|age| age.as_secs());
        match outcome {
            Ok(true) => {
                tracing::info!(
                    iss,
                    outcome = "changed",
                    attempts,
                    keys,
                    age,
                    "the keys of the provider were refreshed"
                );
            }
            Ok(false) => {
                tracing::debug!(
                    iss,
                    outcome = "unchanged",
                    attempts,
                    keys,
                    age,
                    "the keys of the provider were refreshed"
                );
            }
            Err(kind) => tracing::warn!(
                iss,
                outcome = "failed",
                reason = kind.code(),
                attempts,
                keys,
                age,
                "the keys of the provider could not be refreshed"
            ),
        }
    }

    /// Whether the keys are others than before.
    fn take_in(&self, state: &mut State, loaded: Loaded, now: Instant) -> bool {
        let before = self.snapshot.load_full();
        // The same bytes are the same set: its prepared keys and the remembered ids stay.
        let new_keys = loaded
            .keys
            .filter(|(_, body)| before.is_none() || state.body.as_ref() != Some(body));
        let changed = new_keys.is_some();
        let (keys, generation) = match (new_keys, &before) {
            (Some((keys, body)), before) => {
                state.absent.clear();
                state.body = Some(body);
                let generation = before.as_ref().map_or(0, |before| before.generation);
                (keys, generation.saturating_add(1))
            }
            (None, Some(before)) => (before.keys.clone(), before.generation),
            // 304 without a set is not possible: the request is conditional only after a success.
            (None, None) => return false,
        };
        // Ahead of the end of its use too, where that comes first.
        let lifetime = lifetime(&loaded.located.headers).min(self.policy.max_stale);
        let fresh_for = refresh_after(lifetime, self.random(state.attempts));
        let passed = now.saturating_duration_since(loaded.sent);
        self.snapshot.store(Some(Arc::new(Snapshot {
            keys,
            generation,
            fetched: Some((loaded.sent, self.clock.now().saturating_sub(passed))),
            serves_until: loaded.sent.checked_add(self.policy.max_stale),
        })));
        self.set_due(loaded.sent, fresh_for);
        state.located = Some(loaded.located);
        state.last_success = Some(loaded.sent);
        state.last_error = None;
        changed
    }
}
