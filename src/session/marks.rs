//! The mark algorithm, in one place for every store: which sessions a logout selects, which marks it leaves, and which
//! sessions those marks refuse.
//!
//! A *scope* is one (issuer, `client_id`) pair; nothing here ever crosses it (spec BCL-140).
//!
//! 1. **Selection** ([`MarkPolicy::selects`]): a `sid` ends its sessions whatever their age; a `sub` ends the sessions whose first
//!    ID Token is not later than the cut-off plus the spread, and those without a time (spec BCL-141, 143, D-c).
//! 2. **Marks** ([`keys`], [`MarkPolicy::mark`]): the same request leaves one or two marks, each with a cut-off and an end. Two marks
//!    under one key become one with the later of both ([`Mark::merge`]).
//! 3. **Refusal** ([`MarkPolicy::refuses`]): a mark refuses a login, or ends a stateless session, whose ID Token is not later than
//!    its cut-off plus the spread. A later login always passes, also with the same `sid` or `sub` (spec BCL-149).
//! 4. **Proof of life** ([`MarkPolicy::is_too_old`]): a mark lives at least as long after its cut-off as a login may take. An ID
//!    Token that is older than that cannot be shown to be alive, since the mark that would refuse it may be gone: its login is
//!    refused, and a stateless session with it is over.
//! 5. **Late saves** ([`MarkPolicy::dead_id_refuses`], [`MarkPolicy::live_id_refuses`]): an id that ended takes no login with the ID
//!    Token it ended with, or an older one, and one that is live none that is older than its own: an id never goes back.
//!
//! Rules 3 and 5 and the merging of marks stand a second time in `store/redis/lua`, where a script of the server needs them, and all
//! rules as conditions of SQL in `store/postgres/rules.rs`: change all or none. The store suite runs over all of them.
//!
//! A store writes the marks *before* it looks for sessions, and makes a login findable *before* it looks for marks. Whichever of the
//! two comes first, a session that the logout selects ends.

use std::time::Duration;

use super::{LogoutRequest, LogoutTarget};
use crate::clock::UnixTime;

/// How far two clocks of one OP may be apart: 5 seconds.
pub const DEFAULT_SPREAD: Duration = Duration::from_secs(5);

/// How long a login may take, and with it a mark has to live: 10 minutes.
pub const DEFAULT_MARK_LIFETIME: Duration = Duration::from_secs(600);

/// What a mark is about, inside one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle each kind")]
pub enum MarkKey<'a> {
    /// The sessions of one session at the OP.
    Sid(&'a str),
    /// The sessions of a customer that were recorded without any `sid`: the second half of a token with both claims
    /// (spec BCL-141).
    SubjectWithoutSid(&'a str),
    /// Every session of a customer.
    Subject(&'a str),
}

/// A cut-off, and until when it has to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Mark {
    /// Sessions whose ID Token is not later than this, plus the spread, are over.
    pub cut_off: UnixTime,
    /// From this moment the mark can refuse nothing any more.
    pub expires_at: UnixTime,
}

impl Mark {
    /// A mark with this cut-off, kept until the given moment.
    #[must_use]
    pub const fn new(cut_off: UnixTime, expires_at: UnixTime) -> Self {
        Self {
            cut_off,
            expires_at,
        }
    }

    /// Two marks under one key: the later cut-off and the later end.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            cut_off: self.cut_off.max(other.cut_off),
            expires_at: self.expires_at.max(other.expires_at),
        }
    }
}

/// The two times the algorithm depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarkPolicy {
    /// How far two clocks of one OP may be apart. Default [`DEFAULT_SPREAD`].
    pub spread: Duration,
    /// How long a mark lives. Default [`DEFAULT_MARK_LIFETIME`]; with stateless sessions, their longest lifetime.
    pub lifetime: Duration,
}

impl Default for MarkPolicy {
    fn default() -> Self {
        Self {
            spread: DEFAULT_SPREAD,
            lifetime: DEFAULT_MARK_LIFETIME,
        }
    }
}

impl MarkPolicy {
    /// Sets the spread. A longer one ends more of the sessions that began right after a logout.
    #[must_use]
    pub const fn with_spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// Sets the lifetime of marks. It must cover the longest login, and the longest stateless session.
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The mark a request leaves under each of its [`keys`].
    ///
    /// It lives until the token cannot be delivered again, and for the lifetime after the later of now and its last reachable ID
    /// Token. So whoever finds no mark for an ID Token that is not [too old](Self::is_too_old) knows there was none.
    #[must_use]
    pub fn mark(&self, request: &LogoutRequest, now: UnixTime) -> Mark {
        let last_reached = request.cut_off().saturating_add(self.spread);
        let kept = now.max(last_reached).saturating_add(self.lifetime);
        // A mark is of use up to and with its last second, hence one more: times are whole seconds.
        let kept = kept.saturating_add(Duration::from_secs(1));
        Mark::new(request.cut_off(), kept.max(request.usable_until()))
    }

    /// Whether a mark under one of a session's [`keys_of_session`] refuses it. Without an `iat` it does.
    #[must_use]
    pub fn refuses(&self, mark: Mark, id_token_iat: Option<UnixTime>, now: UnixTime) -> bool {
        mark.expires_at > now && self.reaches(mark.cut_off, id_token_iat)
    }

    /// Whether an ID Token is so old that the mark refusing it may be gone: the login is refused (spec D-d). A session without
    /// an `iat` is never too old; every mark refuses it instead.
    #[must_use]
    pub fn is_too_old(&self, id_token_iat: Option<UnixTime>, now: UnixTime) -> bool {
        id_token_iat.is_some_and(|iat| iat.saturating_add(self.lifetime) < now)
    }

    /// Whether a request ends a registered session of the same scope.
    #[must_use]
    pub fn selects(
        &self,
        request: &LogoutRequest,
        subject: &str,
        sid: Option<&str>,
        id_token_iat: Option<UnixTime>,
    ) -> bool {
        match (request.target(), sid) {
            (LogoutTarget::Subject(wanted), _) => {
                wanted.as_str() == subject && self.reaches(request.cut_off(), id_token_iat)
            }
            // A sid has no cut-off and asks for no subject: failing safe is better there (spec D-a, D-c, BCL-142).
            (LogoutTarget::Session { sid: wanted, .. }, Some(sid)) => wanted.as_str() == sid,
            (LogoutTarget::Session { subject: None, .. }, None) => false,
            (
                LogoutTarget::Session {
                    subject: Some(wanted),
                    ..
                },
                None,
            ) => wanted.as_str() == subject && self.reaches(request.cut_off(), id_token_iat),
        }
    }

    /// The moment up to which a dead id is to be remembered.
    #[must_use]
    pub fn dead_id_until(&self, id_token_iat: Option<UnixTime>, ended_at: UnixTime) -> UnixTime {
        id_token_iat
            .map_or(ended_at, |iat| iat.max(ended_at))
            .saturating_add(self.dead_for())
    }

    /// For how long a dead id is remembered at least.
    pub(crate) const fn dead_for(&self) -> Duration {
        self.lifetime.saturating_add(Duration::from_secs(1))
    }

    /// The moment of death again, from [`dead_id_until`](Self::dead_id_until) of a session without an `iat`.
    pub(crate) fn died_at(&self, dead_id_until: UnixTime) -> UnixTime {
        dead_id_until.saturating_sub(self.dead_for())
    }

    /// Whether an id that ended refuses a login: one with the ID Token it ended with, or an older one. A genuine later login
    /// passes, also when the application keeps its session ids.
    #[must_use]
    pub fn dead_id_refuses(
        &self,
        dead_iat: Option<UnixTime>,
        ended_at: UnixTime,
        new_iat: Option<UnixTime>,
    ) -> bool {
        new_iat.is_none_or(|new| new <= dead_iat.unwrap_or(ended_at))
    }

    /// Whether an id that is live refuses a login: one with an older ID Token is the late save of a session that had the id before.
    #[must_use]
    pub fn live_id_refuses(&self, live_iat: Option<UnixTime>, new_iat: Option<UnixTime>) -> bool {
        live_iat.is_some_and(|live| new_iat.is_none_or(|new| new < live))
    }

    fn reaches(&self, cut_off: UnixTime, id_token_iat: Option<UnixTime>) -> bool {
        // Presence, not value: what has no time cannot be shown to be later (spec BCL-143).
        id_token_iat.is_none_or(|iat| iat <= cut_off.saturating_add(self.spread))
    }
}

/// The keys under which a request leaves its mark.
#[must_use]
pub fn keys(target: &LogoutTarget) -> (MarkKey<'_>, Option<MarkKey<'_>>) {
    match target {
        LogoutTarget::Subject(subject) => (MarkKey::Subject(subject.as_str()), None),
        LogoutTarget::Session { sid, subject } => (
            MarkKey::Sid(sid.as_str()),
            subject
                .as_ref()
                .map(|subject| MarkKey::SubjectWithoutSid(subject.as_str())),
        ),
    }
}

/// The keys under which a mark can reach a session, the finer one first. A store that folds finer marks into coarser ones writes the
/// coarser one first, so whoever looks in this order always meets one of them.
#[must_use]
pub const fn keys_of_session<'a>(subject: &'a str, sid: Option<&'a str>) -> [MarkKey<'a>; 2] {
    [
        match sid {
            Some(sid) => MarkKey::Sid(sid),
            None => MarkKey::SubjectWithoutSid(subject),
        },
        MarkKey::Subject(subject),
    ]
}
