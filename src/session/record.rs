//! One session of the RP.

use std::borrow::Borrow;
use std::sync::Arc;

use super::SessionIdentity;
use super::cell::{Scope, SessionCell};
use crate::clock::UnixTime;
use crate::types::{ClientId, Issuer, SessionId};

/// A session that is about to be registered at login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) identity: SessionIdentity,
    pub(crate) expires_at: UnixTime,
    pub(crate) adopt: bool,
}

impl NewSession {
    /// A session under the RP's own key, for the customer the ID Token names, until the given moment.
    #[must_use]
    pub const fn new(id: SessionId, identity: SessionIdentity, expires_at: UnixTime) -> Self {
        Self {
            id,
            identity,
            expires_at,
            adopt: false,
        }
    }

    /// Takes a session whose ID Token is older than the marks are kept: for moving sessions that exist already into a store, once.
    /// Default off.
    ///
    /// A logout that happened before the marks of the store began cannot be found; such a session then lives on.
    #[must_use]
    pub const fn dangerous_adopt_existing(mut self) -> Self {
        self.adopt = true;
        self
    }

    /// The RP's own key.
    #[must_use]
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// Whose session it is.
    #[must_use]
    pub const fn identity(&self) -> &SessionIdentity {
        &self.identity
    }

    /// When it ends by itself.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// Whether an old ID Token is taken, see [`dangerous_adopt_existing`](Self::dangerous_adopt_existing).
    #[must_use]
    pub const fn adopts_existing(&self) -> bool {
        self.adopt
    }
}

/// A session as a store answers it and the guard hands it to the handler. Cloning it costs no allocation.
#[derive(Clone, Debug)]
pub struct Session(pub(crate) Arc<SessionCell>);

impl Session {
    /// A session of the given identity, for stores of one's own. Its end is unknown until
    /// [`with_expires_at`](Self::with_expires_at) says it.
    #[must_use]
    pub fn new(identity: impl Borrow<SessionIdentity>) -> Self {
        Self::build(identity.borrow(), UnixTime::from_secs(i64::MAX))
    }

    /// Says when the session ends by itself.
    #[must_use]
    pub fn with_expires_at(self, expires_at: UnixTime) -> Self {
        Self::build(&self.identity(), expires_at)
    }

    fn build(identity: &SessionIdentity, expires_at: UnixTime) -> Self {
        let scope = Scope {
            issuer: identity.issuer().clone(),
            client_id: identity.client_id().clone(),
        };
        Self(Arc::new(SessionCell::new(
            Arc::new(scope),
            &SessionId::reread(""),
            identity,
            expires_at,
            [0; 2],
        )))
    }

    /// The OP that authenticated the customer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.scope().issuer
    }

    /// This RP's `client_id` at that OP.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.0.scope().client_id
    }

    /// The customer: the `sub` of the ID Token.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.subject()
    }

    /// The session at the OP, if the OP names its sessions.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.0.sid()
    }

    /// The `iat` of the first ID Token.
    #[must_use]
    pub fn id_token_iat(&self) -> Option<UnixTime> {
        self.0.iat()
    }

    /// When a live session ends by itself, as far as the store says.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        Some(self.0.expires_at()).filter(|end| end.as_secs() != i64::MAX)
    }

    /// Whose session it is, as a value of its own. Copies the strings; the single accessors do not.
    #[must_use]
    pub fn identity(&self) -> SessionIdentity {
        self.0.identity()
    }
}
