//! What the memory store does, step by step. Nothing here waits; no two locks are held together but those of two ids that change
//! places, in a fixed order, and that of one session inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::ids::{Gone, Ids, Published};
use super::mark_table::MarkTable;
use super::names::{Names, Which};
use super::pending::{self, PendingEnds};
use super::prints::Prints;
use super::scopes::Scopes;
use super::{MemoryStoreBuilder, MemoryStoreError, step};
use crate::clock::{Clock, UnixTime};
use crate::event::hub::Hub;
use crate::session::cell::{Ending, Retired, Scope, SessionCell};
use crate::session::marks::{self, Mark, MarkKey, MarkPolicy};
use crate::session::{
    EndedSession, LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, Session,
    SessionIdentity, SessionStatus, Terminated,
};
use crate::types::{SessionId, Sid};

pub(super) struct Engine {
    pub(super) clock: Arc<dyn Clock>,
    policy: MarkPolicy,
    max_sessions: i64,
    max_dead: i64,
    prints: Prints,
    scopes: Scopes,
    pub(super) ids: Ids,
    pub(super) by_subject: Names,
    pub(super) by_sid: Names,
    pub(super) marks: MarkTable,
    pending: PendingEnds,
    /// Connections that wait for a session, by its address.
    pub(super) sessions: Arc<Hub>,
    /// Connections that wait for a stateless session, by tag.
    pub(super) identities: Arc<Hub>,
    pub(super) live: AtomicI64,
    pub(super) dead: AtomicI64,
    last_full_sweep: AtomicI64,
}

/// The key under which the end of a session is told.
pub(super) fn hub_key(cell: &Arc<SessionCell>) -> u64 {
    // The lowest bits of an address are all the same.
    (Arc::as_ptr(cell).addr() as u64) >> 4
}

impl Engine {
    pub(super) fn new(config: MemoryStoreBuilder) -> Self {
        let bound = |max: usize| i64::try_from(max).unwrap_or(i64::MAX);
        Self {
            clock: config.clock,
            policy: config.policy,
            max_sessions: bound(config.max_sessions),
            max_dead: bound(config.max_sessions),
            prints: Prints::default(),
            scopes: Scopes::default(),
            ids: Ids::new(),
            by_subject: Names::new(Which::Subject),
            by_sid: Names::new(Which::Sid),
            marks: MarkTable::new(config.max_marks),
            pending: PendingEnds::default(),
            sessions: Arc::default(),
            identities: Arc::default(),
            live: AtomicI64::new(0),
            dead: AtomicI64::new(0),
            last_full_sweep: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn tags(&self, scope: &Arc<Scope>, identity: &SessionIdentity) -> [u64; 2] {
        let subject = MarkKey::Subject(identity.subject().as_str());
        let sid = identity.sid().map(|sid| MarkKey::Sid(sid.as_str()));
        [
            self.prints.tag(scope, subject),
            sid.map_or(0, |sid| self.prints.tag(scope, sid)),
        ]
    }

    pub(super) fn scope_of(&self, identity: &SessionIdentity) -> Arc<Scope> {
        self.scopes.intern(identity.issuer(), identity.client_id())
    }

    /// Findable first, then the marks, then live: a logout writes its mark first and looks for sessions second, so whichever comes
    /// first, one of the two sees the other (spec BCL-149).
    pub(super) fn register(&self, new: &NewSession) -> Result<Registration, MemoryStoreError> {
        let now = self.clock.now();
        let iat = new.identity().id_token_iat();
        if !new.adopts_existing() && self.policy.is_too_old(iat, now) {
            return Ok(Registration::AlreadyLoggedOut);
        }
        let scope = self.scope_of(new.identity());
        let tags = self.tags(&scope, new.identity());
        let (id, expires_at) = (new.id(), new.expires_at());
        let cell = SessionCell::new(scope, id, new.identity(), expires_at, tags);
        let cell = Arc::new(cell);
        self.take_place(now)?;
        self.link(&cell);
        step("register: findable");
        let marked = self.is_marked(cell.scope(), cell.subject(), cell.sid(), iat, now)
            || self.pending.selects(&cell, &self.policy);
        step("register: marks looked at");
        let mut swept = Vec::new();
        let published = if marked {
            Published::Refused
        } else {
            let print = self.prints.id(id);
            self.ids
                .publish(print, &cell, now, &self.policy, &mut swept)
        };
        step("register: decided");
        let outcome = match published {
            Published::Yes(replaced) => {
                swept.extend(replaced);
                Registration::Registered
            }
            Published::Refused => {
                self.unlink(&cell);
                self.live.fetch_sub(1, Ordering::Relaxed);
                Registration::AlreadyLoggedOut
            }
        };
        self.bury(swept);
        Ok(outcome)
    }

    fn take_place(&self, now: UnixTime) -> Result<(), MemoryStoreError> {
        if self.live.fetch_add(1, Ordering::Relaxed) < self.max_sessions {
            return Ok(());
        }
        // What is over may still be counted. Looked for at most once a second: it takes a while.
        if self.last_full_sweep.swap(now.as_secs(), Ordering::Relaxed) != now.as_secs() {
            let mut swept = Vec::new();
            self.ids.sweep_all(now, &mut swept);
            self.bury(swept);
        }
        if self.live.load(Ordering::Relaxed) <= self.max_sessions {
            return Ok(());
        }
        self.live.fetch_sub(1, Ordering::Relaxed);
        Err(MemoryStoreError::Full)
    }

    #[cfg(test)]
    pub(super) fn sweep_for_tests(&self) {
        let mut swept = Vec::new();
        self.ids.sweep_all(self.clock.now(), &mut swept);
        self.bury(swept);
    }

    fn link(&self, cell: &Arc<SessionCell>) {
        self.by_subject.insert(cell);
        if cell.sid().is_some() {
            self.by_sid.insert(cell);
        }
    }

    fn unlink(&self, cell: &Arc<SessionCell>) {
        if cell.subject().is_empty() {
            return;
        }
        self.by_subject.remove(cell);
        if cell.sid().is_some() {
            self.by_sid.remove(cell);
        }
    }

    /// Cleans up behind entries that are gone.
    fn bury(&self, gone: impl IntoIterator<Item = Gone>) {
        for (cell, retired) in gone {
            let count = match retired {
                Retired::Live => &self.live,
                Retired::Dead => &self.dead,
            };
            count.fetch_sub(1, Ordering::Relaxed);
            self.unlink(&cell);
            self.sessions.wake(hub_key(&cell));
        }
    }

    /// Whether a mark reaches such a session; the finer marks first, see [`marks::keys_of_session`].
    fn is_marked(
        &self,
        scope: &Arc<Scope>,
        subject: &str,
        sid: Option<&str>,
        iat: Option<UnixTime>,
        now: UnixTime,
    ) -> bool {
        let refuses =
            |mark: Option<Mark>| mark.is_some_and(|mark| self.policy.refuses(mark, iat, now));
        !self.marks.is_empty()
            && (marks::keys_of_session(subject, sid)
                .into_iter()
                .any(|key| refuses(self.marks.find(self.prints.name(scope, key))))
                || refuses(self.marks.find_wide(scope)))
    }

    pub(super) fn is_logged_out(&self, identity: &SessionIdentity) -> bool {
        let now = self.clock.now();
        let iat = identity.id_token_iat();
        // The mark that ended it may be gone by now: what cannot be shown to be alive is over.
        self.policy.is_too_old(iat, now)
            || (!self.marks.is_empty()
                && self.is_marked(
                    &self.scope_of(identity),
                    identity.subject().as_str(),
                    identity.sid().map(Sid::as_str),
                    iat,
                    now,
                ))
    }

    /// The mark first: from then on no login is taken that it reaches, and from the entry on the list on no session is live that the
    /// request selects. The rest is cleaning up.
    pub(super) fn terminate(&self, request: &LogoutRequest) -> Terminated {
        let now = self.clock.now();
        let scope = self.scopes.intern(request.issuer(), request.client_id());
        step("terminate: begun");
        self.write_marks(request, &scope, now);
        step("terminate: marked");
        let in_effect = self.pending.add(&scope, request);
        step("terminate: in effect");
        let cells = self.find(request, &scope);
        step("terminate: sessions found");
        let mut terminated = Terminated::default();
        let mut counted: i64 = 0;
        for cell in &cells {
            let until = self.policy.dead_id_until(cell.iat(), now);
            let id = match cell.end(now, until) {
                Ending::Now(id) => {
                    terminated.newly_ended = terminated.newly_ended.saturating_add(1);
                    counted = counted.saturating_add(1);
                    self.sessions.wake(hub_key(cell));
                    id
                }
                Ending::Before(id) => id,
                Ending::Silent { counted: was } => {
                    if was {
                        // It expired, and nobody met it before.
                        counted = counted.saturating_add(1);
                        self.unlink(cell);
                        self.sessions.wake(hub_key(cell));
                    }
                    continue;
                }
            };
            let ended = EndedSession::new(id).with_session(Session(Arc::clone(cell)));
            terminated.sessions.push(ended);
            step("terminate: one ended");
        }
        self.live.fetch_sub(counted, Ordering::Relaxed);
        self.dead.fetch_add(counted, Ordering::Relaxed);
        drop(in_effect);
        self.learn_subject(request, &scope, &cells);
        self.bound_dead(now);
        terminated
    }

    fn write_marks(&self, request: &LogoutRequest, scope: &Arc<Scope>, now: UnixTime) {
        let mark = self.policy.mark(request, now);
        let (first, second) = marks::keys(request.target());
        let mut folded = false;
        for key in [Some(first), second].into_iter().flatten() {
            let subject = match key {
                MarkKey::SubjectWithoutSid(subject) => Some(MarkKey::Subject(subject)),
                MarkKey::Sid(_) | MarkKey::Subject(_) => None,
            };
            let subject = subject.map(|subject| self.prints.name(scope, subject));
            let print = self.prints.name(scope, key);
            folded |= self.marks.put(print, subject, scope, mark, now);
            // Connections of stateless sessions wait under these tags.
            let (MarkKey::Sid(_) | MarkKey::Subject(_)) = key else {
                continue;
            };
            let [tag, _] = print;
            self.identities.wake(tag);
        }
        if let Some(subject) = request.target().subject() {
            let subject = MarkKey::Subject(subject.as_str());
            self.identities.wake(self.prints.tag(scope, subject));
        }
        if folded {
            self.identities.wake_all();
        }
    }

    fn find(&self, request: &LogoutRequest, scope: &Arc<Scope>) -> Vec<Arc<SessionCell>> {
        let mut cells = Vec::new();
        let wanted = |cell: &SessionCell| pending::selects(request, scope, cell, &self.policy);
        if let Some(sid) = request.target().sid() {
            let tag = self.prints.tag(scope, MarkKey::Sid(sid.as_str()));
            self.by_sid.collect(tag, &mut cells, wanted);
        }
        if let Some(subject) = request.target().subject() {
            let with_sid = request.target().sid().is_some();
            let tag = self.prints.tag(scope, MarkKey::Subject(subject.as_str()));
            // Those with the sid were found by it.
            self.by_subject.collect(tag, &mut cells, |cell| {
                wanted(cell) && !(with_sid && cell.sid().is_some())
            });
        }
        cells
    }

    /// Whose session a `sid` is, is known for sure from a session alone.
    fn learn_subject(
        &self,
        request: &LogoutRequest,
        scope: &Arc<Scope>,
        cells: &[Arc<SessionCell>],
    ) {
        let LogoutTarget::Session { sid, subject } = request.target() else {
            return;
        };
        let mut with_sid = cells.iter().filter(|cell| cell.sid().is_some());
        let Some(first) = with_sid.next() else { return };
        let one_subject = with_sid.all(|cell| cell.subject() == first.subject());
        if one_subject {
            let sid = self.prints.name(scope, MarkKey::Sid(sid.as_str()));
            let subject = MarkKey::Subject(first.subject());
            let subject = self.prints.name(scope, subject);
            self.marks.learn_subject(sid, subject);
        }
        if !one_subject
            || subject
                .as_ref()
                .is_some_and(|sub| sub.as_str() != first.subject())
        {
            // BCL-142: ended all the same.
            tracing::warn!(
                iss = %request.issuer(),
                "the sub of a logout token is not that of the session its sid names"
            );
        }
    }

    /// Dead ids are marks too, and bounded like them: the earliest become the mark of their scope.
    fn bound_dead(&self, now: UnixTime) {
        if self.dead.load(Ordering::Relaxed) <= self.max_dead {
            return;
        }
        let mut swept = Vec::new();
        self.ids.sweep_all(now, &mut swept);
        self.bury(swept);
        let goal = self.max_dead.saturating_sub(self.max_dead / 4);
        let excess = self.dead.load(Ordering::Relaxed).saturating_sub(goal);
        let Some(excess) = usize::try_from(excess).ok().filter(|excess| *excess > 0) else {
            return;
        };
        let cut_off = |cell: &SessionCell| {
            // A mark reaches the spread further than its cut-off; a dead id does not.
            let last_refused = cell.iat().unwrap_or(self.policy.died_at(cell.expires_at()));
            last_refused.saturating_sub(self.policy.spread)
        };
        let mut dead = self.ids.dead();
        if excess < dead.len() {
            dead.select_nth_unstable_by_key(excess, |(_, cell)| cut_off(cell));
        }
        for (print, cell) in dead.iter().take(excess) {
            let mark = Mark::new(cut_off(cell), cell.expires_at());
            self.marks.put_wide(cell.scope(), mark, now);
            self.bury(self.ids.remove_dead(*print, cell));
        }
        tracing::warn!(
            folded = excess,
            "too many ended sessions: some were folded into coarser marks, which may refuse more logins than they should"
        );
        self.identities.wake_all();
    }

    pub(super) fn forget(&self, terminated: &Terminated) {
        let cells: Vec<_> = terminated
            .sessions
            .iter()
            .filter_map(|ended| match &ended.session {
                Some(session) => Some(Arc::clone(&session.0)),
                None => self.ids.with(self.prints.id(&ended.id), Arc::clone),
            })
            .collect();
        for cell in &cells {
            cell.forget();
        }
        let tags = |which: fn(&SessionCell) -> Option<u64>| {
            let mut tags: Vec<_> = cells.iter().filter_map(|cell| which(cell)).collect();
            tags.sort_unstable();
            tags.dedup();
            tags
        };
        for tag in tags(|cell| cell.tags.first().copied()) {
            self.by_subject.remove_forgotten(tag);
        }
        for tag in tags(|cell| cell.sid().and(cell.tags.last().copied())) {
            self.by_sid.remove_forgotten(tag);
        }
    }

    pub(super) fn status(&self, id: &SessionId) -> SessionStatus {
        let now = self.clock.now();
        let answer = self.ids.with(self.prints.id(id), |cell| {
            if self.is_live(cell, now) {
                SessionStatus::Live(Session(Arc::clone(cell)))
            } else {
                SessionStatus::Ended
            }
        });
        answer.unwrap_or(SessionStatus::Unknown)
    }

    /// Live, and no logout that is being carried out ends it.
    pub(super) fn is_live(&self, cell: &SessionCell, now: UnixTime) -> bool {
        cell.is_live(now) && !self.pending.selects(cell, &self.policy)
    }

    pub(super) fn find_cell(&self, id: &SessionId) -> Option<Arc<SessionCell>> {
        self.ids.with(self.prints.id(id), Arc::clone)
    }

    pub(super) fn extend(&self, id: &SessionId, expires_at: UnixTime) -> bool {
        let now = self.clock.now();
        let moved = self.ids.with(self.prints.id(id), |cell| {
            let moved = self.is_live(cell, now) && cell.extend(now, expires_at);
            // Its end may be nearer than a waiting connection thinks.
            moved.then(|| self.sessions.wake(hub_key(cell))).is_some()
        });
        moved.unwrap_or_default()
    }

    pub(super) fn rebind(&self, old: &SessionId, new: &SessionId) -> Rebinding {
        let now = self.clock.now();
        let prints = (self.prints.id(old), self.prints.id(new));
        step("rebind: begun");
        let moved = self.ids.rebind(prints, new, now, &self.policy, |cell| {
            self.pending.selects(cell, &self.policy)
        });
        step("rebind: done");
        let Some(replaced) = moved else {
            return Rebinding::NotLive;
        };
        if old != new {
            self.dead.fetch_add(1, Ordering::Relaxed);
        }
        let mut swept: Vec<_> = replaced.into_iter().collect();
        self.ids.sweep_some(prints.0, now, &mut swept);
        self.bury(swept);
        self.bound_dead(now);
        Rebinding::Rebound
    }

    pub(super) fn unregister(&self, id: &SessionId) -> bool {
        let now = self.clock.now();
        let print = self.prints.id(id);
        step("unregister: begun");
        // Ended where it is found: its id cannot move meanwhile.
        let ended = self.ids.with(print, |cell| {
            let until = self.policy.dead_id_until(cell.iat(), now);
            cell.end_silently(now, until).then(|| Arc::clone(cell))
        });
        step("unregister: done");
        let Some(cell) = ended.flatten() else {
            return false;
        };
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.dead.fetch_add(1, Ordering::Relaxed);
        self.sessions.wake(hub_key(&cell));
        self.unlink(&cell);
        let mut swept = Vec::new();
        self.ids.sweep_some(print, now, &mut swept);
        self.bury(swept);
        self.bound_dead(now);
        true
    }
}
