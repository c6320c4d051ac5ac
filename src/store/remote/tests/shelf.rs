//! An engine over plain maps, shared by as many nodes as a test likes, with switches for what goes wrong between nodes and store.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, broadcast};

use super::super::{Engine, Listener, Look, News, Notice, Tag};
use crate::clock::UnixTime;
use crate::session::marks::{self, Mark, MarkKey, MarkPolicy};
use crate::session::{
    EndedSession, LogoutRequest, NewSession, Rebinding, Registration, Session, SessionIdentity,
    Terminated,
};
use crate::types::{ClientId, Issuer, SessionId, Sid};

/// How many notices the log keeps.
pub(super) const LOG: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shelf is away")]
pub(super) struct Away;

/// What all nodes share.
#[derive(Debug)]
pub(super) struct Shelf {
    books: Mutex<Books>,
    channel: broadcast::Sender<Notice>,
    /// Ends every listener there is.
    cut: Notify,
    pub(super) switches: Switches,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Switches {
    /// Nobody can listen.
    pub(super) mute: AtomicBool,
    /// The next look waits between its answer and the one who asked.
    pub(super) gate: Mutex<Option<Arc<Gate>>>,
}

/// How often what was asked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) looks: AtomicUsize,
    pub(super) marked: AtomicUsize,
    pub(super) news: AtomicUsize,
    pub(super) listens: AtomicUsize,
    pub(super) others: AtomicUsize,
}

/// Where a test stops an answer on its way.
#[derive(Debug, Default)]
pub(super) struct Gate {
    reached: Notify,
    open: Notify,
}

impl Gate {
    pub(super) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(super) fn open(&self) {
        self.open.notify_one();
    }
}

#[derive(Debug, Default)]
struct Books {
    records: HashMap<String, Record>,
    marks: HashMap<Tag, Mark>,
    log: VecDeque<Notice>,
    /// How many notices stood before the first of the log.
    trimmed: u64,
}

#[derive(Clone, Debug)]
struct Record {
    identity: SessionIdentity,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Live {
        until: UnixTime,
    },
    Ended {
        at: UnixTime,
        until: UnixTime,
        to_report: bool,
    },
    Moved {
        to: SessionId,
        at: UnixTime,
        until: UnixTime,
    },
}

impl Record {
    fn until(&self) -> UnixTime {
        match &self.state {
            State::Live { until } | State::Ended { until, .. } | State::Moved { until, .. } => {
                *until
            }
        }
    }

    fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }
}

impl Books {
    fn clean(&mut self, now: UnixTime) {
        self.records.retain(|_, record| record.until() > now);
        self.marks.retain(|_, mark| mark.expires_at > now);
    }
}

impl Shelf {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            books: Mutex::default(),
            channel: broadcast::Sender::new(1024),
            cut: Notify::new(),
            switches: Switches::default(),
            counts: Counts::default(),
        })
    }

    /// Cuts the channel; nobody can listen until it is mended.
    pub(super) fn cut_channel(&self) {
        self.switches.mute.store(true, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    pub(super) fn mend_channel(&self) {
        self.switches.mute.store(false, Ordering::SeqCst);
    }

    /// Forgets the log.
    pub(super) fn trim(&self) {
        let mut books = self.books.lock().unwrap();
        books.trimmed += books.log.len() as u64;
        books.log.clear();
    }

    /// Stops the answer of the next look, or the next question about marks.
    pub(super) fn gate(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.switches.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    async fn pass_gate(&self) {
        let gate = self.switches.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.reached.notify_one();
            gate.open.notified().await;
        }
    }

    fn announce(&self, books: &mut Books, notice: Notice) {
        books.log.push_back(notice.clone());
        while books.log.len() > LOG {
            books.log.pop_front();
            books.trimmed += 1;
        }
        if !self.switches.mute.load(Ordering::SeqCst) {
            let _ = self.channel.send(notice);
        }
    }
}

/// One node's way to the shelf.
#[derive(Debug)]
pub(super) struct ShelfEngine {
    pub(super) shelf: Arc<Shelf>,
    pub(super) policy: MarkPolicy,
    /// The shelf is out of this node's reach.
    away: AtomicBool,
}

fn mark_tag(issuer: &Issuer, client_id: &ClientId, key: MarkKey<'_>) -> Tag {
    Tag::key(issuer, client_id, key)
}

impl ShelfEngine {
    pub(super) fn new(shelf: &Arc<Shelf>) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            policy: MarkPolicy::default(),
            away: AtomicBool::new(false),
        }
    }

    /// Parts this node from the shelf, or brings it back.
    pub(super) fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
        if away {
            self.shelf.cut.notify_waiters();
        }
    }

    fn books(&self) -> Result<MutexGuard<'_, Books>, Away> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Away);
        }
        Ok(self.shelf.books.lock().unwrap())
    }

    fn marked(&self, books: &Books, identity: &SessionIdentity, now: UnixTime) -> bool {
        let sid = identity.sid().map(Sid::as_str);
        marks::keys_of_session(identity.subject().as_str(), sid)
            .into_iter()
            .filter_map(|key| {
                let tag = mark_tag(identity.issuer(), identity.client_id(), key);
                books.marks.get(&tag)
            })
            .any(|mark| self.policy.refuses(*mark, identity.id_token_iat(), now))
    }

    fn open(&self, now: UnixTime) -> Result<MutexGuard<'_, Books>, Away> {
        self.shelf.counts.others.fetch_add(1, Ordering::SeqCst);
        let mut books = self.books()?;
        books.clean(now);
        Ok(books)
    }
}

impl Engine for ShelfEngine {
    type Error = Away;
    type Cursor = u64;
    type Listener = ShelfListener;

    fn policy(&self) -> &MarkPolicy {
        &self.policy
    }

    async fn terminate(&self, request: &LogoutRequest, now: UnixTime) -> Result<Terminated, Away> {
        let mut books = self.open(now)?;
        let mark = self.policy.mark(request, now);
        let (first, second) = marks::keys(request.target());
        for key in [Some(first), second].into_iter().flatten() {
            let tag = mark_tag(request.issuer(), request.client_id(), key);
            let merged = books.marks.get(&tag).map_or(mark, |old| old.merge(mark));
            books.marks.insert(tag, merged);
        }
        let (mut sessions, mut newly_ended) = (Vec::new(), 0);
        for (id, record) in &mut books.records {
            let identity = &record.identity;
            let selected = identity.issuer() == request.issuer()
                && identity.client_id() == request.client_id()
                && self.policy.selects(
                    request,
                    identity.subject().as_str(),
                    identity.sid().map(Sid::as_str),
                    identity.id_token_iat(),
                );
            let report = match record.state {
                _ if !selected => false,
                State::Live { .. } => {
                    newly_ended += 1;
                    let until = self.policy.dead_id_until(identity.id_token_iat(), now);
                    record.state = State::Ended {
                        at: now,
                        until,
                        to_report: true,
                    };
                    true
                }
                State::Ended { to_report, .. } => to_report,
                State::Moved { .. } => false,
            };
            if report {
                let id = SessionId::parse(id.as_str()).unwrap();
                sessions.push(EndedSession::new(id).with_identity(&record.identity));
            }
        }
        self.shelf.announce(&mut books, Notice::of_logout(request));
        let mut terminated = Terminated::new(sessions);
        terminated.newly_ended = newly_ended;
        Ok(terminated)
    }

    async fn forget(
        &self,
        _request: &LogoutRequest,
        terminated: &Terminated,
        now: UnixTime,
    ) -> Result<(), Away> {
        let mut books = self.open(now)?;
        for ended in &terminated.sessions {
            if let Some(record) = books.records.get_mut(ended.id.as_str())
                && let State::Ended { to_report, .. } = &mut record.state
            {
                *to_report = false;
            }
        }
        Ok(())
    }

    async fn register(&self, new: &NewSession, now: UnixTime) -> Result<Registration, Away> {
        let mut books = self.open(now)?;
        let (id, iat) = (new.id().as_str(), new.identity().id_token_iat());
        let refused = match books.records.get(id) {
            Some(Record {
                identity,
                state: State::Ended { at, .. } | State::Moved { at, .. },
            }) => self
                .policy
                .dead_id_refuses(identity.id_token_iat(), *at, iat),
            Some(Record {
                identity,
                state: State::Live { .. },
            }) => self.policy.live_id_refuses(identity.id_token_iat(), iat),
            None => false,
        };
        if refused || self.marked(&books, new.identity(), now) {
            return Ok(Registration::AlreadyLoggedOut);
        }
        let record = Record {
            identity: new.identity().clone(),
            state: State::Live {
                until: new.expires_at(),
            },
        };
        let replaced = books.records.insert(id.to_owned(), record);
        if replaced.is_some_and(|old| old.is_live()) {
            self.shelf.announce(&mut books, Notice::of_id(new.id()));
        }
        Ok(Registration::Registered)
    }

    async fn look(&self, id: &SessionId, now: UnixTime) -> Result<Look, Away> {
        self.shelf.counts.looks.fetch_add(1, Ordering::SeqCst);
        let look = {
            let mut books = self.books()?;
            books.clean(now);
            match books.records.get(id.as_str()) {
                None => Look::Unknown,
                Some(Record {
                    identity,
                    state: State::Live { until },
                }) => Look::Live(Session::new(identity).with_expires_at(*until)),
                Some(Record {
                    state: State::Moved { to, .. },
                    ..
                }) => Look::MovedTo(to.clone()),
                Some(_) => Look::Ended,
            }
        };
        self.shelf.pass_gate().await;
        Ok(look)
    }

    async fn extend(&self, id: &SessionId, end: UnixTime, now: UnixTime) -> Result<bool, Away> {
        let mut books = self.open(now)?;
        let Some(Record {
            state: State::Live { until },
            ..
        }) = books.records.get_mut(id.as_str())
        else {
            return Ok(false);
        };
        let nearer = end < *until;
        *until = end;
        if nearer {
            self.shelf.announce(&mut books, Notice::of_id(id));
        }
        Ok(true)
    }

    async fn rebind(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: UnixTime,
    ) -> Result<Rebinding, Away> {
        let mut books = self.open(now)?;
        let Some(record) = books
            .records
            .get_mut(old.as_str())
            .filter(|record| record.is_live())
        else {
            return Ok(Rebinding::NotLive);
        };
        let until = self
            .policy
            .dead_id_until(record.identity.id_token_iat(), now);
        let dead = Record {
            identity: record.identity.clone(),
            state: State::Moved {
                to: new.clone(),
                at: now,
                until,
            },
        };
        let live = std::mem::replace(record, dead);
        let replaced = books.records.insert(new.as_str().to_owned(), live);
        let mut tags = vec![Tag::id(old)];
        if replaced.is_some() {
            tags.push(Tag::id(new));
        }
        self.shelf.announce(&mut books, Notice { tags });
        Ok(Rebinding::Rebound)
    }

    async fn unregister(&self, id: &SessionId, now: UnixTime) -> Result<bool, Away> {
        let mut books = self.open(now)?;
        let Some(record) = books
            .records
            .get_mut(id.as_str())
            .filter(|record| record.is_live())
        else {
            return Ok(false);
        };
        let until = self
            .policy
            .dead_id_until(record.identity.id_token_iat(), now);
        record.state = State::Ended {
            at: now,
            until,
            to_report: false,
        };
        self.shelf.announce(&mut books, Notice::of_id(id));
        Ok(true)
    }

    async fn is_marked(&self, identity: &SessionIdentity, now: UnixTime) -> Result<bool, Away> {
        self.shelf.counts.marked.fetch_add(1, Ordering::SeqCst);
        let marked = {
            let mut books = self.books()?;
            books.clean(now);
            self.marked(&books, identity, now)
        };
        self.shelf.pass_gate().await;
        Ok(marked)
    }

    async fn news(&self, after: Option<&u64>) -> Result<News<u64>, Away> {
        self.shelf.counts.news.fetch_add(1, Ordering::SeqCst);
        let books = self.books()?;
        let end = books.trimmed + books.log.len() as u64;
        let after = after.copied().unwrap_or(end);
        let skip = after.saturating_sub(books.trimmed);
        Ok(News {
            notices: books.log.iter().skip(skip as usize).cloned().collect(),
            incomplete: after < books.trimmed,
            cursor: end,
        })
    }

    async fn listen(&self) -> Result<Option<ShelfListener>, Away> {
        self.shelf.counts.listens.fetch_add(1, Ordering::SeqCst);
        drop(self.books()?);
        if self.shelf.switches.mute.load(Ordering::SeqCst) {
            return Err(Away);
        }
        Ok(Some(ShelfListener {
            shelf: Arc::clone(&self.shelf),
            channel: self.shelf.channel.subscribe(),
        }))
    }
}

pub(super) struct ShelfListener {
    shelf: Arc<Shelf>,
    channel: broadcast::Receiver<Notice>,
}

impl Listener for ShelfListener {
    type Error = Away;

    async fn next(&mut self) -> Result<Notice, Away> {
        let mut cut = Box::pin(self.shelf.cut.notified());
        let mut heard = Box::pin(self.channel.recv());
        std::future::poll_fn(|cx| {
            use std::task::Poll;
            if cut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Away));
            }
            heard.as_mut().poll(cx).map_err(|_| Away)
        })
        .await
    }
}
