//! Where the keys of one provider come from.

use tokio::time::Instant;

use crate::jwks::{AfterMiss, KeySnapshot, KeysHealth, KeysUnavailable, Miss, RemoteJwks};

/// The keys of one provider. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// A set that never changes; empty when every client uses its secret.
    Static(KeySnapshot),
    /// A set that is fetched.
    Remote(RemoteJwks),
}

impl Keys {
    /// The keys as they are now, without waiting.
    pub(crate) fn current(&self, now: Instant) -> Option<KeySnapshot> {
        match self {
            Self::Static(snapshot) => Some(snapshot.clone()),
            Self::Remote(remote) => remote.snapshot_at(now),
        }
    }

    /// The keys, loaded if there are none yet. Waits until a little after the arrival of the request, at most.
    pub(crate) async fn get(&self, arrived: Instant) -> Result<KeySnapshot, KeysUnavailable> {
        match self {
            Self::Static(snapshot) => Ok(snapshot.clone()),
            Self::Remote(remote) => remote.get(arrived).await,
        }
    }

    /// Decides about a token that `seen` did not verify (spec BCL-75, BCL-76).
    pub(crate) async fn after_miss(&self, seen: &KeySnapshot, miss: Miss<'_>) -> AfterMiss {
        match self {
            Self::Static(_) => AfterMiss::Final,
            Self::Remote(remote) => remote.after_miss(seen, miss).await,
        }
    }

    /// Resolves once there is a set that was fetched after `since`; makes attempts at the pace of the cooldown until then.
    pub(crate) async fn refreshed_after(&self, since: Instant) {
        match self {
            Self::Static(_) => {}
            Self::Remote(remote) => remote.refreshed_after(since).await,
        }
    }

    pub(super) fn health(&self) -> KeysHealth {
        match self {
            Self::Static(snapshot) => KeysHealth::fixed(snapshot.keys().len()),
            Self::Remote(remote) => remote.health(),
        }
    }
}
