//! Key sets over time: a snapshot that serves while its provider is rotating, slow, lying or down.
//!
//! 1. A read never blocks and a key that is known never waits: it takes the snapshot as it is.
//! 2. A refresh is shared by everyone who waits for it, belongs to the key set, and goes on when every caller has left.
//! 3. Attempts have a budget (spec BCL-75): a burst, then one per cooldown, failures counted. Nobody who can POST to this
//!    RP sets the rate of fetches.
//! 4. A set is refreshed ahead of its expiry, outside requests, while there is traffic (spec BCL-81).
//! 5. A good answer replaces the set completely (spec BCL-80); any other answer leaves it in place (spec BCL-79), for at
//!    most `max_stale` (spec BCL-82).
//! 6. A `kid` that the newest set does not have is remembered (bounded) and costs no further attempt until the set
//!    changes.
//!
//! Time rules run on the clock of the tokio runtime; only the comparison with a token's `iat` needs the time of day.
//!
//! # Security
//!
//! Keys come from the configured URL, or the one that the issuer's own metadata names, and from nowhere else (spec BCL-71):
//! `jku`, `x5u` and `jwk` in a token never get here.

mod absent;
mod attempt;
mod budget;
mod discovery;
mod flight;
mod freshness;
mod health;
mod miss;
mod policy;
mod remote;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use attempt::metadata as fetch_metadata;
pub(crate) use discovery::{Metadata, metadata_url};
pub(crate) use miss::{AfterMiss, Miss, MissKind};
pub(crate) use remote::Source;
pub(crate) use snapshot::KeySnapshot;

pub use health::{KeysErrorKind, KeysHealth, KeysUnavailable};
pub use policy::RefreshPolicy;
pub use remote::RemoteJwks;
