//! What the memory store holds and answers; [`register`](super::register) and [`terminate`](super::terminate) are the two
//! operations that race. Nothing here waits; no two locks are held together but those of two ids that change
//! places, in a fixed order, and that of one session inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::ids::{Gone, Ids};
use super::mark_table::MarkTable;
use super::names::{Names, Which};
use super::pending::PendingEnds;
use super::prints::Prints;
use super::scopes::Scopes;
use super::{MemoryStoreBuilder, step};
use crate::clock::{Clock, UnixTime};
use crate::event::hub::Hub;
use crate::session::cell::{Retired, Scope, SessionCell};
use crate::session::marks::{self, Mark, MarkKey, MarkPolicy};
use crate::session::{Rebinding, Session, SessionIdentity, SessionStatus};
use crate::types::{SessionId, Sid};

pub(super) struct Engine {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: MarkPolicy,
    pub(super) max_sessions: i64,
    pub(super) max_dead: i64,
    pub(super) prints: Prints,
    pub(super) scopes: Scopes,
    pub(super) ids: Ids,
    pub(super) by_subject: Names,
    pub(super) by_sid: Names,
    pub(super) marks: MarkTable,
    pub(super) pending: PendingEnds,
    /// Connections that wait for a session, by its address.
    pub(super) sessions: Arc<Hub>,
    /// Connections that wait for a stateless session, by tag.
    pub(super) identities: Arc<Hub>,
    pub(super) live: AtomicI64,
    pub(super) dead: AtomicI64,
    pub(super) last_full_sweep: AtomicI64,
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

    #[cfg(test)]
    pub(super) fn sweep_for_tests(&self) {
        let mut swept = Vec::new();
        self.ids.sweep_all(self.clock.now(), &mut swept);
        self.bury(swept);
    }

    pub(super) fn link(&self, cell: &Arc<SessionCell>) {
        self.by_subject.insert(cell);
        if cell.sid().is_some() {
            self.by_sid.insert(cell);
        }
    }

    pub(super) fn unlink(&self, cell: &Arc<SessionCell>) {
        if cell.subject().is_empty() {
            return;
        }
        self.by_subject.remove(cell);
        if cell.sid().is_some() {
            self.by_sid.remove(cell);
        }
    }

    /// Cleans up behind entries that are gone.
    pub(super) fn bury(&self, gone: impl IntoIterator<Item = Gone>) {
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
    pub(super) fn is_marked(
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

    /// Live, and no logout that is being carried out ends it. The list first, the session second: a logout that leaves the list
    /// has ended its sessions. The other way round, one that leaves it in between is missed, although it was in effect before.
    pub(super) fn is_live(&self, cell: &SessionCell, now: UnixTime) -> bool {
        let ends = self.pending.selects(cell, &self.policy);
        step("status: half way");
        !ends && cell.is_live(now)
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
