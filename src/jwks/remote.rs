//! A key set that is fetched: the snapshot, and who may read it.

use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::absent::Absent;
use super::attempt::Located;
use super::budget::Budget;
use super::flight::Flight;
use super::snapshot::Snapshot;
use super::{KeySnapshot, KeysErrorKind, KeysHealth, KeysUnavailable, RefreshPolicy};
use crate::clock::Clock;
use crate::fetch::Fetcher;
use crate::jose::JwkSet;
use crate::types::Issuer;

/// Where a key set comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A configured URL, of the keys of this issuer.
    Url(Issuer, String),
    /// The `jwks_uri` of the issuer's metadata.
    Discovery(Issuer),
}

impl Source {
    /// Whose keys these are.
    pub(super) const fn issuer(&self) -> &Issuer {
        match self {
            Self::Url(issuer, _) | Self::Discovery(issuer) => issuer,
        }
    }
}

/// The keys of one provider, fetched on first use and kept fresh. Cheap to clone; clones share everything.
///
/// # Cancel safety
///
/// Every future may be dropped at any point. A refresh that it started goes on and serves the next caller.
#[derive(Clone)]
pub struct RemoteJwks {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) source: Source,
    pub(super) fetcher: Fetcher,
    pub(super) policy: RefreshPolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    /// When the next refresh ahead of expiry is due, in nanoseconds since `epoch`. Read by every request.
    pub(super) due: AtomicU64,
    pub(super) epoch: Instant,
    pub(super) state: Mutex<State>,
    /// Counts successful refreshes.
    pub(super) updates: watch::Sender<u64>,
    pub(super) random: RandomState,
}

/// What only refreshing looks at. The lock is held for a few instructions, never across `.await`.
pub(super) struct State {
    pub(super) budget: Budget,
    pub(super) absent: Absent,
    pub(super) in_flight: Option<Flight>,
    pub(super) located: Option<Located>,
    pub(super) body: Option<bytes::Bytes>,
    pub(super) attempts: u64,
    pub(super) failures: u64,
    pub(super) last_attempt: Option<Instant>,
    pub(super) last_success: Option<Instant>,
    pub(super) last_error: Option<KeysErrorKind>,
}

impl RemoteJwks {
    pub(crate) fn new(
        source: Source,
        fetcher: Fetcher,
        policy: RefreshPolicy,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let epoch = Instant::now();
        Self {
            inner: Arc::new(Inner {
                source,
                fetcher,
                policy,
                clock,
                snapshot: ArcSwapOption::empty(),
                due: AtomicU64::new(0),
                epoch,
                state: Mutex::new(State {
                    budget: Budget::new(policy.burst, policy.cooldown, epoch),
                    absent: Absent::default(),
                    in_flight: None,
                    located: None,
                    body: None,
                    attempts: 0,
                    failures: 0,
                    last_attempt: None,
                    last_success: None,
                    last_error: None,
                }),
                updates: watch::Sender::new(0),
                random: RandomState::new(),
            }),
        }
    }

    /// Whether the metadata of the issuer says where the keys are, rather than the configuration.
    pub(crate) fn is_discovered(&self) -> bool {
        matches!(self.inner.source, Source::Discovery(_))
    }

    /// The keys as they are now, without waiting; `None` before the first success, and once they are older than
    /// `max_stale` (spec BCL-82). Near the end of their freshness this starts a refresh in the background.
    #[must_use]
    pub fn current(&self) -> Option<JwkSet> {
        self.snapshot_at(Instant::now())
            .map(|snapshot| snapshot.keys().clone())
    }

    /// [`current`](Self::current) for a request whose arrival was noted, so that the clock is not read again.
    pub(crate) fn snapshot_at(&self, now: Instant) -> Option<KeySnapshot> {
        let snapshot = self
            .inner
            .snapshot
            .load_full()
            .filter(|snapshot| snapshot.serves(now))?;
        if self.inner.nanos(now) >= self.inner.due.load(Ordering::Relaxed) {
            self.inner.revalidate(now);
        }
        Some(KeySnapshot(snapshot))
    }

    /// The keys, loaded if there are none yet. A request waits until `wait` after its arrival, at most (spec BCL-83).
    pub(crate) async fn get(&self, arrived: Instant) -> Result<KeySnapshot, KeysUnavailable> {
        match self.snapshot_at(Instant::now()) {
            Some(snapshot) => Ok(snapshot),
            None => self.load(arrived.checked_add(self.inner.policy.wait)).await,
        }
    }

    /// Loads the keys before traffic comes (spec BCL-83). Waits as long as the attempt takes.
    ///
    /// A program may go on when this fails: the keys are loaded as soon as the provider can be reached.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] when the attempt failed, or the budget allows none now.
    pub async fn ready(&self) -> Result<(), KeysUnavailable> {
        match self.snapshot_at(Instant::now()) {
            Some(_) => Ok(()),
            None => self.load(None).await.map(drop),
        }
    }

    /// Fetches the keys now, for an operator who knows that they changed. It joins a refresh that is under way and pays from
    /// the same budget as every other.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] when the attempt failed or the budget allows none now. The keys at hand go on serving.
    pub async fn refresh(&self) -> Result<(), KeysUnavailable> {
        let flight = self.inner.join_or_start(Instant::now())?;
        flight.landed().await.map_err(KeysUnavailable::new)
    }

    async fn load(&self, until: Option<Instant>) -> Result<KeySnapshot, KeysUnavailable> {
        let flight = self.inner.join_or_start(Instant::now())?;
        let outcome = match until {
            Some(until) => {
                timeout_at(until, flight.landed())
                    .await
                    .unwrap_or(Err(KeysErrorKind::Fetch(
                        crate::fetch::FetchErrorKind::Timeout,
                    )))
            }
            None => flight.landed().await,
        };
        // Whatever became of this refresh: if there are keys, they serve.
        self.snapshot_at(Instant::now()).ok_or_else(|| {
            KeysUnavailable::new(outcome.err().unwrap_or(KeysErrorKind::Interrupted))
        })
    }

    /// Keeps the keys fresh without traffic, for as long as the future is polled: spawn it, or leave it away and let
    /// requests do it.
    ///
    /// ```no_run
    /// # async fn run(keys: tower_backchannel_logout::jwks::RemoteJwks) {
    /// tokio::spawn(async move { keys.keep_fresh().await });
    /// # }
    /// ```
    pub async fn keep_fresh(&self) -> Infallible {
        loop {
            let now = Instant::now();
            if self.snapshot_at(now).is_none() {
                self.inner.pursue(now);
            }
            let due = Duration::from_nanos(self.inner.due.load(Ordering::Relaxed));
            // Never a busy loop, whatever the schedule says.
            let soonest = now.checked_add(Duration::from_secs(1)).unwrap_or(now);
            let next = self.inner.epoch.checked_add(due).unwrap_or(soonest);
            sleep_until(next.max(soonest)).await;
        }
    }

    /// Resolves once there is a set that was fetched after `since`, and until then makes attempts at the pace of the
    /// cooldown. What waits for keys (a parked token) waits here.
    pub(crate) async fn refreshed_after(&self, since: Instant) {
        let mut updates = self.inner.updates.subscribe();
        loop {
            updates.borrow_and_update();
            let now = Instant::now();
            let fetched_later = |snapshot: Arc<Snapshot>| {
                snapshot.serves(now) && snapshot.fetched.is_some_and(|(at, _)| at > since)
            };
            if self.inner.snapshot.load_full().is_some_and(fetched_later) {
                return;
            }
            let again = self.inner.pursue(now);
            // A change and the end of the pause lead to the same: look again.
            let _ = timeout_at(again, updates.changed()).await;
        }
    }

    /// How the keys are doing.
    #[must_use]
    pub fn health(&self) -> KeysHealth {
        let now = Instant::now();
        let snapshot = self.inner.snapshot.load_full();
        let state = self.inner.lock();
        KeysHealth {
            age: state
                .last_success
                .map(|at| now.saturating_duration_since(at)),
            keys: snapshot.as_ref().map_or(0, |snapshot| snapshot.keys.len()),
            usable: snapshot.is_some_and(|snapshot| snapshot.serves(now)),
            last_error: state.last_error,
            attempts: state.attempts,
            failures: state.failures,
        }
    }
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn set_due(&self, now: Instant, after: Duration) {
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.due
            .store(self.nanos(now).saturating_add(after), Ordering::Relaxed);
    }

    pub(super) fn random(&self, seed: u64) -> u64 {
        self.random.hash_one(seed)
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwks")
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}
