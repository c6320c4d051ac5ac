//! What a store is asked to end.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::types::{ClientId, Issuer, Jti, Sid, Subject};

/// Whose sessions a Logout Token ends (BCL 2.4). A token that names nobody has no value here.
#[expect(clippy::exhaustive_enums, reason = "closed by the spec")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogoutTarget {
    /// `sub` alone: every session of the subject (spec BCL-143).
    Subject(Subject),
    /// `sid`, and the `sub` (if sent) that also reaches sessions stored without any sid (spec BCL-141).
    Session {
        /// The session at the OP.
        sid: Sid,
        /// The customer, if the OP names them too.
        subject: Option<Subject>,
    },
}

impl LogoutTarget {
    /// The `sub`, if there is one.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Subject(subject) => Some(subject),
            Self::Session { subject, .. } => subject.as_ref(),
        }
    }

    /// The `sid`, if there is one.
    #[must_use]
    pub const fn sid(&self) -> Option<&Sid> {
        match self {
            Self::Subject(_) => None,
            Self::Session { sid, .. } => Some(sid),
        }
    }
}

/// A verified Back-Channel Logout Request: what a store is asked to end. Cheap to clone.
///
/// The same value serves the application's own "sign this customer out everywhere", see
/// [`LogoutRequest::for_subject`].
#[derive(Clone, Debug)]
pub struct LogoutRequest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: Issuer,
    client_id: ClientId,
    target: LogoutTarget,
    cut_off: UnixTime,
    usable_until: UnixTime,
    jti: Option<Jti>,
    revoke_offline_access: bool,
}

impl LogoutRequest {
    /// A request of an OP. `cut_off` is the `iat` of its token, `usable_until` the moment from which the token is
    /// refused anyway.
    #[must_use]
    pub fn new(
        issuer: Issuer,
        client_id: ClientId,
        target: LogoutTarget,
        cut_off: UnixTime,
        usable_until: UnixTime,
    ) -> Self {
        Self::of_token(
            issuer,
            client_id,
            target,
            cut_off,
            usable_until,
            None,
            false,
        )
    }

    /// A request with the `jti` of its Logout Token and with what else that says.
    #[must_use]
    pub(crate) fn of_token(
        issuer: Issuer,
        client_id: ClientId,
        target: LogoutTarget,
        cut_off: UnixTime,
        usable_until: UnixTime,
        jti: Option<Jti>,
        revoke_offline_access: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            issuer,
            client_id,
            target,
            cut_off,
            usable_until,
            jti,
            revoke_offline_access,
        }))
    }

    /// The application's own "sign this customer out everywhere", as of now.
    #[must_use]
    pub fn for_subject(
        issuer: Issuer,
        client_id: ClientId,
        subject: Subject,
        now: UnixTime,
    ) -> Self {
        Self::new(issuer, client_id, LogoutTarget::Subject(subject), now, now)
    }

    /// The application's own "sign this one session of the OP out", as of now.
    #[must_use]
    pub fn for_sid(issuer: Issuer, client_id: ClientId, sid: Sid, now: UnixTime) -> Self {
        Self::new(
            issuer,
            client_id,
            LogoutTarget::Session { sid, subject: None },
            now,
            now,
        )
    }

    /// The OP whose sessions may be touched (spec BCL-140).
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The client whose sessions may be touched (spec BCL-140).
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.0.client_id
    }

    /// Whose sessions end.
    #[must_use]
    pub fn target(&self) -> &LogoutTarget {
        &self.0.target
    }

    /// The `iat` of the Logout Token: a session whose ID Token is later (and more than the spread later) was begun after the
    /// logout was decided (spec BCL-143, 149).
    #[must_use]
    pub fn cut_off(&self) -> UnixTime {
        self.0.cut_off
    }

    /// Until when the same token could be delivered again.
    #[must_use]
    pub fn usable_until(&self) -> UnixTime {
        self.0.usable_until
    }

    /// The `jti` of the Logout Token; none for the application's own requests.
    #[must_use]
    pub fn jti(&self) -> Option<&Jti> {
        self.0.jti.as_ref()
    }

    /// Whether the OP hints that refresh tokens with `offline_access` should be revoked too (spec BCL-151). Never acted
    /// on by this crate.
    #[must_use]
    pub fn revoke_offline_access(&self) -> bool {
        self.0.revoke_offline_access
    }
}
