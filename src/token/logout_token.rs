//! The verified claims.

use std::fmt;

use crate::clock::UnixTime;
use crate::session::{LogoutRequest, LogoutTarget};
use crate::types::{ClientId, Issuer, Jti};

/// A Logout Token that passed every check: proof that the OP asked for this logout (BCL 2.4).
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutToken {
    pub(super) issuer: Issuer,
    pub(super) client_id: ClientId,
    pub(super) target: LogoutTarget,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: Option<UnixTime>,
    pub(super) usable_until: UnixTime,
    pub(super) jti: Option<Jti>,
    pub(super) revoke_offline_access: bool,
    pub(super) events: Box<str>,
}

impl LogoutToken {
    /// The OP that sent it.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The client it is for.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Whose sessions it ends.
    #[must_use]
    pub const fn target(&self) -> &LogoutTarget {
        &self.target
    }

    /// Its `iat`, a fraction rounded up: the cut-off must not fall before the logout (spec BCL-143).
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// Its `exp`, a fraction rounded up. Several OPs send none.
    #[must_use]
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// The first second at which the same token is refused, by its age or its `exp` (spec BCL-104, 105).
    #[must_use]
    pub const fn usable_until(&self) -> UnixTime {
        self.usable_until
    }

    /// Its `jti`; none only if the policy allows that.
    #[must_use]
    pub const fn jti(&self) -> Option<&Jti> {
        self.jti.as_ref()
    }

    /// Whether `events` says `"revoke_offline_access": true`, as Keycloak does to hint that refresh tokens with
    /// `offline_access` should be revoked too (spec BCL-151). This crate never acts on it.
    #[must_use]
    pub const fn revoke_offline_access(&self) -> bool {
        self.revoke_offline_access
    }

    /// The `events` claim as JSON text, with the event's own members and all other events (spec BCL-114).
    #[must_use]
    pub const fn events(&self) -> &str {
        &self.events
    }

    /// What a store is asked to end.
    #[must_use]
    pub fn to_request(&self) -> LogoutRequest {
        self.clone().into_request()
    }

    /// [`to_request`](Self::to_request) without a copy.
    pub(crate) fn into_request(self) -> LogoutRequest {
        LogoutRequest::of_token(
            self.issuer,
            self.client_id,
            self.target,
            self.issued_at,
            self.usable_until,
            self.jti,
            self.revoke_offline_access,
        )
    }
}

/// Without `events`: an OP may put anything there.
impl fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutToken")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("target", &self.target)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}
