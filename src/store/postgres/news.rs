//! The log of notices, as a node reads it.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{PostgresStoreError, PostgresStoreErrorKind};
use crate::store::remote::{News, Notice};

/// How long a notice is kept at least after it became visible, see `schema.sql`.
const KEPT: Duration = Duration::from_secs(120);

/// What a look could see. Numbers of transactions and of rows are those of one server between two failovers, so it says which.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    server: i64,
    /// When it was taken or a little earlier, by the server's clock, in microseconds.
    looked_at: i64,
    last: i64,
    snapshot: String,
}

impl Cursor {
    pub(super) fn snapshot(&self) -> &str {
        &self.snapshot
    }

    pub(super) const fn last(&self) -> i64 {
        self.last
    }
}

pub(super) fn read(
    rows: &[PgRow],
    after: Option<&Cursor>,
) -> Result<News<Cursor>, PostgresStoreError> {
    let Some(row) = rows.first() else {
        return Err(PostgresStoreError::new(PostgresStoreErrorKind::Unexpected));
    };
    let last: Option<i64> = row.try_get("last")?;
    let cursor = Cursor {
        server: row.try_get("server")?,
        looked_at: row.try_get("looked_at")?,
        // A log that was cleaned up says nothing about the rows before.
        last: last.unwrap_or_default().max(after.map_or(0, Cursor::last)),
        snapshot: row.try_get("snapshot")?,
    };
    let read_at: i64 = row.try_get("read_at")?;
    let incomplete = after.is_some_and(|after| {
        let since = read_at.checked_sub(after.looked_at);
        let since = since.and_then(|micros| u64::try_from(micros).ok());
        let in_time = since.is_some_and(|micros| Duration::from_micros(micros) < KEPT);
        !in_time || after.server != cursor.server
    });
    let notices = rows.iter().filter_map(|row| row.try_get("notice").ok());
    Ok(News {
        notices: notices.map(Notice::from_text).collect(),
        incomplete,
        cursor,
    })
}
