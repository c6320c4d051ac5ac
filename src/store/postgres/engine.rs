//! The operations of the port, each one statement and one round trip.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::PostgresStoreError;
use super::link::Link;
use super::listener::{Ear, PostgresListener};
use super::names::Names;
use super::news::{self, Cursor};
use super::record;
use super::script::Statements;
use crate::clock::UnixTime;
use crate::session::marks::{self, MarkKey, MarkPolicy};
use crate::session::{
    LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, SessionIdentity, Terminated,
};
use crate::store::remote::time::{span, to_seconds};
use crate::store::remote::{Engine, Look, News, Notice, Tag};
use crate::types::{SessionId, Sid};

/// After how many writes of this node the server is told to clean up.
const SWEEP_EVERY: u32 = 64;

/// How many rows of each kind it then may delete: more than so many writes can have left.
const SWEEP_ROWS: i32 = 192;

#[derive(Debug)]
pub(crate) struct PostgresEngine {
    link: Link,
    ear: Option<Ear>,
    names: Names,
    statements: Statements,
    policy: MarkPolicy,
    writes: AtomicU32,
    /// How long a statement waits for a lock, in milliseconds: as long as anybody waits for its answer.
    wait: String,
}

impl PostgresEngine {
    pub(super) fn new(link: Link, ear: Option<Ear>, names: Names, policy: MarkPolicy) -> Self {
        Self {
            wait: link.timeout().as_millis().max(1).to_string(),
            statements: Statements::new(&names),
            names,
            writes: AtomicU32::new(0),
            link,
            ear,
            policy,
        }
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    /// How many rows this write may clean up.
    fn sweep(&self) -> i32 {
        let writes = self.writes.fetch_add(1, Ordering::Relaxed);
        if writes % SWEEP_EVERY == SWEEP_EVERY - 1 {
            SWEEP_ROWS
        } else {
            0
        }
    }
}

fn iat_of(identity: &SessionIdentity) -> Option<i64> {
    identity.id_token_iat().map(to_seconds)
}

fn yes(rows: &[PgRow], column: &str) -> Result<bool, PostgresStoreError> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(row.try_get(column)?)
}

impl Engine for PostgresEngine {
    type Error = PostgresStoreError;
    type Cursor = Cursor;
    type Listener = PostgresListener;

    fn policy(&self) -> &MarkPolicy {
        &self.policy
    }

    async fn terminate(
        &self,
        request: &LogoutRequest,
        now: UnixTime,
    ) -> Result<Terminated, PostgresStoreError> {
        let tag = |key| *Tag::key(request.issuer(), request.client_id(), key).as_bytes();
        let (statement, sid, sub) = match (request.target(), marks::keys(request.target())) {
            (LogoutTarget::Subject(_), (sub, _)) => {
                (&self.statements.terminate_by_sub, None, Some(tag(sub)))
            }
            (LogoutTarget::Session { .. }, (sid, sub)) => (
                &self.statements.terminate_by_sid,
                Some(tag(sid)),
                sub.map(|key: MarkKey<'_>| tag(key)),
            ),
        };
        let mark = self.policy.mark(request, now);
        let reach = to_seconds(mark.cut_off.saturating_add(self.policy.spread));
        let (kept_until, now) = (to_seconds(mark.expires_at), to_seconds(now));
        let (notice, sweep) = (Notice::of_logout(request).to_text(), self.sweep());
        let rows = self.link.ask(statement, |query| {
            query
                .bind(sid)
                .bind(sub)
                .bind(reach)
                .bind(kept_until)
                .bind(span(self.policy.dead_for()))
                .bind(now)
                .bind(notice.clone())
                .bind(&self.wait)
                .bind(sweep)
        });
        let rows = rows.await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        record::terminated(row, request)
    }

    async fn forget(
        &self,
        _request: &LogoutRequest,
        terminated: &Terminated,
        _now: UnixTime,
    ) -> Result<(), PostgresStoreError> {
        let ids = terminated.sessions.iter().map(|ended| &ended.id);
        let tags: Vec<[u8; 16]> = ids.map(|id| *Tag::id(id).as_bytes()).collect();
        if tags.is_empty() {
            return Ok(());
        }
        let forgotten = self.link.ask(&self.statements.forget, |query| {
            query.bind(tags.clone()).bind(&self.wait)
        });
        forgotten.await.map(|_| ())
    }

    async fn register(
        &self,
        session: &NewSession,
        now: UnixTime,
    ) -> Result<Registration, PostgresStoreError> {
        let (id, identity) = (session.id(), session.identity());
        let (tag, [fine, sub]) = (*Tag::id(id).as_bytes(), Tag::of_marks(identity));
        let (fine, sub) = (*fine.as_bytes(), *sub.as_bytes());
        let (notice, sweep) = (Notice::of_id(id).to_text(), self.sweep());
        let rows = self.link.ask(&self.statements.register, |query| {
            query
                .bind(tag)
                .bind(id.as_str())
                .bind(identity.issuer().as_str())
                .bind(identity.client_id().as_str())
                .bind(identity.subject().as_str())
                .bind(identity.sid().map(Sid::as_str))
                .bind(iat_of(identity))
                .bind(to_seconds(session.expires_at()))
                .bind(fine)
                .bind(sub)
                .bind(span(self.policy.dead_for()))
                .bind(to_seconds(now))
                .bind(notice.clone())
                .bind(&self.wait)
                .bind(sweep)
        });
        Ok(if yes(&rows.await?, "taken")? {
            Registration::Registered
        } else {
            Registration::AlreadyLoggedOut
        })
    }

    async fn look(&self, id: &SessionId, now: UnixTime) -> Result<Look, PostgresStoreError> {
        let (tag, now) = (*Tag::id(id).as_bytes(), to_seconds(now));
        let rows = self
            .link
            .ask(&self.statements.look, |query| query.bind(tag).bind(now));
        record::look(rows.await?.first())
    }

    async fn extend(
        &self,
        id: &SessionId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, PostgresStoreError> {
        let (tag, notice) = (*Tag::id(id).as_bytes(), Notice::of_id(id).to_text());
        let sweep = self.sweep();
        let rows = self.link.ask(&self.statements.extend, |query| {
            query
                .bind(tag)
                .bind(to_seconds(expires_at))
                .bind(span(self.policy.dead_for()))
                .bind(to_seconds(now))
                .bind(notice.clone())
                .bind(&self.wait)
                .bind(sweep)
        });
        yes(&rows.await?, "extended")
    }

    async fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> Result<Rebinding, PostgresStoreError> {
        let (from, to) = (Tag::id(old), Tag::id(new));
        let notice = Notice {
            tags: vec![from, to],
        };
        let (notice, sweep) = (notice.to_text(), self.sweep());
        let rows = self.link.ask(&self.statements.rebind, |query| {
            query
                .bind(*from.as_bytes())
                .bind(*to.as_bytes())
                .bind(new.as_str())
                .bind(span(self.policy.dead_for()))
                .bind(to_seconds(now))
                .bind(notice.clone())
                .bind(&self.wait)
                .bind(sweep)
        });
        Ok(if yes(&rows.await?, "rebound")? {
            Rebinding::Rebound
        } else {
            Rebinding::NotLive
        })
    }

    async fn unregister(&self, id: &SessionId, now: UnixTime) -> Result<bool, PostgresStoreError> {
        let (tag, notice) = (*Tag::id(id).as_bytes(), Notice::of_id(id).to_text());
        let sweep = self.sweep();
        let rows = self.link.ask(&self.statements.unregister, |query| {
            query
                .bind(tag)
                .bind(span(self.policy.dead_for()))
                .bind(to_seconds(now))
                .bind(notice.clone())
                .bind(&self.wait)
                .bind(sweep)
        });
        yes(&rows.await?, "ended")
    }

    async fn is_marked(
        &self,
        identity: &SessionIdentity,
        now: UnixTime,
    ) -> Result<bool, PostgresStoreError> {
        let [fine, sub] = Tag::of_marks(identity);
        let rows = self.link.ask(&self.statements.is_marked, |query| {
            query
                .bind(*fine.as_bytes())
                .bind(to_seconds(now))
                .bind(*sub.as_bytes())
                .bind(iat_of(identity))
        });
        yes(&rows.await?, "is_marked")
    }

    async fn news(&self, after: Option<&Cursor>) -> Result<News<Cursor>, PostgresStoreError> {
        let rows = self.link.ask(&self.statements.news, |query| {
            query
                .bind(after.map(Cursor::snapshot))
                .bind(after.map(Cursor::last))
        });
        news::read(&rows.await?, after)
    }

    async fn listen(&self) -> Result<Option<PostgresListener>, PostgresStoreError> {
        match &self.ear {
            Some(ear) => {
                let channel = self.names.channel();
                let listening = ear.listen(&channel, self.link.timeout());
                listening.await.map(Some)
            }
            None => Ok(None),
        }
    }
}
