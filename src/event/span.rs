//! The span of one logout: everything that is logged while it is carried out stands in there.

use tracing::Span;
use tracing::field::Empty;

use crate::types::Issuer;

/// A span at level info with the fields `iss`, `outcome`, `reason` and `sessions`, each recorded once it is known. Without a
/// subscriber that wants it, it is nothing.
#[derive(Clone, Debug)]
pub(crate) struct LogoutSpan(Span);

impl LogoutSpan {
    /// The request of an OP, from its head to its answer, and beyond where the logout goes on after the deadline.
    pub(crate) fn request() -> Self {
        Self(tracing::info_span!(
            "backchannel_logout",
            iss = Empty,
            outcome = Empty,
            reason = Empty,
            sessions = Empty
        ))
    }

    /// One attempt at a token that waited for keys. The request that brought it is long over: a root of its own.
    pub(crate) fn parked(issuer: &Issuer) -> Self {
        Self(tracing::info_span!(
            parent: None,
            "parked_logout",
            iss = issuer.as_str(),
            outcome = Empty,
            reason = Empty,
            sessions = Empty
        ))
    }

    /// To run a future or a function in.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    pub(crate) fn issuer(&self, issuer: &Issuer) {
        self.0.record("iss", issuer.as_str());
    }

    pub(crate) fn sessions(&self, ended: usize) {
        self.0.record("sessions", ended);
    }

    /// What became of it. A success has no reason.
    pub(crate) fn conclude(&self, outcome: &'static str, reason: &'static str) {
        self.0.record("outcome", outcome);
        if !reason.is_empty() {
            self.0.record("reason", reason);
        }
    }
}
