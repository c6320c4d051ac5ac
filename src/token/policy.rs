//! The choices the specification leaves to the RP.

use std::sync::Arc;
use std::time::Duration;

/// How strictly Logout Tokens are judged. The default accepts what real OPs send and nothing that BCL forbids;
/// [`strict`](Self::strict) asks for all that current OPs should send.
///
/// Durations count in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    pub(super) leeway: Duration,
    pub(super) max_age: Duration,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) strict_typ: bool,
    pub(super) require_exp: bool,
    pub(super) require_sid: bool,
    pub(super) allow_missing_jti: bool,
    trusted_audiences: Arc<[Box<str>]>,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            leeway: Duration::from_secs(60),
            max_age: Duration::from_secs(300),
            max_lifetime: None,
            strict_typ: false,
            require_exp: false,
            require_sid: false,
            allow_missing_jti: false,
            trusted_audiences: Arc::default(),
        }
    }
}

impl TokenPolicy {
    /// The strict profile (OWASP ASVS 10.5.5, BCL 4 and 4.1; spec BCL-174): `typ` is `logout+jwt`, `exp` is there and at
    /// most 120 s after `iat`.
    ///
    /// Several OPs send neither that `typ` nor `exp`, and the certification suite sends no `typ`: try it against your OP.
    #[must_use]
    pub fn strict() -> Self {
        Self::default()
            .with_strict_typ(true)
            .with_require_exp(true)
            .with_max_lifetime(Duration::from_secs(120))
    }

    /// By how much the clocks of OP and RP may differ, in every comparison. Default 60 s; Core 3.1.3.7 allows a few
    /// minutes. A longer one keeps captured tokens usable for longer.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// By how much the clocks of the OP and of this RP may differ.
    #[must_use]
    pub const fn leeway(&self) -> Duration {
        self.leeway
    }

    /// How far `iat` may lie in the past, the leeway not counted. Default 300 s (spec BCL-104). It bounds tokens without
    /// `exp`; a shorter one refuses late deliveries, a longer one keeps captured tokens usable for longer.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How far `exp` may lie after `iat`, the leeway not counted. Default: as far as the OP likes, because `iat` bounds the
    /// token anyway (spec BCL-174).
    #[must_use]
    pub const fn with_max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = Some(max_lifetime);
        self
    }

    /// Whether `typ` must be `logout+jwt` or `application/logout+jwt`. Default `false`: an absent one and `JWT` are taken
    /// too, because many OPs send that (BCL 2.4, 4.1; spec BCL-55).
    #[must_use]
    pub const fn with_strict_typ(mut self, strict: bool) -> Self {
        self.strict_typ = strict;
        self
    }

    /// Whether `exp` must be there. Default `false`: it is required only since errata set 1 of BCL (spec BCL-106).
    #[must_use]
    pub const fn with_require_exp(mut self, require: bool) -> Self {
        self.require_exp = require;
        self
    }

    /// Whether `sid` must be there. Default `false`: a token with `sub` alone ends all sessions of the subject (spec
    /// BCL-117).
    #[must_use]
    pub const fn with_require_sid(mut self, require: bool) -> Self {
        self.require_sid = require;
        self
    }

    /// Audiences that may stand beside this client. Default none (Core 3.1.3.7 step 3; spec BCL-102). With HS256, HS384
    /// and HS512 a token has one audience all the same (spec BCL-85).
    #[must_use]
    pub fn with_trusted_audiences<A: Into<Box<str>>>(
        mut self,
        audiences: impl IntoIterator<Item = A>,
    ) -> Self {
        self.trusted_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// Takes tokens without `jti`, which BCL 2.4 forbids. Default `false`. Repetitions of such a token are not recognised:
    /// each one is processed anew (spec BCL-109). A `jti` that is there must be a string all the same.
    #[must_use]
    pub const fn dangerous_allow_missing_jti(mut self, allow: bool) -> Self {
        self.allow_missing_jti = allow;
        self
    }

    pub(super) fn trusts(&self, audience: &str) -> bool {
        self.trusted_audiences
            .iter()
            .any(|trusted| **trusted == *audience)
    }
}
