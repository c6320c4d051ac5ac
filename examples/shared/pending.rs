//! Logins that are under way: begun here, now at the provider.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use openidconnect::{Nonce, PkceCodeVerifier};

/// How long a person may take at the provider.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Anybody can begin a login, so there is a bound; past it, the oldest are given up.
const MOST: usize = 10_000;

/// What has to fit when the provider sends the browser back.
pub(crate) struct PendingLogin {
    /// The browser that began it: the value of its login cookie.
    pub(crate) browser: String,
    pub(crate) nonce: Nonce,
    pub(crate) pkce_verifier: PkceCodeVerifier,
}

/// All of them, by `state`.
#[derive(Default)]
pub(crate) struct PendingLogins(Mutex<HashMap<String, (Instant, PendingLogin)>>);

impl PendingLogins {
    pub(crate) fn insert(&self, state: String, login: PendingLogin) {
        let now = Instant::now();
        let mut logins = self.0.lock().expect("no panic under the lock");
        if logins.len() >= MOST {
            logins.retain(|_, (began, _)| now.duration_since(*began) < LIFETIME);
        }
        if logins.len() >= MOST {
            let mut began: Vec<Instant> = logins.values().map(|(began, _)| *began).collect();
            // A tenth at once, so that a flood does not look for the oldest each time.
            let (_, cut, _) = began.select_nth_unstable(MOST / 10);
            let cut = *cut;
            logins.retain(|_, (began, _)| *began > cut);
        }
        logins.insert(state, (now, login));
    }

    /// Takes the login a `state` belongs to, once and only for the browser that began it.
    pub(crate) fn take(&self, state: &str, browser: &str) -> Option<PendingLogin> {
        let mut logins = self.0.lock().expect("no panic under the lock");
        let (began, login) = logins.get(state)?;
        if login.browser != browser || began.elapsed() >= LIFETIME {
            return None;
        }
        logins.remove(state).map(|(_, login)| login)
    }
}
