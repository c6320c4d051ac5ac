//! What stands in a row, read with care: another version may have written it.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::{SqliteStoreError, SqliteStoreErrorKind};
use crate::clock::UnixTime;
use crate::session::SessionIdentity;
use crate::store::remote::time::from_seconds;
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<UnixTime, SqliteStoreError> {
    Ok(from_seconds(row.try_get(column)?))
}

pub(super) fn optional_time(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<UnixTime>, SqliteStoreError> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(from_seconds))
}

pub(super) fn id(row: &SqliteRow, column: &str) -> Result<SessionId, SqliteStoreError> {
    Ok(SessionId::reread(row.try_get(column)?))
}

pub(super) fn identity(row: &SqliteRow) -> Result<SessionIdentity, SqliteStoreError> {
    let identity = SessionIdentity::new(
        Issuer::reread(row.try_get("issuer")?),
        ClientId::reread(row.try_get("client_id")?),
        Subject::reread(row.try_get("sub")?),
    );
    let identity = match row.try_get("sid")? {
        Some(sid) => identity.with_sid(Sid::reread(sid)),
        None => identity,
    };
    Ok(match optional_time(row, "iat")? {
        Some(iat) => identity.with_id_token_iat(iat),
        None => identity,
    })
}

/// The states of a session, as the schema lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Live,
    Ended,
    Moved,
}

pub(super) fn state(row: &SqliteRow) -> Result<State, SqliteStoreError> {
    match row.try_get::<i64, _>("state")? {
        0 => Ok(State::Live),
        1 | 2 => Ok(State::Ended),
        3 => Ok(State::Moved),
        _ => Err(SqliteStoreError::new(SqliteStoreErrorKind::Unexpected)),
    }
}
