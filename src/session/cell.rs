//! The shared record behind a [`Session`](super::Session), packed: two strings in one allocation, the live state beside them.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use std::sync::Arc;

use super::SessionIdentity;
use crate::clock::UnixTime;
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

/// The OP and the client a session belongs to, shared by all its sessions.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) issuer: Issuer,
    pub(crate) client_id: ClientId,
}

const PENDING: u8 = 0;
const LIVE: u8 = 1;
const ENDED: u8 = 2;
const FORGOTTEN: u8 = 3;

const HAS_SID: u8 = 1;
const HAS_IAT: u8 = 2;

/// One session: its identity, and the state that the shipped in-process store keeps with it.
pub(crate) struct SessionCell {
    scope: Arc<Scope>,
    /// The `sub`, and right behind it the `sid`.
    names: Box<str>,
    subject_len: u32,
    flags: u8,
    /// Written under the lock of `id` alone, read without it.
    state: AtomicU8,
    iat: UnixTime,
    /// The end of a live session; of an ended one, the end of its being remembered.
    expires_at: AtomicI64,
    /// Keyed hashes of (scope, `sub`) and (scope, `sid`).
    pub(crate) tags: [u64; 2],
    /// The current id. Its lock makes each change of state and id one step.
    id: Mutex<Box<str>>,
}

/// What [`SessionCell::end`] found.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It was live until now.
    Now(SessionId),
    /// It ended before and is still remembered for being reported.
    Before(SessionId),
    /// It was never live, expired by itself, or nobody is to be told about it any more.
    Silent {
        /// Whether it still counted as a live session.
        counted: bool,
    },
}

/// What [`SessionCell::retire`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retired {
    /// It was live, at least until it expired.
    Live,
    /// It was a dead id.
    Dead,
}

impl SessionCell {
    pub(crate) fn new(
        scope: Arc<Scope>,
        id: &SessionId,
        identity: &SessionIdentity,
        expires_at: UnixTime,
        tags: [u64; 2],
    ) -> Self {
        let subject = identity.subject().as_str();
        let sid = identity.sid().map(Sid::as_str);
        let mut names = String::with_capacity(subject.len() + sid.map_or(0, str::len));
        names.push_str(subject);
        names.push_str(sid.unwrap_or_default());
        let mut flags = 0;
        if sid.is_some() {
            flags |= HAS_SID;
        }
        if identity.id_token_iat().is_some() {
            flags |= HAS_IAT;
        }
        Self {
            scope,
            names: names.into_boxed_str(),
            // Identifiers have at most 2048 bytes, so this never saturates (spec BCL-111).
            subject_len: u32::try_from(subject.len()).unwrap_or(u32::MAX),
            flags,
            state: AtomicU8::new(PENDING),
            iat: identity
                .id_token_iat()
                .unwrap_or(UnixTime::from_secs(i64::MIN)),
            expires_at: AtomicI64::new(expires_at.as_secs()),
            tags,
            id: Mutex::new(id.as_str().into()),
        }
    }

    /// A dead id without names: what stays behind when a session moves on to another id.
    pub(crate) fn dead(&self, until: UnixTime) -> Self {
        Self {
            scope: Arc::clone(&self.scope),
            names: Box::default(),
            subject_len: 0,
            flags: self.flags & HAS_IAT,
            state: AtomicU8::new(FORGOTTEN),
            iat: self.iat,
            expires_at: AtomicI64::new(until.as_secs()),
            tags: [0; 2],
            id: Mutex::default(),
        }
    }

    pub(crate) const fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    pub(crate) fn subject(&self) -> &str {
        self.split().0
    }

    pub(crate) fn sid(&self) -> Option<&str> {
        (self.flags & HAS_SID != 0).then(|| self.split().1)
    }

    fn split(&self) -> (&str, &str) {
        self.names
            .split_at_checked(self.subject_len as usize)
            .unwrap_or((&self.names, ""))
    }

    pub(crate) const fn iat(&self) -> Option<UnixTime> {
        if self.flags & HAS_IAT == 0 {
            None
        } else {
            Some(self.iat)
        }
    }

    pub(crate) fn expires_at(&self) -> UnixTime {
        UnixTime::from_secs(self.expires_at.load(Ordering::Acquire))
    }

    pub(crate) fn identity(&self) -> SessionIdentity {
        let mut identity = SessionIdentity::new(
            self.scope.issuer.clone(),
            self.scope.client_id.clone(),
            Subject::reread(self.subject()),
        );
        if let Some(sid) = self.sid() {
            identity = identity.with_sid(Sid::reread(sid));
        }
        if let Some(iat) = self.iat() {
            identity = identity.with_id_token_iat(iat);
        }
        identity
    }

    /// Live at this moment: published, not ended, not expired.
    pub(crate) fn is_live(&self, now: UnixTime) -> bool {
        self.state.load(Ordering::Acquire) == LIVE && self.expires_at() > now
    }

    /// Not registered any more, as far as its state says; an expired session may still say no.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), ENDED | FORGOTTEN)
    }

    pub(crate) fn is_forgotten(&self) -> bool {
        self.state.load(Ordering::Acquire) == FORGOTTEN
    }

    /// Whether nothing has to be known about it any more.
    pub(crate) fn is_over(&self, now: UnixTime) -> bool {
        self.state.load(Ordering::Acquire) != PENDING && self.expires_at() <= now
    }

    /// The last step of a login; `false` when a logout was faster.
    pub(crate) fn publish(&self) -> bool {
        let _id = self.lock();
        let pending = self.state.load(Ordering::Acquire) == PENDING;
        if pending {
            self.state.store(LIVE, Ordering::Release);
        }
        pending
    }

    /// Ends it. It stays known as a dead id until `remember_until`.
    pub(crate) fn end(&self, now: UnixTime, remember_until: UnixTime) -> Ending {
        let id = self.lock();
        let over = self.expires_at() <= now;
        match self.state.load(Ordering::Acquire) {
            LIVE if over => {
                // Its end stays where it was: whether a sweep met it before must make no difference.
                self.state.store(FORGOTTEN, Ordering::Release);
                Ending::Silent { counted: true }
            }
            LIVE => {
                self.expires_at
                    .store(remember_until.as_secs(), Ordering::Release);
                self.state.store(ENDED, Ordering::Release);
                Ending::Now(SessionId::reread(&id))
            }
            ENDED if !over => Ending::Before(SessionId::reread(&id)),
            PENDING => {
                // The login that is under way finds out in `publish`.
                self.state.store(FORGOTTEN, Ordering::Release);
                Ending::Silent { counted: false }
            }
            _ => Ending::Silent { counted: false },
        }
    }

    /// Ends it without anything to report: a local logout. `true` when it was live.
    pub(crate) fn end_silently(&self, now: UnixTime, remember_until: UnixTime) -> bool {
        let _id = self.lock();
        let live = self.is_live(now);
        if live {
            self.expires_at
                .store(remember_until.as_secs(), Ordering::Release);
            self.state.store(FORGOTTEN, Ordering::Release);
        }
        live
    }

    /// An ended session needs no further report.
    pub(crate) fn forget(&self) {
        let _id = self.lock();
        if self.state.load(Ordering::Acquire) == ENDED {
            self.state.store(FORGOTTEN, Ordering::Release);
        }
    }

    /// Takes it out of use because its entry goes: only if it is over, when `only_over` is given.
    pub(crate) fn retire(&self, only_over: Option<UnixTime>) -> Option<Retired> {
        let _id = self.lock();
        if only_over.is_some_and(|now| !self.is_over(now)) {
            return None;
        }
        match self.state.swap(FORGOTTEN, Ordering::AcqRel) {
            LIVE => Some(Retired::Live),
            _ => Some(Retired::Dead),
        }
    }

    /// Moves the end of a live session.
    pub(crate) fn extend(&self, now: UnixTime, expires_at: UnixTime) -> bool {
        let _id = self.lock();
        let live = self.is_live(now);
        if live {
            self.expires_at
                .store(expires_at.as_secs(), Ordering::Release);
        }
        live
    }

    /// Gives a live session another id.
    pub(crate) fn rename(&self, now: UnixTime, new: &SessionId) -> bool {
        let mut id = self.lock();
        let live = self.is_live(now);
        if live {
            *id = new.as_str().into();
        }
        live
    }

    fn lock(&self) -> MutexGuard<'_, Box<str>> {
        self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SessionCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the id nor the names: they identify a session and a person (spec BCL-170).
        f.debug_struct("SessionCell")
            .field("issuer", &self.scope.issuer)
            .field("client_id", &self.scope.client_id)
            .finish_non_exhaustive()
    }
}
