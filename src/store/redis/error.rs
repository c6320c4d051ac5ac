//! What can go wrong between this process and the server.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a [`RedisStore`](super::RedisStore) has no answer. A logout is then answered with 503 and comes again; a guard denies,
/// unless told otherwise.
///
/// Neither the message nor the source holds an address with its password, a session id or a name.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct RedisStoreError {
    kind: RedisStoreErrorKind,
    source: Option<RedisError>,
}

/// The kinds of a [`RedisStoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreErrorKind {
    /// No answer within [`with_timeout`](super::RedisStoreBuilder::with_timeout). What was asked may still happen.
    #[error("redis did not answer in time")]
    TimedOut,
    /// No connection, or it broke. The next question makes a new one.
    #[error("redis cannot be reached")]
    Unreachable,
    /// The server is loading its data, busy with a script, or its cluster has no owner for the namespace at the moment.
    #[error("redis is not ready")]
    NotReady,
    /// `maxmemory` is reached: nothing can be written until there is room.
    #[error("redis is out of memory")]
    OutOfMemory,
    /// The server takes no writes: it is a replica, has too few replicas, or cannot write to its disk. A replica is asked nothing
    /// either, since it may not know the latest logout.
    #[error("redis takes no writes")]
    ReadOnly,
    /// The user is not known or may not do this.
    #[error("redis refuses the user")]
    Denied,
    /// The server answered with another error, or with what makes no sense: another version's data under this namespace, or a server
    /// that is too old.
    #[error("redis answered with something unexpected")]
    Unexpected,
}

impl RedisStoreError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> RedisStoreErrorKind {
        self.kind
    }

    pub(super) const fn new(kind: RedisStoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<RedisError> for RedisStoreError {
    fn from(source: RedisError) -> Self {
        Self {
            kind: kind_of(&source),
            source: Some(source),
        }
    }
}

fn kind_of(error: &RedisError) -> RedisStoreErrorKind {
    use RedisStoreErrorKind as Kind;
    match error.kind() {
        _ if error.is_timeout() => Kind::TimedOut,
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Kind::Unreachable,
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
            Kind::Denied
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => Kind::ReadOnly,
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => Kind::NotReady,
        _ => match error.code() {
            Some("OOM") => Kind::OutOfMemory,
            Some("MISCONF" | "NOREPLICAS") => Kind::ReadOnly,
            Some("NOAUTH" | "WRONGPASS") => Kind::Denied,
            Some("BUSY") => Kind::NotReady,
            // A long question of somebody who is not known is not even read.
            _ if error
                .detail()
                .is_some_and(|detail| detail.contains("unauthenticated")) =>
            {
                Kind::Denied
            }
            _ => Kind::Unexpected,
        },
    }
}

/// Whether another connection may lead to a better answer: this one broke, is stuck, or leads to a server that lost its role.
pub(super) fn asks_for_another_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || matches!(
            kind_of(error),
            RedisStoreErrorKind::TimedOut
                | RedisStoreErrorKind::Unreachable
                | RedisStoreErrorKind::Denied
        )
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}
