//! The rules once more, as plainly as they can be written: one list of sessions, one map of marks, no concurrency. The soak compares the
//! memory store with it; the fault tests break it in one place at a time.

use std::collections::BTreeMap;

use tower_backchannel_logout::SessionId;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::session::{LogoutRequest, LogoutTarget, NewSession, SessionIdentity};

use super::Fault;

const SPREAD: i64 = 5;
const LIFETIME: i64 = 600;

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) identity: SessionIdentity,
    /// The end of a live session; of an ended one, the end of its being remembered.
    until: i64,
    ended_at: Option<i64>,
    reported: bool,
    /// Tells sessions apart that had the same id one after the other.
    number: u64,
}

type Key = (String, String, &'static str, String);

#[derive(Debug, Default)]
pub(crate) struct Reference {
    fault: Option<Fault>,
    records: Vec<Record>,
    marks: BTreeMap<Key, (i64, i64)>,
    order: Vec<Key>,
    last: u64,
}

impl Reference {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            ..Self::default()
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn clean(&mut self, now: i64) {
        if !self.has(Fault::StatusIgnoresExpiry) {
            self.records.retain(|record| record.until > now);
        }
        self.marks.retain(|_, (_, until)| *until > now);
    }

    fn reaches(&self, cut_off: i64, iat: Option<UnixTime>) -> bool {
        let spread = if self.has(Fault::SpreadIgnored) {
            0
        } else {
            SPREAD
        };
        match iat.map(UnixTime::as_secs) {
            None => !self.has(Fault::AgelessSurvive),
            Some(iat) if self.has(Fault::CutOffReversed) => iat >= cut_off,
            Some(iat) => iat <= cut_off + spread,
        }
    }

    fn name(&self, text: &str) -> String {
        if self.has(Fault::NamesFolded) {
            text.trim().to_lowercase()
        } else {
            text.to_owned()
        }
    }

    fn key(&self, issuer: &str, client_id: &str, kind: &'static str, name: &str) -> Key {
        let issuer = if self.has(Fault::IssuerIgnored) {
            ""
        } else {
            issuer
        };
        let client_id = if self.has(Fault::ClientIgnored) {
            ""
        } else {
            client_id
        };
        (
            issuer.to_owned(),
            client_id.to_owned(),
            kind,
            self.name(name),
        )
    }

    fn same(&self, one: &str, other: &str) -> bool {
        self.name(one) == self.name(other)
    }

    fn selects(&self, request: &LogoutRequest, identity: &SessionIdentity) -> bool {
        let scope = (request.issuer() == identity.issuer() || self.has(Fault::IssuerIgnored))
            && (request.client_id() == identity.client_id() || self.has(Fault::ClientIgnored));
        let cut_off = request.cut_off().as_secs();
        let subject = |wanted: &str| {
            self.same(wanted, identity.subject().as_str())
                && (self.has(Fault::SubEndsNewer) || self.reaches(cut_off, identity.id_token_iat()))
        };
        scope
            && match (request.target(), identity.sid()) {
                (LogoutTarget::Subject(wanted), _) => subject(wanted.as_str()),
                (
                    LogoutTarget::Session {
                        sid,
                        subject: wanted,
                    },
                    Some(own),
                ) => {
                    let also = wanted
                        .as_ref()
                        .is_none_or(|wanted| wanted == identity.subject());
                    let aged = self.reaches(cut_off, identity.id_token_iat());
                    self.same(sid.as_str(), own.as_str())
                        && (also || !self.has(Fault::SidAndSub))
                        && (aged || !self.has(Fault::SidHasCutOff))
                        || self.has(Fault::SidOrSub)
                            && wanted
                                .as_ref()
                                .is_some_and(|wanted| subject(wanted.as_str()))
                }
                (
                    LogoutTarget::Session {
                        subject: wanted, ..
                    },
                    None,
                ) => {
                    !self.has(Fault::NoSidlessSelection)
                        && wanted
                            .as_ref()
                            .is_some_and(|wanted| subject(wanted.as_str()))
                }
            }
    }

    pub(crate) fn write_marks(&mut self, request: &LogoutRequest, now: i64) {
        let selected = |record: &Record| self.selects(request, &record.identity);
        let matched = self.records.iter().any(selected);
        if self.has(Fault::NoMark)
            || self.has(Fault::MarkOnlyIfMatched) && !matched
            || self.has(Fault::MarkOnlyIfUnmatched) && matched
        {
            return;
        }
        let (issuer, client_id) = (request.issuer().as_str(), request.client_id().as_str());
        let mut keys = Vec::new();
        match request.target() {
            LogoutTarget::Subject(subject) => {
                keys.push(self.key(issuer, client_id, "sub", subject.as_str()));
            }
            LogoutTarget::Session { sid, subject } => {
                keys.push(self.key(issuer, client_id, "sid", sid.as_str()));
                if let Some(subject) = subject
                    && !self.has(Fault::NoSidlessSelection)
                {
                    let kind = if self.has(Fault::SecondMarkIsForAll) {
                        "sub"
                    } else {
                        "sidless"
                    };
                    keys.push(self.key(issuer, client_id, kind, subject.as_str()));
                }
            }
        }
        let mut cut_off = request.cut_off().as_secs();
        if self.has(Fault::CutOffIsNow) {
            cut_off = cut_off.max(now);
        }
        let lifetime = if self.has(Fault::MarkExpiresEarly) {
            60
        } else {
            LIFETIME
        };
        let until = now.max(cut_off + SPREAD) + lifetime + 1;
        let until = until.max(request.usable_until().as_secs());
        for key in keys {
            let overwrite = self.has(Fault::CutOffOverwritten);
            let mark = self.marks.entry(key.clone()).or_insert((cut_off, until));
            if overwrite {
                *mark = (cut_off, until);
            }
            let first_end = mark.1;
            *mark = (mark.0.max(cut_off), mark.1.max(until));
            if self.fault == Some(Fault::MarkKeepsItsFirstEnd) {
                mark.1 = first_end;
            }
            self.order.push(key);
            if self.has(Fault::MarkDroppedOnOverflow) && self.marks.len() > 64 {
                let oldest = self.order.remove(0);
                self.marks.remove(&oldest);
            }
        }
    }

    /// Reached by a mark, or so old that the mark may be gone.
    pub(crate) fn is_logged_out(&mut self, identity: &SessionIdentity, now: i64) -> bool {
        let iat = identity.id_token_iat().map(UnixTime::as_secs);
        iat.is_some_and(|iat| iat + LIFETIME < now && !self.has(Fault::StatelessNeverTooOld))
            || self.is_marked(identity, now)
    }

    pub(crate) fn is_marked(&mut self, identity: &SessionIdentity, now: i64) -> bool {
        self.clean(now);
        let (issuer, client_id) = (identity.issuer().as_str(), identity.client_id().as_str());
        let subject = identity.subject().as_str();
        let mut keys = vec![self.key(issuer, client_id, "sub", subject)];
        if identity.sid().is_some() && self.has(Fault::SubMarksPassSids) {
            keys.clear();
        }
        keys.push(match identity.sid() {
            Some(sid) => self.key(issuer, client_id, "sid", sid.as_str()),
            None => self.key(issuer, client_id, "sidless", subject),
        });
        keys.iter().any(|key| {
            self.marks.get(key).is_some_and(|(cut_off, _)| {
                self.has(Fault::MarkNeverPasses) || self.reaches(*cut_off, identity.id_token_iat())
            })
        })
    }

    /// Whether a login may be taken, as far as marks, age and dead ids say.
    pub(crate) fn may_register(&mut self, new: &NewSession, now: i64) -> bool {
        self.clean(now);
        let iat = new.identity().id_token_iat().map(UnixTime::as_secs);
        let old = iat.is_some_and(|iat| iat + LIFETIME < now);
        if old && !new.adopts_existing() && !self.has(Fault::OldTokenTaken) {
            return false;
        }
        let adopts = new.adopts_existing() && self.has(Fault::AdoptIgnoresMarks);
        if !adopts && !self.has(Fault::RegisterUpserts) && self.is_marked(new.identity(), now) {
            return false;
        }
        let mut same_id = self
            .records
            .iter()
            .filter(|record| record.id == new.id().as_str());
        !same_id.any(|record| {
            let own = record.identity.id_token_iat().map(UnixTime::as_secs);
            match (record.ended_at, own) {
                (Some(_), _) if self.has(Fault::DeadIdsBlockForever) => true,
                (Some(_), None) if self.has(Fault::AgelessDeadIdsForgotten) => false,
                (Some(ended_at), dead) => iat.is_none_or(|iat| iat <= dead.unwrap_or(ended_at)),
                (None, None) => false,
                (None, Some(_)) if self.has(Fault::LateSaveReplacesNewer) => false,
                (None, Some(live)) => iat.is_none_or(|iat| iat < live),
            }
        })
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub(crate) fn insert(&mut self, new: &NewSession) {
        if !self.has(Fault::ReplacedStaysIndexed) {
            self.records.retain(|record| record.id != new.id().as_str());
        }
        self.last += 1;
        let first = Record {
            id: new.id().as_str().to_owned(),
            identity: new.identity().clone(),
            until: new.expires_at().as_secs(),
            ended_at: None,
            reported: false,
            number: self.last,
        };
        self.records.insert(0, first);
    }

    /// Ends what the request selects: what to report, and how many were live.
    pub(crate) fn end(&mut self, request: &LogoutRequest, now: i64) -> (Vec<Record>, usize) {
        self.clean(now);
        let mut selected: Vec<_> = (0..self.records.len())
            .filter(|nth| self.selects(request, &self.records[*nth].identity))
            .collect();
        if self.has(Fault::OneSlotIndex) {
            selected = selected.pop().into_iter().collect();
        }
        let silent = self.has(Fault::RepetitionReportsNothing);
        let forgetful = self.has(Fault::EndedIdsForgotten);
        let (mut reported, mut newly_ended) = (Vec::new(), 0);
        for nth in selected {
            let record = &mut self.records[nth];
            match record.ended_at {
                None => {
                    newly_ended += 1;
                    let iat = record
                        .identity
                        .id_token_iat()
                        .map_or(now, UnixTime::as_secs);
                    (record.ended_at, record.reported) = (Some(now), true);
                    record.until = iat.max(now) + LIFETIME + 1;
                    reported.push(record.clone());
                }
                Some(_) if record.reported && !silent => reported.push(record.clone()),
                Some(_) => {}
            }
        }
        if forgetful {
            self.records.retain(|record| record.ended_at.is_none());
        }
        (reported, newly_ended)
    }

    pub(crate) fn forget(&mut self, ids: &[String], request: &LogoutRequest) {
        for record in &mut self.records {
            record.reported &= !ids.contains(&record.id) || record.ended_at.is_none();
        }
        if self.has(Fault::ForgetDropsDeadIds) {
            self.records
                .retain(|record| record.ended_at.is_none() || record.reported);
        }
        if self.has(Fault::ForgetDropsMark) {
            let sid = request.target().sid().map(|sid| sid.as_str().to_owned());
            self.marks.retain(|key, _| Some(&key.3) != sid.as_ref());
        }
    }

    /// Like [`forget`](Self::forget), for exactly these sessions.
    pub(crate) fn forget_records(&mut self, done: &[Record]) {
        for record in &mut self.records {
            record.reported &= done.iter().all(|other| other.number != record.number);
        }
    }

    pub(crate) fn live(&mut self, id: &SessionId, now: i64) -> Option<&mut Record> {
        self.clean(now);
        let revives = self.has(Fault::ExtendRevives);
        self.records.iter_mut().find(|record| {
            record.id == id.as_str() && (record.ended_at.is_none() || revives && record.reported)
        })
    }

    pub(crate) fn is_live(&mut self, id: &SessionId, now: i64) -> Option<SessionIdentity> {
        let live = self
            .live(id, now)
            .filter(|record| record.ended_at.is_none());
        live.map(|record| record.identity.clone())
    }

    pub(crate) fn extend(&mut self, id: &SessionId, until: i64, now: i64) -> bool {
        let live = self.live(id, now);
        live.map(|record| (record.until, record.ended_at) = (until, None))
            .is_some()
    }

    pub(crate) fn unregister(&mut self, id: &SessionId, now: i64) -> bool {
        let tombstone = !self.has(Fault::NoTombstone);
        if self.has(Fault::OldIdStillActs) {
            let mut all = self.records.iter();
            let number = all
                .find(|record| record.id == id.as_str())
                .map(|record| record.number);
            let moved = self
                .records
                .iter()
                .find(|record| Some(record.number) == number && record.ended_at.is_none());
            if let Some(moved) = moved.filter(|record| record.id != id.as_str()) {
                let moved = SessionId::parse(moved.id.as_str()).unwrap();
                return self.unregister(&moved, now);
            }
        }
        if self.has(Fault::LocalLogoutEndsTheSid) || self.has(Fault::LocalLogoutLeavesAMark) {
            let live = self.is_live(id, now);
            if let Some((identity, sid)) = live.and_then(|own| own.sid().cloned().map(|s| (own, s)))
            {
                let (issuer, client_id) = (identity.issuer().clone(), identity.client_id().clone());
                let at = UnixTime::from_secs(now);
                let request = LogoutRequest::for_sid(issuer, client_id, sid, at);
                if self.has(Fault::LocalLogoutLeavesAMark) {
                    self.write_marks(&request, now);
                } else {
                    let (ended, _) = self.end(&request, now);
                    self.forget_records(&ended);
                    return !ended.is_empty();
                }
            }
        }
        let Some(record) = self
            .live(id, now)
            .filter(|record| record.ended_at.is_none())
        else {
            return false;
        };
        let iat = record
            .identity
            .id_token_iat()
            .map_or(now, UnixTime::as_secs);
        (record.ended_at, record.reported) = (Some(now), false);
        record.until = if tombstone {
            iat.max(now) + LIFETIME + 1
        } else {
            now
        };
        true
    }

    /// The first half of a rotation: the session leaves its old id.
    pub(crate) fn take(&mut self, id: &SessionId, now: i64) -> Option<Record> {
        self.is_live(id, now)?;
        let (copies, forgets) = (
            self.has(Fault::RotationCopies),
            self.has(Fault::OldIdNotDead),
        );
        let nth = self
            .records
            .iter()
            .position(|record| record.id == id.as_str())?;
        let record = self.records[nth].clone();
        if forgets {
            self.records.remove(nth);
        } else if !copies {
            self.unregister(id, now);
        }
        Some(record)
    }

    /// The second half: it has its new id.
    pub(crate) fn put(&mut self, mut record: Record, id: &SessionId) {
        if !self.has(Fault::RotationKeepsTheOther) {
            self.records.retain(|other| other.id != id.as_str());
        }
        record.id = id.as_str().to_owned();
        if self.has(Fault::RotationProlongs) {
            record.until += 3600;
        }
        if self.has(Fault::RotationLosesIat) {
            let old = &record.identity;
            let (issuer, client_id) = (old.issuer().clone(), old.client_id().clone());
            let fresh = SessionIdentity::new(issuer, client_id, old.subject().clone());
            record.identity = match old.sid() {
                Some(sid) => fresh.with_sid(sid.clone()),
                None => fresh,
            };
        }
        self.records.push(record);
    }

    /// Whether a session of this identity is live, under whatever id or under the given one.
    pub(crate) fn is_identity_live(
        &mut self,
        identity: &SessionIdentity,
        id: Option<&SessionId>,
        now: i64,
    ) -> bool {
        self.clean(now);
        self.records.iter().any(|record| {
            record.ended_at.is_none()
                && record.identity == *identity
                && id.is_none_or(|id| record.id == id.as_str())
        })
    }
}
