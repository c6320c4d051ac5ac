//! Attends to the parked tokens of one OP: one task each, from the first token that is parked until none is left.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::error::{LogoutError, LogoutErrorKind};
use super::outcome::{LogoutOutcome, codes};
use super::parking::{Parked, ParkingLot};
use super::pipeline::Logout;
use crate::event::LogoutSpan;
use crate::measure;
use crate::replay::ReplayStore;
use crate::session::SessionStore;
use crate::types::Issuer;

/// Pause between two attempts when nothing says that the keys have changed.
const PAUSE: Duration = Duration::from_secs(5);

/// Shortest pause between two attempts, whatever the reason for the second.
const BREATH: Duration = Duration::from_secs(1);

/// How long one attempt may take: a store or hook that hangs must not hold up the other tokens for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tokens somebody has in hand. Whoever goes without being done, since the runtime is shut down or the application's code
/// panicked, leaves them to the next one.
struct Shift<'a> {
    lot: &'a ParkingLot,
    issuer: &'a Issuer,
    tried: VecDeque<Parked>,
    untried: VecDeque<Parked>,
    done: bool,
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut left = mem::take(&mut self.tried);
            left.append(&mut self.untried);
            self.lot.put_back(self.issuer, left, false);
        }
    }
}

/// Waits for keys and processes what is parked, until nothing is left.
pub(super) async fn attend<S: SessionStore, R: ReplayStore>(logout: Logout<S, R>, issuer: Issuer) {
    let Some(lot) = &logout.0.parking else { return };
    let mut shift = Shift {
        lot,
        issuer: &issuer,
        tried: VecDeque::new(),
        untried: VecDeque::new(),
        done: false,
    };
    while let Some(oldest) = lot.oldest(&issuer) {
        match logout.verifier().providers().find(issuer.as_str()) {
            // Keys that were fetched after a token came in settle it, without another fetch.
            Some(provider) => {
                let _ = timeout(PAUSE, provider.keys().refreshed_after(oldest)).await;
            }
            None => sleep(PAUSE).await,
        }
        let Some(tokens) = lot.take(&issuer, Instant::now()) else {
            break;
        };
        shift.untried = tokens;
        while let Some(parked) = shift.untried.front() {
            let verdict = retry(&logout, parked, &issuer).await;
            let parked = shift.untried.pop_front();
            match verdict {
                Ok(()) => measure::parked("processed"),
                Err(LogoutErrorKind::Refused(_)) => measure::parked("refused"),
                Err(_) => shift.tried.extend(parked),
            }
        }
        if !shift.tried.is_empty() {
            lot.put_back(&issuer, mem::take(&mut shift.tried), true);
            sleep(BREATH).await;
        }
    }
    shift.done = true;
}

async fn retry<S: SessionStore, R: ReplayStore>(
    logout: &Logout<S, R>,
    parked: &Parked,
    issuer: &Issuer,
) -> Result<(), LogoutErrorKind> {
    let span = LogoutSpan::parked(issuer);
    async {
        let handled = match timeout(PATIENCE, handle(logout, parked, &span)).await {
            Ok(handled) => handled,
            Err(_) => Err(LogoutError::from(LogoutErrorKind::Deadline).of(issuer)),
        };
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
    logout.process(token.into_request(), span).await
}
