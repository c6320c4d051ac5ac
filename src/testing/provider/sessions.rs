//! Who is logged in where, and how sessions end.

use std::collections::BTreeSet;

use aws_lc_rs::digest;

use super::client::ClientRegistration;
use super::deliver::{Delivery, PendingLogout};
use super::{FakeProvider, Shared};
use crate::testing::keys::{base64url, random_id};

/// A session of a customer at the provider.
#[derive(Clone)]
pub(super) struct OpSession {
    pub(super) sid: String,
    pub(super) user: String,
    clients: BTreeSet<String>,
}

/// What a client learns from a login.
#[derive(Clone)]
#[non_exhaustive]
pub struct Login {
    /// `sub` for this client.
    pub sub: String,
    /// The session at the provider, also when the client's tokens carry no `sid`.
    pub sid: String,
    /// The signed ID Token.
    pub id_token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Shared {
    /// The `sub` of a customer for a client (Core 8).
    pub(super) fn subject(&self, client_id: &str, user: &str) -> String {
        if !self.pairwise {
            return user.to_owned();
        }
        let input = format!("{client_id}\n{user}");
        base64url(digest::digest(&digest::SHA256, input.as_bytes()))
    }

    pub(super) fn open_session(&self, user: &str) -> String {
        let sid = random_id();
        self.state().sessions.push(OpSession {
            sid: sid.clone(),
            user: user.to_owned(),
            clients: BTreeSet::new(),
        });
        sid
    }

    pub(super) fn session(&self, sid: &str) -> Option<OpSession> {
        let state = self.state();
        state.sessions.iter().find(|one| one.sid == sid).cloned()
    }

    /// Adds the client to the session and signs its ID Token; `None` when the session has ended.
    pub(super) fn join(
        &self,
        sid: &str,
        client: &ClientRegistration,
        nonce: Option<&str>,
    ) -> Option<Login> {
        let user = {
            let mut state = self.state();
            let session = state.sessions.iter_mut().find(|one| one.sid == sid)?;
            session.clients.insert(client.client_id.clone());
            session.user.clone()
        };
        let sub = self.subject(&client.client_id, &user);
        let mut token = self.mint(client).id_token().sub(&sub);
        if client.session_required {
            token = token.sid(sid);
        }
        if let Some(nonce) = nonce {
            token = token.nonce(nonce);
        }
        Some(Login {
            sub,
            sid: sid.to_owned(),
            id_token: token.sign(),
        })
    }

    /// Ends the sessions that match and signs one Logout Token for each client of theirs that has a URL.
    fn end(&self, matches: impl Fn(&OpSession) -> bool, whole_subject: bool) -> Vec<PendingLogout> {
        let (ended, clients) = {
            let mut state = self.state();
            let (ended, kept): (Vec<_>, Vec<_>) =
                state.sessions.drain(..).partition(|one| matches(one));
            state.sessions = kept;
            (ended, state.clients.clone())
        };
        let mut targets = BTreeSet::new();
        for session in &ended {
            for client in &session.clients {
                let sid = (!whole_subject).then_some(&session.sid);
                targets.insert((client, &session.user, sid));
            }
        }
        let sign = |(client_id, user, sid): (&String, &String, Option<&String>)| {
            let client = clients.get(client_id)?;
            let url = client.backchannel_logout_uri.clone()?;
            let mut token = self.mint(client).logout_token();
            token = token.sub(self.subject(client_id, user));
            if let Some(sid) = sid.filter(|_| client.session_required) {
                token = token.sid(sid);
            }
            Some(PendingLogout::new(client_id.clone(), url, token.sign()))
        };
        targets.into_iter().filter_map(sign).collect()
    }

    pub(super) fn end_sid(&self, sid: &str) -> Vec<PendingLogout> {
        self.end(|session| session.sid == sid, false)
    }
}

impl FakeProvider {
    /// Logs a customer in at a client, in a new session and without a browser.
    ///
    /// # Panics
    ///
    /// When no such client is registered.
    pub fn log_in(&self, client_id: &str, user: &str) -> Login {
        let sid = self.shared.open_session(user);
        self.join_session(&sid, client_id)
    }

    /// Logs the customer of a running session in at one more client (single sign-on).
    ///
    /// # Panics
    ///
    /// When no such client is registered, or the session has ended.
    pub fn join_session(&self, sid: &str, client_id: &str) -> Login {
        let client = self.shared.client(client_id).expect("the client exists");
        let login = self.shared.join(sid, &client, None);
        login.expect("the session is alive")
    }

    /// The `sid` of each session that a customer has, oldest first.
    #[must_use]
    pub fn sessions_of(&self, user: &str) -> Vec<String> {
        let state = self.shared.state();
        let own = state.sessions.iter().filter(|one| one.user == user);
        own.map(|one| one.sid.clone()).collect()
    }

    /// Ends one session and delivers a Logout Token with `sub` and `sid` to each client that took part, one after the
    /// other. An unknown `sid` delivers nothing.
    pub async fn end_session(&self, sid: &str) -> Vec<Delivery> {
        send_all(self.prepare_end_session(sid)).await
    }

    /// Ends all sessions of a customer and delivers one Logout Token with a `sub` alone to each client that took part
    /// in any: what an administrator's "sign out everywhere" does.
    pub async fn end_all_sessions_of(&self, user: &str) -> Vec<Delivery> {
        send_all(self.prepare_end_all_sessions_of(user)).await
    }

    /// As [`end_session`](Self::end_session), but the signed tokens are handed over instead of delivered: send them
    /// late, twice, in another order, or [slowly](PendingLogout::send_slowly).
    #[must_use]
    pub fn prepare_end_session(&self, sid: &str) -> Vec<PendingLogout> {
        self.shared.end_sid(sid)
    }

    /// As [`end_all_sessions_of`](Self::end_all_sessions_of), but the signed tokens are handed over instead of
    /// delivered.
    #[must_use]
    pub fn prepare_end_all_sessions_of(&self, user: &str) -> Vec<PendingLogout> {
        self.shared.end(|session| session.user == user, true)
    }
}

pub(super) async fn send_all(pending: Vec<PendingLogout>) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(pending.len());
    for logout in pending {
        deliveries.push(logout.send().await);
    }
    deliveries
}
