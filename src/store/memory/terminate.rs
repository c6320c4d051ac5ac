//! How a logout is carried out: the mark first, then the list of what is in effect, then each session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::{Engine, hub_key};
use super::{pending, step};
use crate::clock::UnixTime;
use crate::print::Print;
use crate::session::cell::{Ending, Scope, SessionCell};
use crate::session::marks::{self, Mark, MarkKey};
use crate::session::{EndedSession, LogoutRequest, Session, Terminated};
use crate::types::{Sid, Subject};

/// What a request names, as it is looked for in the tables.
struct Named {
    sid: Option<Print>,
    subject: Option<Print>,
}

impl Engine {
    /// The mark first: from then on no login is taken that it reaches, and from the entry on the list on no session is live that the
    /// request selects. The rest is cleaning up.
    pub(super) fn terminate(&self, request: &LogoutRequest) -> Terminated {
        let now = self.clock.now();
        let scope = self.scopes.intern(request.issuer(), request.client_id());
        let prints = self.prints_of(request, &scope);
        step("terminate: begun");
        self.write_marks(request, &scope, &prints, now);
        step("terminate: marked");
        let in_effect = self.pending.add(&scope, request);
        step("terminate: in effect");
        let cells = self.find(request, &scope, &prints);
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
        self.learn_subject(request, &scope, &prints, &cells);
        self.bound_dead(now);
        terminated
    }

    fn prints_of(&self, request: &LogoutRequest, scope: &Arc<Scope>) -> Named {
        let sid = request.target().sid().map(Sid::as_str);
        let subject = request.target().subject().map(Subject::as_str);
        Named {
            sid: sid.map(|sid| self.prints.name(scope, MarkKey::Sid(sid))),
            subject: subject.map(|subject| self.prints.name(scope, MarkKey::Subject(subject))),
        }
    }

    fn write_marks(
        &self,
        request: &LogoutRequest,
        scope: &Arc<Scope>,
        prints: &Named,
        now: UnixTime,
    ) {
        let mark = self.policy.mark(request, now);
        let (first, second) = marks::keys(request.target());
        let mut folded = false;
        for key in [Some(first), second].into_iter().flatten() {
            let (print, subject) = match key {
                MarkKey::Sid(_) => (prints.sid, None),
                MarkKey::Subject(_) => (prints.subject, None),
                MarkKey::SubjectWithoutSid(_) => (None, prints.subject),
            };
            let print = print.unwrap_or_else(|| self.prints.name(scope, key));
            folded |= self.marks.put(print, subject, scope, mark, now);
        }
        // Connections of stateless sessions wait under these tags.
        for [tag, _] in [prints.sid, prints.subject].into_iter().flatten() {
            self.identities.wake(tag);
        }
        if folded {
            self.identities.wake_all();
        }
    }

    fn find(
        &self,
        request: &LogoutRequest,
        scope: &Arc<Scope>,
        prints: &Named,
    ) -> Vec<Arc<SessionCell>> {
        let mut cells = Vec::new();
        let wanted = |cell: &SessionCell| pending::selects(request, scope, cell, &self.policy);
        if let Some([tag, _]) = prints.sid {
            self.by_sid.collect(tag, &mut cells, wanted);
        }
        if let Some([tag, _]) = prints.subject {
            let with_sid = prints.sid.is_some();
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
        prints: &Named,
        cells: &[Arc<SessionCell>],
    ) {
        let Some(sid) = prints.sid else { return };
        let mut with_sid = cells.iter().filter(|cell| cell.sid().is_some());
        let Some(first) = with_sid.next() else { return };
        let one_subject = with_sid.all(|cell| cell.subject() == first.subject());
        let named = request.target().subject().map(Subject::as_str);
        let as_named = named.is_none_or(|subject| subject == first.subject());
        let known = one_subject.then(|| {
            let named = prints.subject.filter(|_| as_named);
            let subject = MarkKey::Subject(first.subject());
            named.unwrap_or_else(|| self.prints.name(scope, subject))
        });
        self.marks.learn_subject(sid, known);
        if !one_subject || !as_named {
            // BCL-142: ended all the same.
            tracing::warn!(
                iss = %request.issuer(),
                "the sub of a logout token is not that of the session its sid names"
            );
        }
    }

    /// Dead ids are marks too, and bounded like them: the earliest become the mark of their scope.
    pub(super) fn bound_dead(&self, now: UnixTime) {
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
        // All sessions of a tag go with the first: one logout by `sub` has one tag for ten thousand sessions.
        let (mut last_subject, mut last_sid) = (None, None);
        for cell in &cells {
            let [subject, sid] = cell.tags;
            if last_subject.replace(subject) != Some(subject) {
                self.by_subject.remove_forgotten(subject);
            }
            if cell.sid().is_some() && last_sid.replace(sid) != Some(sid) {
                self.by_sid.remove_forgotten(sid);
            }
        }
    }
}
