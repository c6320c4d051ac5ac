//! What became of a request, and what is said about it.

use super::error::LogoutError;
use super::pipeline::Logout;
use crate::measure;
use crate::session::{LogoutRequest, LogoutTarget};

/// What became of a request that succeeded. The OP is answered the same in each case (spec BCL-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogoutOutcome {
    /// So many sessions that were live are ended.
    Ended(usize),
    /// No session matched (BCL 2.7: success). The mark is left all the same.
    Unmatched,
    /// The token was processed before; nothing was done (spec BCL-160).
    Repeated,
}

impl LogoutOutcome {
    /// The stable code of the outcome, for logs and metrics (spec BCL-171).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ended(_) => "ended",
            Self::Unmatched => "unmatched",
            Self::Repeated => "repeated",
        }
    }
}

impl LogoutOutcome {
    pub(super) const fn sessions(self) -> usize {
        match self {
            Self::Ended(sessions) => sessions,
            Self::Unmatched | Self::Repeated => 0,
        }
    }
}

/// Outcome and reason, for logs and metrics.
pub(super) fn codes(handled: &Result<LogoutOutcome, LogoutError>) -> (&'static str, &'static str) {
    match handled {
        Ok(outcome) => (outcome.code(), ""),
        Err(error) => (error.kind().outcome(), error.kind().code()),
    }
}

impl<S, R> Logout<S, R> {
    /// Says what is worth knowing about a request that succeeded.
    pub(super) fn report(&self, request: &LogoutRequest, outcome: LogoutOutcome) {
        let iss = request.issuer();
        let ended = outcome.sessions();
        let matched = outcome != LogoutOutcome::Unmatched;
        measure::ended(ended, matched);
        tracing::info!(%iss, outcome = outcome.code(), sessions = ended, "logout");
        if !matched && !self.0.stateless {
            tracing::warn!(
                %iss,
                reason = match request.target() {
                    LogoutTarget::Subject(_) => "unmatched_sub",
                    LogoutTarget::Session { .. } => "unmatched_sid",
                },
                "a valid logout matched no session; is every login registered with the sub and sid of its ID token?"
            );
        }
        if request.jti().is_some()
            && matches!(request.target(), LogoutTarget::Subject(_))
            && !self.0.without_sid.contains(iss)
            && self.0.without_sid.insert(iss.clone())
        {
            tracing::warn!(
                %iss,
                reason = "no_sid",
                "the provider sends logout tokens without sid: each ends all sessions of the customer here"
            );
        }
    }
}
