//! What the scripts answer, read strictly.

use redis::Value;

use super::error::{RedisStoreError, RedisStoreErrorKind};
use super::time;
use crate::session::{EndedSession, Session, SessionIdentity};
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

const UNEXPECTED: RedisStoreError = RedisStoreError::new(RedisStoreErrorKind::Unexpected);

pub(super) fn list(value: Value) -> Result<Vec<Value>, RedisStoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(UNEXPECTED),
    }
}

/// A list of a known length.
pub(super) fn tuple<const N: usize>(value: Value) -> Result<[Value; N], RedisStoreError> {
    list(value)?.try_into().map_err(|_| UNEXPECTED)
}

pub(super) fn text(value: Value) -> Result<String, RedisStoreError> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| UNEXPECTED),
        Value::SimpleString(text) => Ok(text),
        _ => Err(UNEXPECTED),
    }
}

pub(super) fn yes(value: &Value) -> Result<bool, RedisStoreError> {
    match value {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(UNEXPECTED),
    }
}

fn maybe(value: Value) -> Result<Option<String>, RedisStoreError> {
    match value {
        Value::Nil => Ok(None),
        value => text(value).map(Some),
    }
}

pub(super) fn texts(value: Value) -> Result<Vec<String>, RedisStoreError> {
    list(value)?.into_iter().map(text).collect()
}

pub(super) fn time_of(value: Value) -> Result<crate::clock::UnixTime, RedisStoreError> {
    time::from_text(&text(value)?).ok_or(UNEXPECTED)
}

/// A session as `report` in `records.lua` writes it.
pub(super) fn session(value: Value) -> Result<(SessionId, SessionIdentity), RedisStoreError> {
    let [id, issuer, client_id, subject, sid, iat] = tuple(value)?;
    let mut identity = SessionIdentity::new(
        Issuer::reread(&text(issuer)?),
        ClientId::reread(&text(client_id)?),
        Subject::reread(&text(subject)?),
    );
    if let Some(sid) = maybe(sid)? {
        identity = identity.with_sid(Sid::reread(&sid));
    }
    if let Some(iat) = maybe(iat)? {
        identity = identity.with_id_token_iat(time::from_text(&iat).ok_or(UNEXPECTED)?);
    }
    Ok((SessionId::reread(&text(id)?), identity))
}

pub(super) fn ended(value: Value) -> Result<Vec<EndedSession>, RedisStoreError> {
    let read = |value| {
        let (id, identity) = session(value)?;
        Ok(EndedSession::new(id).with_session(Session::new(identity)))
    };
    list(value)?.into_iter().map(read).collect()
}

pub(super) const fn unexpected() -> RedisStoreError {
    UNEXPECTED
}
