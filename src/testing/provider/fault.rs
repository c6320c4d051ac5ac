//! Outages on command, and what was asked of the provider.

use std::time::Duration;

use super::FakeProvider;

/// An endpoint of the fake provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// `/jwks`
    Jwks,
    /// `/authorize`
    Authorization,
    /// `/token`
    Token,
    /// `/userinfo`
    UserInfo,
    /// `/end_session`
    EndSession,
}

impl Endpoint {
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/.well-known/openid-configuration" => Self::Discovery,
            "/jwks" => Self::Jwks,
            "/authorize" => Self::Authorization,
            "/token" => Self::Token,
            "/userinfo" => Self::UserInfo,
            "/end_session" => Self::EndSession,
            _ => return None,
        })
    }
}

/// What an endpoint does instead of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Closes the connection without an answer.
    Disconnect,
    /// Answers with this status and a short text.
    Status(u16),
    /// Does not answer until the fault is lifted or replaced; then the request is answered accordingly.
    Hang,
    /// Answers as usual, this much later (by the tokio clock).
    Slow(Duration),
    /// Answers 200 with a web page, as a captive portal or a load balancer does.
    Html,
    /// Answers 302 to this URL.
    Redirect(String),
    /// Answers 200 with JSON of this many bytes (at least 16): an object with one long member.
    Huge(usize),
    /// Announces more bytes than it sends, and closes the connection.
    Truncated,
    /// Answers 200 with this text as `application/json`.
    Body(String),
}

impl FakeProvider {
    /// Makes an endpoint fail until [`recover`](Self::recover).
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.state().faults.insert(endpoint, fault);
        self.shared.changed.notify_waiters();
    }

    /// Lets an endpoint work again.
    pub fn recover(&self, endpoint: Endpoint) {
        self.shared.state().faults.remove(&endpoint);
        self.shared.changed.notify_waiters();
    }

    /// Takes the whole provider off the network: connections are closed before anything is read, open ones at their
    /// next request. Requests that arrive meanwhile are not counted. `false` brings it back on the same port.
    pub fn set_offline(&self, offline: bool) {
        self.shared.state().offline = offline;
    }

    /// How many requests an endpoint got so far, also those that were answered with a fault.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        let state = self.shared.state();
        state.requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Waits until an endpoint has got at least this many requests in all. It waits for ever if they never come.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any point.
    pub async fn wait_for_requests(&self, endpoint: Endpoint, count: usize) {
        let enough = |got: Option<&usize>| got.copied().unwrap_or(0) >= count;
        let shared = &self.shared;
        shared
            .until(|state| enough(state.requests.get(&endpoint)))
            .await;
    }
}
