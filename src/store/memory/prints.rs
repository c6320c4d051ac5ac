//! The prints of the memory store.
//!
//! The key is random and per store, so nobody who chooses a cookie, a `sub` or a `sid` can choose where it lands. 128 bits are
//! compared where a collision would mix up two sessions; 64 bits only find candidates, whose strings are then compared.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::Arc;

use crate::print::{Print, print};
use crate::session::cell::Scope;
use crate::session::marks::MarkKey;
use crate::types::SessionId;

/// How many parts each table is split into.
pub(super) const SHARDS: usize = 64;

/// The part a hash belongs to. Not the bits that choose the place in the part.
pub(super) const fn shard_of(hash: u64) -> usize {
    ((hash >> 32) as usize) % SHARDS
}

/// Keeps neighbouring locks out of one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

#[derive(Debug, Default)]
pub(super) struct Prints(RandomState);

impl Prints {
    pub(super) fn id(&self, id: &SessionId) -> Print {
        let mut hasher = self.0.build_hasher();
        hasher.write(id.as_str().as_bytes());
        print(hasher)
    }

    pub(super) fn name(&self, scope: &Arc<Scope>, key: MarkKey<'_>) -> Print {
        print(self.fed(scope, key))
    }

    /// The 64-bit form, for finding sessions: the first half of the [`name`](Self::name).
    pub(super) fn tag(&self, scope: &Arc<Scope>, key: MarkKey<'_>) -> u64 {
        self.fed(scope, key).finish()
    }

    fn fed(&self, scope: &Arc<Scope>, key: MarkKey<'_>) -> DefaultHasher {
        let (kind, name) = match key {
            MarkKey::Sid(sid) => (1, sid),
            MarkKey::SubjectWithoutSid(subject) => (2, subject),
            MarkKey::Subject(subject) => (3, subject),
        };
        let mut hasher = self.0.build_hasher();
        hasher.write_u8(kind);
        // One address is one scope for as long as anything of that scope is kept, see `Scopes`.
        hasher.write_usize(Arc::as_ptr(scope).addr());
        hasher.write(name.as_bytes());
        hasher
    }
}
