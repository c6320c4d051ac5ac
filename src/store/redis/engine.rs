//! The operations of the port, each one script; a logout of more sessions than one script should end takes several.

use std::collections::HashSet;

use redis::Cmd;

use super::error::RedisStoreError;
use super::link::Link;
use super::listener::{Ear, RedisListener};
use super::script::{self, Script};
use super::{answer, record, time};
use crate::clock::UnixTime;
use crate::session::marks::{self, MarkKey, MarkPolicy};
use crate::session::{
    EndedSession, LogoutRequest, NewSession, Rebinding, Registration, SessionIdentity, Terminated,
};
use crate::store::remote::time::span;
use crate::store::remote::{Engine, Look, News, Notice, Tag};
use crate::types::SessionId;

/// How many sessions one script ends, reports or forgets: a few milliseconds in which the server does nothing else. Lua takes no more
/// than some 4,000 as the members of one command.
const CHUNK: usize = 250;

/// The first script of a logout puts it in effect: it is not kept long by sessions that are ended one by one.
const FIRST_CHUNK: usize = 100;

#[derive(Debug)]
pub(crate) struct RedisEngine {
    link: Link,
    ear: Option<Ear>,
    /// What every key begins with; the part in braces decides on the slot, so one script reaches all of them.
    prefix: String,
    policy: MarkPolicy,
}

impl RedisEngine {
    pub(super) fn new(link: Link, ear: Option<Ear>, namespace: &str, policy: MarkPolicy) -> Self {
        Self {
            link,
            ear,
            prefix: format!("{{{namespace}}}:"),
            policy,
        }
    }

    /// Begins a question: what every script is told.
    fn question(&self, script: &Script, now: UnixTime) -> Cmd {
        let mut command = script.by_digest(&self.prefix);
        command
            .arg(time::to_text(now))
            .arg(span(self.policy.spread))
            .arg(span(self.policy.lifetime));
        command
    }

    async fn yes(&self, script: &Script, command: &Cmd) -> Result<bool, RedisStoreError> {
        answer::yes(&self.link.run(script, command).await?)
    }

    /// One step of a logout.
    fn logout(&self, request: &LogoutRequest, now: UnixTime, first: bool) -> Cmd {
        let mark = self.policy.mark(request, now);
        let mut command = self.question(&script::TERMINATE, now);
        command
            .arg(if first { FIRST_CHUNK } else { CHUNK })
            .arg(u8::from(first))
            .arg(Notice::of_logout(request).to_text())
            .arg(time::to_text(mark.cut_off))
            .arg(time::to_text(mark.expires_at));
        let (one, other) = marks::keys(request.target());
        for key in [Some(one), other].into_iter().flatten() {
            let tag = Tag::key(request.issuer(), request.client_id(), key);
            command.arg(tag.to_text());
            match key {
                // A sid has no cut-off, see `MarkPolicy::selects`.
                MarkKey::Sid(_) => command.arg("+inf"),
                MarkKey::SubjectWithoutSid(_) | MarkKey::Subject(_) => {
                    let last = request.cut_off().saturating_add(self.policy.spread);
                    command.arg(time::to_text(last))
                }
            };
        }
        command
    }

    async fn report(
        &self,
        tags: &[String],
        now: UnixTime,
    ) -> Result<Vec<EndedSession>, RedisStoreError> {
        let mut command = self.question(&script::REPORT, now);
        command.arg(tags);
        answer::ended(self.link.run(&script::REPORT, &command).await?)
    }
}

fn iat_of(identity: &SessionIdentity) -> String {
    identity
        .id_token_iat()
        .map_or_else(|| "-".to_owned(), time::to_text)
}

impl Engine for RedisEngine {
    type Error = RedisStoreError;
    /// The id of an entry in the stream.
    type Cursor = String;
    type Listener = RedisListener;

    fn policy(&self) -> &MarkPolicy {
        &self.policy
    }

    async fn terminate(
        &self,
        request: &LogoutRequest,
        now: UnixTime,
    ) -> Result<Terminated, RedisStoreError> {
        let (mut ended, mut first) = (Vec::new(), true);
        let (before, rest) = loop {
            let command = self.logout(request, now, std::mem::take(&mut first));
            let answer = self.link.run(&script::TERMINATE, &command).await?;
            let [unfinished, newly, before, rest] = answer::tuple(answer)?;
            ended.extend(answer::ended(newly)?);
            if !answer::yes(&unfinished)? {
                break (answer::ended(before)?, answer::texts(rest)?);
            }
        };
        let newly_ended = ended.len();
        if !before.is_empty() || !rest.is_empty() {
            // The last script cannot tell what the scripts before it ended from what another logout did.
            let tag_of = |ended: &EndedSession| Tag::id(&ended.id).to_text();
            let known: HashSet<_> = ended.iter().map(tag_of).collect();
            let is_new = |tag: &String| !known.contains(tag);
            ended.extend(before.into_iter().filter(|one| is_new(&tag_of(one))));
            let rest: Vec<_> = rest.into_iter().filter(is_new).collect();
            for tags in rest.chunks(CHUNK) {
                ended.extend(self.report(tags, now).await?);
            }
        }
        let mut terminated = Terminated::new(ended);
        terminated.newly_ended = newly_ended;
        Ok(terminated)
    }

    async fn forget(
        &self,
        _request: &LogoutRequest,
        terminated: &Terminated,
        now: UnixTime,
    ) -> Result<(), RedisStoreError> {
        for ended in terminated.sessions.chunks(CHUNK) {
            let mut command = self.question(&script::FORGET, now);
            for ended in ended {
                command.arg(Tag::id(&ended.id).to_text());
            }
            self.link.run(&script::FORGET, &command).await?;
        }
        Ok(())
    }

    async fn register(
        &self,
        session: &NewSession,
        now: UnixTime,
    ) -> Result<Registration, RedisStoreError> {
        let identity = session.identity();
        let mut command = self.question(&script::REGISTER, now);
        command
            .arg(Tag::id(session.id()).to_text())
            .arg(time::to_text(session.expires_at()))
            .arg(iat_of(identity))
            .arg(record::id_to_text(session.id()))
            .arg(&Tag::of_marks(identity).map(Tag::to_text))
            .arg(record::names_to_text(identity));
        Ok(if self.yes(&script::REGISTER, &command).await? {
            Registration::Registered
        } else {
            Registration::AlreadyLoggedOut
        })
    }

    async fn look(&self, id: &SessionId, now: UnixTime) -> Result<Look, RedisStoreError> {
        let mut command = self.question(&script::LOOK, now);
        command.arg(Tag::id(id).to_text());
        answer::look(self.link.run(&script::LOOK, &command).await?)
    }

    async fn extend(
        &self,
        id: &SessionId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, RedisStoreError> {
        let mut command = self.question(&script::EXTEND, now);
        command
            .arg(Tag::id(id).to_text())
            .arg(time::to_text(expires_at));
        self.yes(&script::EXTEND, &command).await
    }

    async fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> Result<Rebinding, RedisStoreError> {
        let mut command = self.question(&script::REBIND, now);
        command
            .arg(Tag::id(old).to_text())
            .arg(Tag::id(new).to_text())
            .arg(record::id_to_text(new));
        Ok(if self.yes(&script::REBIND, &command).await? {
            Rebinding::Rebound
        } else {
            Rebinding::NotLive
        })
    }

    async fn unregister(&self, id: &SessionId, now: UnixTime) -> Result<bool, RedisStoreError> {
        let mut command = self.question(&script::UNREGISTER, now);
        command.arg(Tag::id(id).to_text());
        self.yes(&script::UNREGISTER, &command).await
    }

    async fn is_marked(
        &self,
        identity: &SessionIdentity,
        now: UnixTime,
    ) -> Result<bool, RedisStoreError> {
        let mut command = self.question(&script::MARKED, now);
        command
            .arg(&Tag::of_marks(identity).map(Tag::to_text))
            .arg(iat_of(identity));
        self.yes(&script::MARKED, &command).await
    }

    async fn news(&self, after: Option<&String>) -> Result<News<String>, RedisStoreError> {
        let mut command = self.question(&script::NEWS, UnixTime::from_secs(0));
        command.arg(after.map_or("", String::as_str));
        let answer = self.link.run(&script::NEWS, &command).await?;
        let [incomplete, cursor, notices] = answer::tuple(answer)?;
        let notices = answer::texts(notices)?;
        Ok(News {
            notices: notices.iter().map(|text| Notice::from_text(text)).collect(),
            incomplete: answer::yes(&incomplete)?,
            cursor: answer::text(cursor)?,
        })
    }

    async fn listen(&self) -> Result<Option<RedisListener>, RedisStoreError> {
        match &self.ear {
            Some(ear) => ear.listen(&self.prefix).await.map(Some),
            None => Ok(None),
        }
    }
}
