//! Sessions and marks in Redis or Valkey.
//!
//! All keys of a namespace begin with `{namespace}:`, so they share one slot of a cluster, and each operation is one script, so it is
//! one atomic step. Names of keys are hashes: they name nobody.

use std::fmt;

mod answer;
mod builder;
mod engine;
mod error;
mod link;
mod listener;
mod record;
mod script;
mod time;

pub use builder::RedisStoreBuilder;
pub use error::{RedisStoreError, RedisStoreErrorKind};

use crate::config::ConfigError;
use crate::store::remote::{Remote, forward_to_remote};
use engine::RedisEngine;

/// A [`SessionRegistry`](crate::session::SessionRegistry) in Redis 7 or Valkey, one server or a cluster: every node sees the same
/// sessions, and they outlive a restart of the application. Cheap to clone; clones share one connection.
///
/// 1. A question of the guard, a login and a local logout cost one round trip, a logout two: one that ends the sessions, one that
///    forgets them when everything that follows is done.
/// 2. A logout is in effect with its mark, however many sessions it ends. The first script ends a hundred of them and each
///    further one 250, so that the server is never kept from its other work for long.
/// 3. Everything expires by itself.
/// 4. The connection is made when it is first needed and made anew when it is lost. The application starts, and recovers, without
///    the server.
///
/// What the server has to be set up for, and what a namespace costs: [the guide](crate::guide::stores#redis-and-valkey).
///
/// ```no_run
/// use tower_backchannel_logout::store::RedisStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://127.0.0.1:6379")?;
/// # let _ = store;
/// # Ok(()) }
/// ```
///
/// # Security
///
/// Session ids are credentials, and they are in the database: whoever can read it can use them. Give the store a user of its own,
/// and encrypt the way there (`rediss://`; turn on a TLS feature of the crate `redis`, such as `tokio-rustls-comp`).
///
/// # Errors
///
/// [`RedisStoreError`]: without an answer of the server nothing is assumed. All the applications of an OP may share one namespace.
#[derive(Clone)]
pub struct RedisStore(Remote<RedisEngine>);

impl RedisStore {
    /// A store with the defaults, see [`RedisStoreBuilder`]. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `url`.
    pub fn connect(url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::builder(url).build()
    }

    /// Begins to configure a store on one server: `redis://[user:password@]host[:port][/database]`.
    pub fn builder(url: impl AsRef<str>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }
}

forward_to_remote!(RedisStore, RedisStoreError);

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisStore").field(self.0.engine()).finish()
    }
}
