//! What can go wrong between this process and the server.

use std::error::Error;
use std::fmt;

/// Why a [`PostgresStore`](super::PostgresStore) has no answer. A logout is then answered with 503 and comes again; a guard
/// denies, unless told otherwise.
///
/// Neither the message nor the source holds a password, a session id or a name.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct PostgresStoreError {
    kind: PostgresStoreErrorKind,
    source: Option<Cause>,
}

/// The kinds of a [`PostgresStoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresStoreErrorKind {
    /// No answer within [`with_timeout`](super::PostgresStoreBuilder::with_timeout). What was asked may still happen.
    #[error("postgres did not answer in time")]
    TimedOut,
    /// No connection: the server is down or starting, the pool had none free in time, or it is closed.
    #[error("there is no connection to postgres")]
    NoConnection,
    /// The tables are not there: call [`migrate`](super::PostgresStore::migrate), or run the
    /// [`migration_sql`](super::PostgresStore::migration_sql).
    #[error("postgres has not the tables of this version; run the migration")]
    NotMigrated,
    /// The server takes no writes: it is a standby, or was set read-only.
    #[error("postgres takes no writes")]
    ReadOnly,
    /// The disk or another resource of the server is used up.
    #[error("postgres has no room left")]
    NoRoom,
    /// The user is not known or may not do this.
    #[error("postgres refuses the user")]
    Denied,
    /// Other transactions were in the way each time it was tried.
    #[error("postgres could not put this in order with other transactions")]
    Conflict,
    /// The server answered with another error, or with what makes no sense.
    #[error("postgres answered with something unexpected")]
    Unexpected,
}

/// An error of the driver, without the details in which a server may quote a row.
#[derive(thiserror::Error)]
#[error("{0}")]
struct Cause(sqlx::Error);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match code(&self.0) {
            Some(code) => write!(f, "{} ({code})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl PostgresStoreError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> PostgresStoreErrorKind {
        self.kind
    }

    /// The code of the server (`SQLSTATE`), if it answered with an error.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.source.as_ref().and_then(|cause| code(&cause.0))
    }

    pub(super) const fn new(kind: PostgresStoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<sqlx::Error> for PostgresStoreError {
    fn from(source: sqlx::Error) -> Self {
        Self {
            kind: kind_of(&source),
            source: Some(Cause(source)),
        }
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    error.code().map(|code| code.into_owned())
}

fn kind_of(error: &sqlx::Error) -> PostgresStoreErrorKind {
    use PostgresStoreErrorKind as Kind;
    if is_lost(error) {
        return Kind::NoConnection;
    }
    let code = code(error);
    match code.as_deref().unwrap_or_default() {
        // Canceled by a limit of the server, or no lock in time.
        "57014" | "55P03" => Kind::TimedOut,
        "40001" | "40P01" => Kind::Conflict,
        "25006" => Kind::ReadOnly,
        // No such table, column, function, schema.
        "42P01" | "42703" | "42883" | "3F000" => Kind::NotMigrated,
        "42501" => Kind::Denied,
        code if code.starts_with("28") => Kind::Denied,
        code if code.starts_with("53") => Kind::NoRoom,
        _ => Kind::Unexpected,
    }
}

/// The connection broke or could not be made; another one may do.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => matches!(
            code(error).as_deref(),
            // The server goes down, comes up, or has no connection to give; class 08 is that of connections.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "53300" | "08000" | "08003" | "08006")
        ),
    }
}

/// The same question may succeed if it is asked once more.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    is_lost(error) && !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        || kind_of(error) == PostgresStoreErrorKind::Conflict
}

/// A row that is not one of ours.
pub(super) fn unreadable(what: impl Into<Box<dyn Error + Send + Sync>>) -> PostgresStoreError {
    PostgresStoreError {
        kind: PostgresStoreErrorKind::Unexpected,
        source: Some(Cause(sqlx::Error::Decode(what.into()))),
    }
}
