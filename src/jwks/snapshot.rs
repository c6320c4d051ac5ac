//! One key set at one moment.

use std::sync::Arc;

use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::jose::JwkSet;

/// A key set and when it was fetched. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct KeySnapshot(pub(super) Arc<Snapshot>);

#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: JwkSet,
    /// Counts changes of content; a confirmation (304, or the same bytes) keeps it.
    pub(super) generation: u64,
    /// When the request for it was sent: whatever the OP published before is in it.
    pub(super) fetched: Option<(Instant, UnixTime)>,
    /// The end of its use, `max_stale` after the fetch.
    pub(super) serves_until: Option<Instant>,
}

impl KeySnapshot {
    /// A set that never changes.
    pub(crate) fn fixed(keys: JwkSet) -> Self {
        Self(Arc::new(Snapshot {
            keys,
            generation: 0,
            fetched: None,
            serves_until: None,
        }))
    }

    pub(crate) fn keys(&self) -> &JwkSet {
        &self.0.keys
    }

    /// Which content this is: two snapshots of one key set with the same number hold the same keys.
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation
    }
}

impl Snapshot {
    /// Whether the set may still be used.
    pub(super) fn serves(&self, now: Instant) -> bool {
        self.serves_until.is_none_or(|end| now <= end)
    }
}
