//! Why a Back-Channel Logout Request was not carried out, split by whose fault it is.

use std::fmt;

use crate::event::BoxError;
use crate::refusal::Refusal;
use crate::types::Issuer;

/// Why a request was not carried out: the token's fault ([`Refusal`]) or ours.
///
/// Likely causes and what to do are on the page [`operation`](crate::guide::operation#our-own-inability) of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogoutErrorKind {
    /// The token is not acceptable. Repeating it cannot help (BCL 2.6).
    Refused(Refusal),
    /// The keys of the OP cannot be had now, so the token can be neither accepted nor refused (spec BCL-76).
    ///
    /// Code: `keys_unavailable`.
    #[doc(alias = "keys_unavailable")]
    KeysUnavailable,
    /// The session store failed, timed out or panicked (spec BCL-147). Some sessions may still be live.
    ///
    /// Code: `store_failure`.
    #[doc(alias = "store_failure")]
    StoreFailure,
    /// The sessions are ended, but the application's hook failed (spec BCL-152).
    ///
    /// Code: `hook_failure`.
    #[doc(alias = "hook_failure")]
    HookFailure,
    /// The request was not finished within the overall deadline (spec BCL-20).
    ///
    /// Code: `deadline`.
    #[doc(alias = "deadline")]
    Deadline,
    /// Too many requests are in progress (spec BCL-21).
    ///
    /// Code: `overloaded`.
    #[doc(alias = "overloaded")]
    Overloaded,
}

impl LogoutErrorKind {
    /// The group of the reason: the token's fault or ours.
    pub(crate) const fn outcome(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            _ => "failed",
        }
    }

    /// Every kind but the refusals, for tests and for pre-registering metrics.
    pub const OURS: &'static [Self] = &[
        Self::KeysUnavailable,
        Self::StoreFailure,
        Self::HookFailure,
        Self::Deadline,
        Self::Overloaded,
    ];

    /// The stable code of the reason, for logs and metrics (spec BCL-171).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::KeysUnavailable => "keys_unavailable",
            Self::StoreFailure => "store_failure",
            Self::HookFailure => "hook_failure",
            Self::Deadline => "deadline",
            Self::Overloaded => "overloaded",
        }
    }

    /// A constant text, fit for `error_description`.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.description(),
            Self::KeysUnavailable => "the keys of the provider are not available",
            Self::StoreFailure => "the session store failed",
            Self::HookFailure => "a step after the logout failed",
            Self::Deadline => "the request took too long",
            Self::Overloaded => "too many requests are in progress",
        }
    }
}

/// A request that was not carried out.
pub struct LogoutError {
    kind: LogoutErrorKind,
    issuer: Option<Issuer>,
    source: Option<BoxError>,
}

impl LogoutError {
    pub(crate) fn with_source(kind: LogoutErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            issuer: None,
            source: Some(source.into()),
        }
    }

    pub(super) fn of(mut self, issuer: &Issuer) -> Self {
        self.issuer = Some(issuer.clone());
        self
    }

    /// The configured provider whose token it was, once that is known.
    #[must_use]
    pub const fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// One line about it; successes are logged where the sessions end.
    pub(crate) fn log(&self) {
        let reason = self.kind.code();
        let iss = self.issuer.as_ref().map(Issuer::as_str);
        match self.kind {
            // Anybody can send these: no trace of them where operators look.
            LogoutErrorKind::Refused(_) if iss.is_none() => {
                tracing::debug!(outcome = "refused", reason, "logout token refused");
            }
            LogoutErrorKind::Refused(_) => {
                tracing::warn!(iss, outcome = "refused", reason, "logout token refused");
            }
            _ => tracing::error!(
                iss,
                outcome = "failed",
                reason,
                error = self.source.as_deref().map(tracing::field::display),
                "logout not carried out"
            ),
        }
    }

    /// Why.
    #[must_use]
    pub const fn kind(&self) -> LogoutErrorKind {
        self.kind
    }
}

impl From<LogoutErrorKind> for LogoutError {
    fn from(kind: LogoutErrorKind) -> Self {
        Self {
            kind,
            issuer: None,
            source: None,
        }
    }
}

impl From<Refusal> for LogoutError {
    fn from(refusal: Refusal) -> Self {
        LogoutErrorKind::Refused(refusal).into()
    }
}

impl fmt::Debug for LogoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutError")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for LogoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.description())
    }
}

impl std::error::Error for LogoutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
