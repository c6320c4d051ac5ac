//! What the provider remembers: sessions, codes and deliveries, all bounded and in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::deliveries::Delivery;
use crate::shared::cookies::random_id;

/// A customer of the identity store `customers`.
pub(crate) struct Account {
    /// The account's id, and the `sub` in its tokens.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) initials: &'static str,
}

pub(crate) const STORE: &str = "customers";

pub(crate) const ACCOUNTS: [Account; 3] = [
    Account {
        id: "maya",
        name: "Maya Lindqvist",
        initials: "ML",
    },
    Account {
        id: "jonas",
        name: "Jonas Okafor",
        initials: "JO",
    },
    Account {
        id: "priya",
        name: "Priya Raman",
        initials: "PR",
    },
];

impl Account {
    pub(crate) fn find(id: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.id == id)
    }
}

const SESSION_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
const CODE_LIFETIME: Duration = Duration::from_secs(60);
const MOST_SESSIONS: usize = 1000;
const MOST_CODES: usize = 1000;
pub(super) const MOST_DELIVERIES: usize = 30;

/// One browser in which a customer is signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) sid: String,
    pub(super) account: &'static Account,
    pub(super) since: SystemTime,
    /// The applications that got an ID Token in this session, by client id.
    pub(super) applications: BTreeMap<String, SystemTime>,
}

/// A code that waits to be exchanged.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) sid: String,
    pub(super) issued_at: SystemTime,
}

#[derive(Default)]
pub(super) struct State {
    /// By the value of the browser's cookie.
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    pub(super) deliveries: VecDeque<Delivery>,
    pub(super) next_delivery: u64,
}

impl State {
    /// Signs a customer in; answers the cookie's value.
    pub(super) fn begin(&mut self, account: &'static Account) -> String {
        self.sessions
            .retain(|_, session| young(session.since, SESSION_LIFETIME));
        if self.sessions.len() >= MOST_SESSIONS {
            self.sessions.clear();
        }
        let cookie = random_id();
        let session = Session {
            sid: random_id(),
            account,
            since: SystemTime::now(),
            applications: BTreeMap::new(),
        };
        self.sessions.insert(cookie.clone(), session);
        cookie
    }

    pub(super) fn session(&self, cookie: &str) -> Option<&Session> {
        let session = self.sessions.get(cookie)?;
        young(session.since, SESSION_LIFETIME).then_some(session)
    }

    pub(super) fn session_by_sid(&mut self, sid: &str) -> Option<&mut Session> {
        let mut sessions = self.sessions.values_mut();
        sessions.find(|session| session.sid == sid)
    }

    /// All sessions of a customer, the oldest first.
    pub(super) fn sessions_of(&self, account: &Account) -> Vec<&Session> {
        let mut sessions: Vec<_> = self
            .sessions
            .values()
            .filter(|session| session.account.id == account.id)
            .collect();
        sessions.sort_by_key(|session| session.since);
        sessions
    }

    pub(super) fn end(&mut self, cookie: &str) -> Option<Session> {
        self.sessions.remove(cookie)
    }

    /// Ends all sessions of a customer; answers them.
    pub(super) fn end_all(&mut self, account: &Account) -> Vec<Session> {
        let ended = self
            .sessions
            .extract_if(|_, session| session.account.id == account.id);
        ended.map(|(_, session)| session).collect()
    }

    pub(super) fn issue(&mut self, code: Code) -> String {
        self.codes
            .retain(|_, code| young(code.issued_at, CODE_LIFETIME));
        if self.codes.len() >= MOST_CODES {
            self.codes.clear();
        }
        let value = random_id();
        self.codes.insert(value.clone(), code);
        value
    }

    /// A code works once.
    pub(super) fn redeem(&mut self, code: &str) -> Option<Code> {
        let code = self.codes.remove(code)?;
        young(code.issued_at, CODE_LIFETIME).then_some(code)
    }
}

fn young(since: SystemTime, lifetime: Duration) -> bool {
    since.elapsed().is_ok_and(|age| age < lifetime)
}

/// Seconds since the epoch.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
