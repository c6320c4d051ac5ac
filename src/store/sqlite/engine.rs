//! The operations of the port, each one transaction. There is one writer at a time, so the order of all of them is that of the commits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::{Executor as _, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, OnceCell};

use super::error::SqliteStoreError;
use super::news::{self, Silence};
use super::row::{self, State};
use super::selection::Selection;
use super::statements::Statements;
use crate::clock::UnixTime;
use crate::session::marks::{Mark, MarkPolicy};
use crate::session::{
    EndedSession, LogoutRequest, NewSession, Rebinding, Registration, Session, SessionIdentity,
    Terminated,
};
use crate::store::remote::time::{span, to_seconds};
use crate::store::remote::{Engine, Look, News, Notice, Tag};
use crate::types::{SessionId, Sid};

/// What is over is cleaned up a minute later: another process may have a clock that is a little behind.
const SWEEP_AFTER: Duration = Duration::from_secs(60);

pub(crate) struct SqliteEngine {
    pub(super) pool: SqlitePool,
    pub(super) statements: Statements,
    pub(super) policy: MarkPolicy,
    /// Filled once the tables are known to be there; `None` where the application makes them.
    pub(super) tables: Option<OnceCell<()>>,
    /// Writers of this process wait here, in their order, rather than in the file's own lock, which is a lottery.
    writer: Mutex<()>,
}

impl fmt::Debug for SqliteEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteEngine")
            .field("connections", &self.pool.size())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

pub(super) fn bytes(tag: &Tag) -> &[u8] {
    tag.as_bytes()
}

type Migration<'a> = Pin<Box<dyn Future<Output = Result<(), SqliteStoreError>> + Send + 'a>>;
pub(super) type Writing<'a> = &'a mut SqliteConnection;

impl SqliteEngine {
    pub(super) fn new(pool: SqlitePool, statements: Statements, policy: MarkPolicy) -> Self {
        Self {
            pool,
            statements,
            policy,
            tables: None,
            writer: Mutex::new(()),
        }
    }

    /// Boxed: the compiler cannot see otherwise that it may be sent, from within others.
    pub(super) fn migrate(&self) -> Migration<'_> {
        Box::pin(async {
            let _turn = self.writer.lock().await;
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            let schema = self.statements.schema.as_str();
            transaction.execute(schema).await?;
            transaction.commit().await?;
            Ok(())
        })
    }

    /// The pool, once the tables are there.
    async fn ready(&self) -> Result<&SqlitePool, SqliteStoreError> {
        if let Some(tables) = &self.tables {
            tables.get_or_try_init(|| self.migrate()).await?;
        }
        Ok(&self.pool)
    }

    /// One transaction that may write from its first statement on, so that nothing it has read changes before it is committed.
    async fn write<T: Send>(
        &self,
        work: impl AsyncFnOnce(Writing<'_>) -> Result<T, SqliteStoreError> + Send,
    ) -> Result<T, SqliteStoreError> {
        let pool = self.ready().await?;
        let _turn = self.writer.lock().await;
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }

    pub(super) async fn announce(
        &self,
        on: Writing<'_>,
        notice: &Notice,
    ) -> Result<(), SqliteStoreError> {
        let text = notice.to_text();
        let insert = sqlx::query(&self.statements.announce).bind(&text);
        insert.execute(&mut *on).await?;
        sqlx::query(&self.statements.trim).execute(on).await?;
        Ok(())
    }

    /// A little with each write that leaves something behind.
    pub(super) async fn sweep(
        &self,
        on: Writing<'_>,
        now: UnixTime,
    ) -> Result<(), SqliteStoreError> {
        let over = to_seconds(now.saturating_sub(SWEEP_AFTER));
        for statement in [
            &self.statements.sweep_sessions,
            &self.statements.sweep_marks,
        ] {
            sqlx::query(statement).bind(over).execute(&mut *on).await?;
        }
        Ok(())
    }

    async fn marked(
        &self,
        on: Writing<'_>,
        identity: &SessionIdentity,
        now: UnixTime,
    ) -> Result<bool, SqliteStoreError> {
        let [fine, coarse] = Tag::of_marks(identity);
        let marks = sqlx::query(&self.statements.marks)
            .bind(bytes(&fine))
            .bind(bytes(&coarse))
            .fetch_all(on)
            .await?;
        for row in &marks {
            let mark = Mark::new(row::time(row, "cut_off")?, row::time(row, "expires_at")?);
            if self.policy.refuses(mark, identity.id_token_iat(), now) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Engine for SqliteEngine {
    type Error = SqliteStoreError;
    /// The number of a notice.
    type Cursor = i64;
    type Listener = Silence;

    fn policy(&self) -> &MarkPolicy {
        &self.policy
    }

    async fn terminate(
        &self,
        request: &LogoutRequest,
        now: UnixTime,
    ) -> Result<Terminated, SqliteStoreError> {
        let selection = Selection::new(request, &self.policy);
        let mark = self.policy.mark(request, now);
        let select = |statement| {
            let [sid, without_sid, subject] =
                [&selection.sid, &selection.without_sid, &selection.subject]
                    .map(|tag| tag.as_ref().map(bytes));
            sqlx::query(statement)
                .bind(to_seconds(now))
                .bind(span(self.policy.dead_for()))
                .bind(sid)
                .bind(without_sid)
                .bind(subject)
                .bind(selection.reach)
        };
        let (newly_ended, rows) = self
            .write(async |on| {
                for tag in selection.marked() {
                    sqlx::query(&self.statements.mark)
                        .bind(to_seconds(now))
                        .bind(bytes(tag))
                        .bind(to_seconds(mark.cut_off))
                        .bind(to_seconds(mark.expires_at))
                        .execute(&mut *on)
                        .await?;
                }
                let ended = select(&self.statements.end).execute(&mut *on).await?;
                let rows = select(&self.statements.ended).fetch_all(&mut *on).await?;
                self.announce(on, &Notice::of_logout(request)).await?;
                self.sweep(on, now).await?;
                Ok((ended.rows_affected(), rows))
            })
            .await?;
        let sessions = rows.iter().map(|row| {
            Ok(EndedSession::new(row::id(row, "id")?).with_identity(row::identity(row)?))
        });
        let mut terminated =
            Terminated::new(sessions.collect::<Result<Vec<_>, SqliteStoreError>>()?);
        terminated.newly_ended = usize::try_from(newly_ended).unwrap_or(usize::MAX);
        Ok(terminated)
    }

    async fn forget(
        &self,
        _request: &LogoutRequest,
        terminated: &Terminated,
        _now: UnixTime,
    ) -> Result<(), SqliteStoreError> {
        self.write(async |on| {
            for ended in &terminated.sessions {
                sqlx::query(&self.statements.forget)
                    .bind(bytes(&Tag::id(&ended.id)))
                    .execute(&mut *on)
                    .await?;
            }
            Ok(())
        })
        .await
    }

    async fn register(
        &self,
        session: &NewSession,
        now: UnixTime,
    ) -> Result<Registration, SqliteStoreError> {
        let (id, identity) = (session.id(), session.identity());
        let (tag, iat) = (Tag::id(id), identity.id_token_iat());
        let [fine, coarse] = Tag::of_marks(identity);
        self.write(async |on| {
            if self.marked(on, identity, now).await? {
                return Ok(Registration::AlreadyLoggedOut);
            }
            let known = sqlx::query(&self.statements.known).bind(bytes(&tag));
            let known = known.fetch_optional(&mut *on).await?;
            let (free, was_live) = self.is_free(known.as_ref(), iat, now)?;
            if !free {
                return Ok(Registration::AlreadyLoggedOut);
            }
            sqlx::query(&self.statements.put)
                .bind(bytes(&tag))
                .bind(to_seconds(session.expires_at()))
                .bind(iat.map(to_seconds))
                .bind(bytes(&coarse))
                .bind(bytes(&fine))
                .bind(id.as_str())
                .bind(identity.issuer().as_str())
                .bind(identity.client_id().as_str())
                .bind(identity.subject().as_str())
                .bind(identity.sid().map(Sid::as_str))
                .execute(&mut *on)
                .await?;
            if was_live {
                self.announce(on, &Notice::of_id(id)).await?;
            }
            self.sweep(on, now).await?;
            Ok(Registration::Registered)
        })
        .await
    }

    /// A logout ends what it selects in the transaction that writes its mark: there is no session that is live and marked.
    async fn look(&self, id: &SessionId, now: UnixTime) -> Result<Look, SqliteStoreError> {
        let tag = Tag::id(id);
        let row = sqlx::query(&self.statements.look).bind(bytes(&tag));
        let Some(row) = row.fetch_optional(self.ready().await?).await? else {
            return Ok(Look::Unknown);
        };
        let expires_at = row::time(&row, "expires_at")?;
        match row::state(&row)? {
            _ if expires_at <= now => Ok(Look::Ended),
            State::Live => Ok(Look::Live(
                Session::new(row::identity(&row)?).with_expires_at(expires_at),
            )),
            State::Ended => Ok(Look::Ended),
            State::Moved => Ok(Look::MovedTo(row::id(&row, "moved_to")?)),
        }
    }

    async fn extend(
        &self,
        id: &SessionId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, SqliteStoreError> {
        let tag = Tag::id(id);
        self.write(async |on| {
            let live = sqlx::query(&self.statements.end_of_live)
                .bind(to_seconds(now))
                .bind(bytes(&tag))
                .fetch_optional(&mut *on)
                .await?;
            let Some(live) = live else {
                return Ok(false);
            };
            sqlx::query(&self.statements.extend)
                .bind(bytes(&tag))
                .bind(to_seconds(expires_at))
                .execute(&mut *on)
                .await?;
            if expires_at < row::time(&live, "expires_at")? {
                self.announce(on, &Notice::of_id(id)).await?;
            }
            Ok(true)
        })
        .await
    }

    async fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> Result<Rebinding, SqliteStoreError> {
        self.write(async |on| self.rename(on, old, new, now).await)
            .await
    }

    async fn unregister(&self, id: &SessionId, now: UnixTime) -> Result<bool, SqliteStoreError> {
        let tag = Tag::id(id);
        self.write(async |on| {
            let ended = sqlx::query(&self.statements.unregister)
                .bind(to_seconds(now))
                .bind(span(self.policy.dead_for()))
                .bind(bytes(&tag))
                .execute(&mut *on)
                .await?;
            let ended = ended.rows_affected() > 0;
            if ended {
                self.announce(on, &Notice::of_id(id)).await?;
            }
            Ok(ended)
        })
        .await
    }

    async fn is_marked(
        &self,
        identity: &SessionIdentity,
        now: UnixTime,
    ) -> Result<bool, SqliteStoreError> {
        let mut connection = self.ready().await?.acquire().await?;
        self.marked(&mut connection, identity, now).await
    }

    async fn news(&self, after: Option<&i64>) -> Result<News<i64>, SqliteStoreError> {
        news::read(self.ready().await?, &self.statements, after).await
    }

    /// There is no channel: other processes on the same file are found by the log.
    async fn listen(&self) -> Result<Option<Silence>, SqliteStoreError> {
        Ok(None)
    }
}
