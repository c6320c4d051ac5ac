//! Sessions and marks in PostgreSQL.
//!
//! Each operation is one procedure or one query of the migration, so it is one round trip, and one atomic step: a login and a logout that
//! share a key exclude each other by advisory locks (`schema.sql` says why that is enough).

use std::fmt;

mod builder;
mod engine;
mod error;
mod link;
mod listener;
mod migrate;
mod names;
mod news;
mod record;
mod rules;
mod script;

pub use builder::PostgresStoreBuilder;
pub use error::{PostgresStoreError, PostgresStoreErrorKind};

use sqlx::PgPool;

use crate::store::remote::{Remote, forward_to_remote};
use engine::PostgresEngine;

/// A [`SessionRegistry`](crate::session::SessionRegistry) in PostgreSQL 13 or later, in a pool of the application: every node sees the same
/// sessions, and they outlive a restart. Cheap to clone; clones are one node.
///
/// 1. A question of the guard, a login and a local logout cost one round trip, a logout two: one that ends the sessions, one that
///    forgets them when everything that follows is done.
/// 2. A logout is in effect with its mark, however many sessions it ends: a question looks at the marks as well. Beyond the
///    first hundred, sessions are ended a thousand a transaction.
/// 3. A logout is durable when it is acknowledged, as far as `synchronous_commit` of the connections says so. The default does.
/// 4. It is right at every isolation level that the pool may have as its default, and behind a PgBouncer in transaction mode.
/// 5. Everything expires by itself, a little with each write. There is no background task for it.
/// 6. The application starts, and recovers, without the server.
///
/// How to set it up, and what it costs: [the guide](crate::guide::stores#postgresql).
///
/// ```no_run
/// use sqlx::postgres::PgPoolOptions;
/// use tower_backchannel_logout::store::PostgresStore;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPoolOptions::new().connect_lazy("postgres://shop@db.internal/shop")?;
/// let store = PostgresStore::builder(pool).build()?;
/// store.migrate().await?; // once, before the first login; any number of nodes may do it at once
/// # Ok(()) }
/// ```
///
/// # Security
///
/// Session ids are credentials, and those of live sessions are in the table of sessions: whoever can read it can use them. The `sub` and
/// `sid` of a session go when it is forgotten, its id with them.
///
/// # Errors
///
/// [`PostgresStoreError`]: without an answer of the server nothing is assumed. A session id, `sub` or `sid` with a NUL character
/// cannot be stored as text: such a login fails.
#[derive(Clone)]
pub struct PostgresStore(Remote<PostgresEngine>);

impl PostgresStore {
    /// Begins to configure a store on a pool. The pool may be lazy, and may be the one the application uses for everything else.
    pub fn builder(pool: PgPool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(pool)
    }

    /// Makes the tables and procedures, or brings them to the version of this crate. Does nothing when they have it. Safe when
    /// many nodes start at once, and beside nodes of an earlier version.
    ///
    /// The user of the pool needs the right to create them. Where it has not, let somebody who has run the
    /// [`migration_sql`](Self::migration_sql).
    ///
    /// # Errors
    ///
    /// [`PostgresStoreError`]; nothing was changed then. The time limit is that of the pool, not that of the store.
    pub async fn migrate(&self) -> Result<(), PostgresStoreError> {
        let engine = self.0.engine();
        migrate::migrate(engine.link(), engine.names()).await
    }

    /// The statements of [`migrate`](Self::migrate), to be run in one transaction. They may be run again.
    #[must_use]
    pub fn migration_sql(&self) -> String {
        script::migration(self.0.engine().names())
    }
}

forward_to_remote!(PostgresStore, PostgresStoreError);

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresStore")
            .field(self.0.engine())
            .finish()
    }
}
