//! What the scripts answer, read strictly.

use redis::Value;

use super::error::{RedisStoreError, RedisStoreErrorKind};
use super::record;
use crate::session::{EndedSession, Session};
use crate::store::remote::Look;

pub(super) const UNEXPECTED: RedisStoreError =
    RedisStoreError::new(RedisStoreErrorKind::Unexpected);

fn list(value: Value) -> Result<Vec<Value>, RedisStoreError> {
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
        _ => Err(UNEXPECTED),
    }
}

pub(super) fn texts(value: Value) -> Result<Vec<String>, RedisStoreError> {
    list(value)?.into_iter().map(text).collect()
}

pub(super) fn yes(value: &Value) -> Result<bool, RedisStoreError> {
    match value {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(UNEXPECTED),
    }
}

/// Sessions that ended, by their lines.
pub(super) fn ended(value: Value) -> Result<Vec<EndedSession>, RedisStoreError> {
    let read = |line: String| {
        let record = record::read(&line).ok_or(UNEXPECTED)?;
        Ok(EndedSession::new(record.id).with_session(Session::new(record.identity)))
    };
    texts(value)?.into_iter().map(read).collect()
}

pub(super) fn look(value: Value) -> Result<Look, RedisStoreError> {
    let line = text(value)?;
    let look = match line.split(' ').next() {
        Some("live") => record::read(&line).map(|record| {
            Look::Live(Session::new(record.identity).with_expires_at(record.expires_at))
        }),
        Some("moved") => record::moved_to(&line).map(Look::MovedTo),
        Some("ended") => Some(Look::Ended),
        Some("unknown") => Some(Look::Unknown),
        _ => None,
    };
    look.ok_or(UNEXPECTED)
}
