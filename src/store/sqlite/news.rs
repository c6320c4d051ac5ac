//! What other processes on the same file did.

use sqlx::{Row as _, SqlitePool};

use super::error::{SqliteStoreError, SqliteStoreErrorKind};
use super::statements::Statements;
use crate::store::remote::{Listener, News, Notice};

/// The notices after that number, or where the log ends.
pub(super) async fn read(
    pool: &SqlitePool,
    statements: &Statements,
    after: Option<&i64>,
) -> Result<News<i64>, SqliteStoreError> {
    // The log first: what comes between the two statements is read the next time once more.
    let log = sqlx::query(&statements.log).fetch_one(pool).await?;
    let (oldest, newest): (Option<i64>, Option<i64>) = (log.try_get(0)?, log.try_get(1)?);
    let end = newest.unwrap_or(0);
    let Some(&after) = after else {
        return Ok(News {
            notices: Vec::new(),
            incomplete: false,
            cursor: end,
        });
    };
    let mut news = News {
        notices: Vec::new(),
        // Trimmed past the last look; or a file from a backup, whose log ends before it.
        incomplete: oldest.is_some_and(|oldest| oldest > after.saturating_add(1)) || end < after,
        cursor: end,
    };
    if end != after {
        let rows = sqlx::query(&statements.news).bind(after.min(end));
        for row in rows.fetch_all(pool).await? {
            news.cursor = row.try_get("seq")?;
            news.notices.push(Notice::from_text(row.try_get("notice")?));
        }
    }
    Ok(news)
}

/// The channel that SQLite does not have.
pub(crate) enum Silence {}

impl Listener for Silence {
    type Error = SqliteStoreError;

    async fn next(&mut self) -> Result<Notice, SqliteStoreError> {
        Err(SqliteStoreError::new(SqliteStoreErrorKind::Unexpected))
    }
}
