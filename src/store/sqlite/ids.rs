//! Which ids are free for a login, and how a session gets another one.

use sqlx::sqlite::SqliteRow;

use super::engine::{SqliteEngine, Writing, bytes};
use super::error::SqliteStoreError;
use super::row::{self, State};
use crate::clock::UnixTime;
use crate::session::Rebinding;
use crate::store::remote::time::to_seconds;
use crate::store::remote::{Notice, Tag};
use crate::types::SessionId;

impl SqliteEngine {
    /// Whether an id is free for a login: unknown, over, live, or dead and not in the way. Says also whether it is live.
    pub(super) fn is_free(
        &self,
        known: Option<&SqliteRow>,
        iat: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(bool, bool), SqliteStoreError> {
        let Some(known) = known else {
            return Ok((true, false));
        };
        if row::time(known, "expires_at")? <= now {
            return Ok((true, false));
        }
        let known_iat = row::optional_time(known, "iat")?;
        if row::state(known)? == State::Live {
            return Ok((!self.policy.live_id_refuses(known_iat, iat), true));
        }
        let ended_at = row::optional_time(known, "ended_at")?.unwrap_or(now);
        Ok((
            !self.policy.dead_id_refuses(known_iat, ended_at, iat),
            false,
        ))
    }

    /// Moves the record of a live session from one id to another, and leaves behind where it went.
    pub(super) async fn rename(
        &self,
        on: Writing<'_>,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> Result<Rebinding, SqliteStoreError> {
        let (from, to) = (Tag::id(old), Tag::id(new));
        let row = sqlx::query(&self.statements.look).bind(bytes(&from));
        let Some(row) = row.fetch_optional(&mut *on).await? else {
            return Ok(Rebinding::NotLive);
        };
        let over = row::time(&row, "expires_at")? <= now;
        match row::state(&row)? {
            _ if over => return Ok(Rebinding::NotLive),
            State::Ended => return Ok(Rebinding::NotLive),
            State::Moved => {
                // Asked again, because the first answer was lost on its way.
                let there = sqlx::query(&self.statements.end_of_live)
                    .bind(to_seconds(now))
                    .bind(bytes(&to));
                let there = there.fetch_optional(&mut *on).await?.is_some();
                return Ok(if there && row::id(&row, "moved_to")? == *new {
                    Rebinding::Rebound
                } else {
                    Rebinding::NotLive
                });
            }
            State::Live => {}
        }
        let iat = row::optional_time(&row, "iat")?;
        let remove = sqlx::query(&self.statements.remove).bind(bytes(&to));
        remove.execute(&mut *on).await?;
        sqlx::query(&self.statements.rename)
            .bind(bytes(&from))
            .bind(bytes(&to))
            .bind(new.as_str())
            .execute(&mut *on)
            .await?;
        sqlx::query(&self.statements.leave)
            .bind(bytes(&from))
            .bind(to_seconds(self.policy.dead_id_until(iat, now)))
            .bind(iat.map(to_seconds))
            .bind(to_seconds(now))
            .bind(new.as_str())
            .execute(&mut *on)
            .await?;
        let tags = vec![from, to];
        self.announce(on, &Notice { tags }).await?;
        self.sweep(on, now).await?;
        Ok(Rebinding::Rebound)
    }
}
