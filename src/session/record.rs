//! One session of the RP.

use std::sync::Arc;

use super::SessionIdentity;
use crate::clock::UnixTime;
use crate::types::SessionId;

/// A session that is about to be registered at login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) identity: SessionIdentity,
    pub(crate) expires_at: UnixTime,
}

impl NewSession {
    /// A session under the RP's own key, for the customer the ID Token names, until the given moment.
    #[must_use]
    pub const fn new(id: SessionId, identity: SessionIdentity, expires_at: UnixTime) -> Self {
        Self {
            id,
            identity,
            expires_at,
        }
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
}

/// A live session, as a store answers it and the guard hands it to the handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    identity: Arc<SessionIdentity>,
}

impl Session {
    /// A live session of the given identity.
    #[must_use]
    pub fn new(identity: impl Into<Arc<SessionIdentity>>) -> Self {
        Self {
            identity: identity.into(),
        }
    }

    /// Whose session it is.
    #[must_use]
    pub fn identity(&self) -> &SessionIdentity {
        &self.identity
    }
}
