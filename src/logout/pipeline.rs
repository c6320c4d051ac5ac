//! The order of steps after verification.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashSet;
use tracing::Instrument;

use super::builder::{LogoutBuilder, OnHookFailure};
use super::contain::contain;
use super::error::{LogoutError, LogoutErrorKind};
use super::outcome::{LogoutOutcome, codes};
use super::parking::ParkingLot;
use super::verifier::{Arrival, LogoutTokenVerifier, TokenPlace};
use crate::event::{LogoutEvent, LogoutSpan, SharedHook};
use crate::measure::{self, InProgress, Started};
use crate::provider::Providers;
use crate::refusal::Refusal;
use crate::replay::{MemoryReplay, ReplayKey, ReplayStore};
use crate::session::{LogoutRequest, SessionStore, Terminated};
use crate::types::{Issuer, Jti, Sid, Subject};
use crate::within::within;

/// How long a replay store may take to answer. A slower one counts as one that knows nothing (spec BCL-163).
const REPLAY_PATIENCE: Duration = Duration::from_millis(250);

/// Carries out Back-Channel Logout Requests: verify, end, tell, remember. Callable from any framework; the
/// [endpoint](crate::endpoint) only adds HTTP. Cheap to clone; clones share everything.
pub struct Logout<S, R = MemoryReplay>(pub(super) Arc<Inner<S, R>>);

pub(super) struct Inner<S, R> {
    pub(super) store: S,
    pub(super) replay: R,
    pub(super) verifier: LogoutTokenVerifier,
    pub(super) hook: Option<SharedHook>,
    pub(super) on_hook_failure: OnHookFailure,
    pub(super) refuse_repetitions: bool,
    /// Sessions are not in the store: that none matches is no news.
    pub(super) stateless: bool,
    pub(super) parking: Option<ParkingLot>,
    /// Issuers whose tokens were seen without any `sid`: each is reported once.
    pub(super) without_sid: DashSet<Issuer>,
}

impl<S> Logout<S> {
    /// Ends the sessions of `store` when one of `providers` says so.
    pub fn builder(store: S, providers: impl Into<Providers>) -> LogoutBuilder<S> {
        LogoutBuilder::new(store, providers.into())
    }
}

impl<S, R> Logout<S, R> {
    /// The store whose sessions are ended.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// The verifier, which also leads to the providers.
    #[must_use]
    pub fn verifier(&self) -> &LogoutTokenVerifier {
        &self.0.verifier
    }

    /// How many tokens wait for the keys of their OP.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.0.parking.as_ref().map_or(0, ParkingLot::len)
    }
}

impl<S: SessionStore, R: ReplayStore> Logout<S, R> {
    /// Verifies a Logout Token and ends the sessions it names.
    ///
    /// # Errors
    ///
    /// [`LogoutErrorKind::Refused`] when the token is not acceptable; every other kind is our own inability, and the OP
    /// should be asked to repeat the request.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point. What has ended by then stays ended, and a repetition does the rest.
    pub async fn handle(&self, token: &str) -> Result<LogoutOutcome, LogoutError> {
        let started = Started::now();
        let _in_progress = InProgress::new();
        let span = LogoutSpan::request();
        let handled = self
            .handle_from(token, TokenPlace::Body, &span)
            .instrument(span.span())
            .await;
        let (outcome, reason) = codes(&handled);
        span.conclude(outcome, reason);
        measure::request(outcome, reason, started);
        handled
    }

    pub(crate) async fn handle_from(
        &self,
        token: &str,
        place: TokenPlace,
        span: &LogoutSpan,
    ) -> Result<LogoutOutcome, LogoutError> {
        let arrival = Arrival::now(self.0.verifier.clock());
        match self.0.verifier.verify_at(token, place, arrival).await {
            Ok(verified) => {
                span.issuer(verified.issuer());
                self.process(verified.into_request(), span).await
            }
            Err(error) => {
                if let Some(issuer) = error.issuer() {
                    span.issuer(issuer);
                }
                if error.kind() == LogoutErrorKind::KeysUnavailable
                    && let (Some(parking), Some(issuer)) = (&self.0.parking, error.issuer())
                {
                    parking.park(self, issuer, token, place, arrival);
                }
                Err(error)
            }
        }
    }

    /// Ends the sessions of a token that was verified elsewhere, or of the application's own request ("sign this
    /// customer out everywhere"): the same steps, hook included, that a provider's token takes.
    ///
    /// # Errors
    ///
    /// [`LogoutErrorKind::StoreFailure`] when sessions may still be live, [`LogoutErrorKind::HookFailure`] when they
    /// are ended and the hook failed.
    pub async fn terminate(&self, request: &LogoutRequest) -> Result<LogoutOutcome, LogoutError> {
        let issuer = request.issuer();
        let terminated = self
            .end_sessions(request)
            .await
            .map_err(|error| error.of(issuer))?;
        let outcome = match terminated.newly_ended {
            0 if terminated.sessions.is_empty() => LogoutOutcome::Unmatched,
            ended => LogoutOutcome::Ended(ended),
        };
        let event = LogoutEvent::new(request.clone(), terminated);
        self.tell(&event).await.map_err(|error| error.of(issuer))?;
        self.forget(&event).await;
        self.report(request, outcome);
        Ok(outcome)
    }

    /// Steps 2 to 5 for what a verified token asks for.
    pub(super) async fn process(
        &self,
        request: LogoutRequest,
        span: &LogoutSpan,
    ) -> Result<LogoutOutcome, LogoutError> {
        tracing::trace!(
            sub = request.target().subject().map(Subject::as_str),
            sid = request.target().sid().map(Sid::as_str),
            jti = request.jti().map(Jti::as_str),
            "logout token verified"
        );
        let key = replay_key(&request);
        if let Some(key) = &key
            && self.seen(key).await
        {
            measure::repeated();
            return if self.0.refuse_repetitions {
                Err(LogoutError::from(Refusal::Replayed).of(request.issuer()))
            } else {
                Ok(LogoutOutcome::Repeated)
            };
        }
        let outcome = self.terminate(&request).await?;
        span.sessions(outcome.sessions());
        measure::effect(|| {
            let now = self.0.verifier.clock().now();
            now.saturating_duration_since(request.cut_off())
        });
        if let Some(key) = &key {
            self.remember(key, &request).await;
        }
        Ok(outcome)
    }

    async fn end_sessions(&self, request: &LogoutRequest) -> Result<Terminated, LogoutError> {
        match contain(async { self.0.store.terminate(request).await }).await {
            Ok(Ok(terminated)) => Ok(terminated),
            Ok(Err(error)) => Err(LogoutError::with_source(
                LogoutErrorKind::StoreFailure,
                error,
            )),
            Err(panicked) => Err(LogoutError::with_source(
                LogoutErrorKind::StoreFailure,
                panicked,
            )),
        }
    }

    async fn tell(&self, event: &LogoutEvent) -> Result<(), LogoutError> {
        let Some(hook) = &self.0.hook else {
            return Ok(());
        };
        let error = match contain(async { hook.on_logout_dyn(event).await }).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(panicked) => panicked.into(),
        };
        match self.0.on_hook_failure {
            OnHookFailure::Fail => Err(LogoutError::with_source(
                LogoutErrorKind::HookFailure,
                error,
            )),
            OnHookFailure::Ignore => {
                tracing::warn!(iss = %event.request().issuer(), reason = "hook_failure", %error, "hook failed, ignored");
                Ok(())
            }
        }
    }

    /// The sessions are ended and everybody knows: what the store kept for a repetition may go.
    async fn forget(&self, event: &LogoutEvent) {
        let forgetting = contain(async {
            self.0
                .store
                .forget(event.request(), event.terminated())
                .await
        });
        match forgetting.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(iss = %event.request().issuer(), %error, "clean-up failed")
            }
            Err(error) => {
                tracing::warn!(iss = %event.request().issuer(), %error, "clean-up failed")
            }
        }
    }

    /// Whether the token was processed before. A store that fails or is slow knows nothing (spec BCL-163).
    async fn seen(&self, key: &ReplayKey<'_>) -> bool {
        let asking = pin!(contain(async { self.0.replay.seen(key).await }));
        match within(REPLAY_PATIENCE, asking).await {
            Some(Ok(Ok(seen))) => seen,
            _ => {
                tracing::warn!(
                    reason = "replay_store",
                    "the replay store failed; the token is processed"
                );
                false
            }
        }
    }

    async fn remember(&self, key: &ReplayKey<'_>, request: &LogoutRequest) {
        let remembering = pin!(contain(async {
            self.0.replay.remember(key, request.usable_until()).await
        }));
        if !matches!(within(REPLAY_PATIENCE, remembering).await, Some(Ok(Ok(())))) {
            tracing::warn!(
                reason = "replay_store",
                "the replay store failed; a repetition will be processed"
            );
        }
    }
}

/// What makes two deliveries the same token; a request without `jti` is never a repetition.
fn replay_key(request: &LogoutRequest) -> Option<ReplayKey<'_>> {
    let key = ReplayKey::new(
        request.issuer(),
        request.client_id(),
        request.jti()?,
        request.cut_off(),
    );
    Some(
        key.with_sid(request.target().sid())
            .with_subject(request.target().subject()),
    )
}

impl<S, R> Clone for Logout<S, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> fmt::Debug for Logout<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logout")
            .field("verifier", &self.0.verifier)
            .finish_non_exhaustive()
    }
}
