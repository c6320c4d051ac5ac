//! Tokens that cannot be verified now, kept until the keys of their OP are back.
//!
//! The OP is answered `503`, but some never repeat a request; without this their logout would be lost.
//!
//! 1. A token is parked only when it could still be valid: its shape, issuer, audience and header were checked before.
//! 2. The lot is bounded in number, bytes and age, for each issuer by itself. When it is full the oldest goes first.
//! 3. As soon as the keys are back, and at least every few seconds, the parked tokens are verified *as of their
//!    arrival* and processed like fresh ones. One task an issuer does that, and it ends when its lot is empty.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::error::{LogoutError, LogoutErrorKind};
use super::pipeline::{Logout, LogoutOutcome, codes};
use super::verifier::{Arrival, TokenPlace};
use crate::clock::UnixTime;
use crate::event::LogoutSpan;
use crate::measure;
use crate::replay::ReplayStore;
use crate::session::SessionStore;
use crate::types::Issuer;

/// Pause between two attempts when nothing says that the keys have changed.
const PAUSE: Duration = Duration::from_secs(5);

/// Shortest pause between two attempts, whatever the reason for the second.
const BREATH: Duration = Duration::from_secs(1);

/// Bounds of the tokens that wait for keys, for each issuer by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parking {
    max_tokens: usize,
    max_bytes: usize,
    max_age: Duration,
}

impl Default for Parking {
    fn default() -> Self {
        Self {
            max_tokens: 64,
            max_bytes: 256 * 1024,
            max_age: Duration::from_secs(600),
        }
    }
}

impl Parking {
    /// At most so many tokens. The default is 64.
    #[must_use]
    pub const fn with_max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// At most so many bytes of tokens. The default is 256 KiB.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// At most so long. The default is 10 minutes.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }
}

struct Parked {
    token: Box<str>,
    place: TokenPlace,
    arrival: Arrival,
}

#[derive(Default)]
struct Lot {
    tokens: VecDeque<Parked>,
    bytes: usize,
    attended: bool,
}

impl Lot {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.tokens.pop_front() {
            self.bytes = self.bytes.saturating_sub(oldest.token.len());
        }
    }
}

pub(super) struct ParkingLot {
    bounds: Parking,
    lots: Mutex<HashMap<Issuer, Lot>>,
}

impl ParkingLot {
    pub(super) fn new(bounds: Parking) -> Self {
        Self {
            bounds,
            lots: Mutex::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lots().values().map(|lot| lot.tokens.len()).sum()
    }

    fn lots(&self) -> MutexGuard<'_, HashMap<Issuer, Lot>> {
        self.lots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a token, and sees to it that somebody attends to it.
    pub(super) fn park<S: SessionStore, R: ReplayStore>(
        &self,
        logout: &Logout<S, R>,
        issuer: &Issuer,
        token: &str,
        place: TokenPlace,
        arrival: Arrival,
    ) {
        if token.len() > self.bounds.max_bytes || self.bounds.max_tokens == 0 {
            measure::parked("too_large");
            return;
        }
        let mut lots = self.lots();
        let lot = lots.entry(issuer.clone()).or_default();
        if lot.tokens.iter().any(|parked| *parked.token == *token) {
            return;
        }
        while lot.tokens.len() >= self.bounds.max_tokens
            || lot.bytes + token.len() > self.bounds.max_bytes
        {
            lot.drop_oldest();
            measure::parked("pushed_out");
        }
        lot.bytes += token.len();
        lot.tokens.push_back(Parked {
            token: token.into(),
            place,
            arrival,
        });
        let attended = std::mem::replace(&mut lot.attended, true);
        measure::parked_now(issuer, lot.tokens.len());
        drop(lots);
        measure::parked("parked");
        tracing::warn!(iss = %issuer, reason = "keys_unavailable", "token parked until the keys are back");
        if !attended {
            tokio::spawn(attend(logout.clone(), issuer.clone()));
        }
    }

    /// When the oldest token came in; `None`, and nobody attends any more, when there is none.
    fn oldest(&self, issuer: &Issuer) -> Option<Instant> {
        let mut lots = self.lots();
        let oldest = lots
            .get(issuer)?
            .tokens
            .front()
            .map(|parked| parked.arrival.instant);
        if oldest.is_none() {
            lots.remove(issuer);
        }
        oldest
    }

    /// Takes the tokens that are young enough; `None`, and nobody attends any more, when there is none.
    fn take(&self, issuer: &Issuer, now: UnixTime) -> Option<VecDeque<Parked>> {
        let mut lots = self.lots();
        let lot = lots.get_mut(issuer)?;
        lot.bytes = 0;
        let mut tokens = std::mem::take(&mut lot.tokens);
        let parked = tokens.len();
        measure::parked_now(issuer, 0);
        tokens.retain(|token| {
            now.saturating_duration_since(token.arrival.time) <= self.bounds.max_age
        });
        let expired = parked - tokens.len();
        if tokens.is_empty() {
            lots.remove(issuer);
        }
        drop(lots);
        for _ in 0..expired {
            measure::parked("expired");
        }
        if expired > 0 {
            tracing::error!(iss = %issuer, expired, reason = "keys_unavailable", "parked tokens gave up on their keys");
        }
        (!tokens.is_empty()).then_some(tokens)
    }

    /// Puts tokens back in front of those that came meanwhile.
    fn put_back(&self, issuer: &Issuer, tokens: VecDeque<Parked>) {
        let mut lots = self.lots();
        let lot = lots.entry(issuer.clone()).or_default();
        lot.attended = true;
        for parked in tokens.into_iter().rev() {
            lot.bytes += parked.token.len();
            lot.tokens.push_front(parked);
        }
        while lot.tokens.len() > self.bounds.max_tokens || lot.bytes > self.bounds.max_bytes {
            lot.drop_oldest();
            measure::parked("pushed_out");
        }
        measure::parked_now(issuer, lot.tokens.len());
    }
}

/// Waits for keys and processes what is parked, until nothing is left.
async fn attend<S: SessionStore, R: ReplayStore>(logout: Logout<S, R>, issuer: Issuer) {
    let Some(lot) = &logout.0.parking else { return };
    while let Some(oldest) = lot.oldest(&issuer) {
        match logout.verifier().providers().find(issuer.as_str()) {
            // Keys that were fetched after a token came in settle it, without another fetch.
            Some(provider) => {
                let _ = timeout(PAUSE, provider.keys().refreshed_after(oldest)).await;
            }
            None => sleep(PAUSE).await,
        }
        let Some(tokens) = lot.take(&issuer, logout.verifier().clock().now()) else {
            return;
        };
        let mut waiting = VecDeque::new();
        for parked in tokens {
            match retry(&logout, &parked, &issuer).await {
                Ok(()) => measure::parked("processed"),
                Err(LogoutErrorKind::Refused(_)) => measure::parked("refused"),
                Err(_) => waiting.push_back(parked),
            }
        }
        if !waiting.is_empty() {
            lot.put_back(&issuer, waiting);
            sleep(BREATH).await;
        }
    }
}

async fn retry<S: SessionStore, R: ReplayStore>(
    logout: &Logout<S, R>,
    parked: &Parked,
    issuer: &Issuer,
) -> Result<(), LogoutErrorKind> {
    let span = LogoutSpan::parked(issuer);
    async {
        let handled = handle(logout, parked, &span).await;
        let (outcome, reason) = codes(&handled);
        span.conclude(outcome, reason);
        let Err(error) = handled else {
            return Ok(());
        };
        match error.kind() {
            // Said when it was parked; it goes on waiting.
            LogoutErrorKind::KeysUnavailable => {}
            _ => error.log(),
        }
        Err(error.kind())
    }
    .instrument(span.span())
    .await
}

async fn handle<S: SessionStore, R: ReplayStore>(
    logout: &Logout<S, R>,
    parked: &Parked,
    span: &LogoutSpan,
) -> Result<LogoutOutcome, LogoutError> {
    let token = logout
        .verifier()
        .verify_at(&parked.token, parked.place, parked.arrival)
        .await?;
    logout.process(token, span).await
}
