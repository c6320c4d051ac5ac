//! Tokens that cannot be verified now, kept until the keys of their OP are back.
//!
//! The OP is answered `503`, but some never repeat a request; without this their logout would be lost.
//!
//! 1. A token is parked only when it could still be valid: its shape, issuer, audience and header were checked before.
//! 2. The lot is bounded in number, bytes and age, for each issuer by itself. When it is full the oldest goes first.
//! 3. As soon as the keys are back, and at least every few seconds, the parked tokens are verified *as of their
//!    arrival* and processed like fresh ones, see [`attend`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::attend::attend;
use super::pipeline::Logout;
use super::verifier::{Arrival, TokenPlace};
use crate::measure;
use crate::replay::ReplayStore;
use crate::session::SessionStore;
use crate::types::Issuer;

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

pub(super) struct Parked {
    pub(super) token: Box<str>,
    pub(super) place: TokenPlace,
    pub(super) arrival: Arrival,
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
        // Outside of a runtime there is nobody to attend to it, and no way to fetch keys either.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut lots = self.lots();
        let lot = lots.entry(issuer.clone()).or_default();
        if lot.tokens.iter().any(|parked| *parked.token == *token) {
            return;
        }
        let before = lot.tokens.len();
        while lot.tokens.len() >= self.bounds.max_tokens
            || lot.bytes + token.len() > self.bounds.max_bytes
        {
            lot.drop_oldest();
            measure::parked("pushed_out");
        }
        let pushed_out = before - lot.tokens.len();
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
        tracing::warn!(iss = %issuer, reason = "keys_unavailable", pushed_out, "token parked until the keys are back");
        if !attended {
            runtime.spawn(attend(logout.clone(), issuer.clone()));
        }
    }

    /// When the oldest token came in; `None`, and nobody attends any more, when there is none.
    pub(super) fn oldest(&self, issuer: &Issuer) -> Option<Instant> {
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
    pub(super) fn take(&self, issuer: &Issuer, now: Instant) -> Option<VecDeque<Parked>> {
        let mut lots = self.lots();
        let lot = lots.get_mut(issuer)?;
        lot.bytes = 0;
        let mut tokens = std::mem::take(&mut lot.tokens);
        let parked = tokens.len();
        measure::parked_now(issuer, 0);
        // By the clock of the runtime: setting the time of day ages no token.
        tokens.retain(|token| {
            now.saturating_duration_since(token.arrival.instant) <= self.bounds.max_age
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

    /// Puts tokens back in front of those that came meanwhile. Unless somebody still attends, the next token that is parked calls
    /// for somebody.
    pub(super) fn put_back(&self, issuer: &Issuer, tokens: VecDeque<Parked>, attended: bool) {
        let mut lots = self.lots();
        let lot = lots.entry(issuer.clone()).or_default();
        lot.attended = attended;
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
