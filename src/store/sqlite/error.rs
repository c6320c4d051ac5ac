//! What can go wrong between this process and its file.

use sqlx::Error;

/// Why a [`SqliteStore`](super::SqliteStore) has no answer. A logout is then answered with 503 and comes again; a guard denies, unless
/// told otherwise.
///
/// Neither the message nor the source holds a session id or a name.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct SqliteStoreError {
    kind: SqliteStoreErrorKind,
    source: Option<Error>,
}

/// The kinds of a [`SqliteStoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteStoreErrorKind {
    /// Somebody else holds the file, or every connection of the pool is in use, for longer than the time limit.
    #[error("the database is busy")]
    Busy,
    /// The file, its folder or its file system takes no writes.
    #[error("the database takes no writes")]
    ReadOnly,
    /// There is no room on the disk.
    #[error("the disk is full")]
    Full,
    /// The file cannot be opened, or the disk fails.
    #[error("the database file cannot be used")]
    Unusable,
    /// The tables are not there: [`migrate`](super::SqliteStore::migrate) makes them.
    #[error("the tables are missing")]
    NotMigrated,
    /// The pool is closed.
    #[error("the pool of connections is closed")]
    Closed,
    /// Another error, or data that makes no sense: that of another version under this prefix.
    #[error("the database answered with something unexpected")]
    Unexpected,
}

impl SqliteStoreError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> SqliteStoreErrorKind {
        self.kind
    }

    pub(super) const fn new(kind: SqliteStoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<Error> for SqliteStoreError {
    fn from(source: Error) -> Self {
        Self {
            kind: kind_of(&source),
            source: Some(source),
        }
    }
}

fn kind_of(error: &Error) -> SqliteStoreErrorKind {
    use SqliteStoreErrorKind as Kind;
    match error {
        Error::PoolTimedOut => Kind::Busy,
        Error::PoolClosed => Kind::Closed,
        Error::Io(_) => Kind::Unusable,
        Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            // The low byte is the primary code (https://sqlite.org/rescode.html).
            match code.map(|code| code & 0xff) {
                Some(5 | 6) => Kind::Busy,
                Some(8) => Kind::ReadOnly,
                Some(13) => Kind::Full,
                Some(3 | 10 | 11 | 14 | 26) => Kind::Unusable,
                Some(1) if error.message().starts_with("no such table") => Kind::NotMigrated,
                _ => Kind::Unexpected,
            }
        }
        _ => Kind::Unexpected,
    }
}
