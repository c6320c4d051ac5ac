//! A provider that does what a test tells it to.

mod client;
mod deliver;
mod fault;
mod flow;
mod jwks;
mod server;
mod sessions;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

pub use self::client::ClientRegistration;
pub use self::deliver::{Delivery, PendingLogout};
pub use self::fault::{Endpoint, Fault};
use self::jwks::KeyRing;
use self::server::Server;
pub use self::sessions::Login;
use super::builder::{IdTokenBuilder, LogoutTokenBuilder};
use super::keys::SigningKey;
use super::mint::TokenMint;
use crate::clock::{Clock, SystemClock};

/// An OpenID Provider for tests: on a loopback port ([`start`](Self::start)), or without any network
/// ([`new`](Self::new)). Clones are handles of the same provider; the last one that is dropped stops it.
///
/// It approves every login at once, remembers which client took part in which session, and delivers Logout Tokens
/// to their registered URLs. Its keys rotate and its endpoints fail on command. There is one client from the start,
/// [`ClientRegistration::default`].
///
/// Endpoints: `/.well-known/openid-configuration`, `/jwks`, `/authorize` (code flow, PKCE with S256), `/token`,
/// `/userinfo`, `/end_session`. `/authorize` takes the customer from `login_hint`, else `customer-1`, and keeps a cookie
/// so that a second client joins the same session.
#[derive(Clone)]
pub struct FakeProvider {
    shared: Arc<Shared>,
    server: Option<Arc<Server>>,
}

struct Shared {
    issuer: String,
    clock: Arc<dyn Clock>,
    pairwise: bool,
    state: Mutex<State>,
    /// Wakes whoever waits for a request to arrive or for a fault to end.
    changed: Notify,
}

struct State {
    keys: KeyRing,
    faults: HashMap<Endpoint, Fault>,
    requests: HashMap<Endpoint, usize>,
    offline: bool,
    jwks_cache_control: Option<String>,
    metadata: BTreeMap<String, Option<Value>>,
    clients: BTreeMap<String, ClientRegistration>,
    sessions: Vec<sessions::OpSession>,
    codes: HashMap<String, flow::Grant>,
    access_tokens: HashMap<String, String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is a failed test; it must not turn into a second panic here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the state is as asked for, however long that takes.
    async fn until(&self, mut reached: impl FnMut(&State) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if reached(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    fn mint(&self, client: &ClientRegistration) -> TokenMint {
        let keys = self.state().keys.signing_first();
        let mint = TokenMint::from_parts(
            self.issuer.clone(),
            client.client_id.clone(),
            Arc::clone(&self.clock),
            keys,
        )
        .with_alg(&client.alg);
        match &client.secret {
            Some(secret) => mint.with_client_secret(secret),
            None => mint,
        }
    }

    fn client(&self, client_id: &str) -> Option<ClientRegistration> {
        self.state().clients.get(client_id).cloned()
    }
}

impl FakeProvider {
    /// The issuer of a provider without a server.
    pub const DEFAULT_ISSUER: &'static str = "https://op.example";

    /// A provider without a server: it signs tokens, and its keys are handed over by [`jwks_json`](Self::jwks_json).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A provider that listens on a free port of 127.0.0.1. Its issuer is `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    ///
    /// When no port can be bound, or outside a tokio runtime with I/O.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// For a provider with a clock of its own, other keys, or pairwise subjects.
    pub fn builder() -> FakeProviderBuilder {
        FakeProviderBuilder {
            clock: Arc::new(SystemClock),
            keys: None,
            pairwise: false,
            client: ClientRegistration::default(),
        }
    }

    /// The issuer, to configure in the application.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// A URL of this provider: `url("/jwks")`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shared.issuer)
    }

    /// Registers a client, or replaces the one with the same `client_id`.
    pub fn register(&self, client: ClientRegistration) {
        let id = client.client_id.clone();
        self.shared.state().clients.insert(id, client);
    }

    /// A mint of tokens for this client, with the keys that the provider signs with now.
    ///
    /// # Panics
    ///
    /// When no such client is registered.
    #[must_use]
    pub fn mint_for(&self, client_id: &str) -> TokenMint {
        let client = self.shared.client(client_id);
        self.shared
            .mint(&client.unwrap_or_else(|| panic!("no client {client_id:?} is registered")))
    }

    /// A good Logout Token for the [default client](ClientRegistration::default).
    pub fn logout_token(&self) -> LogoutTokenBuilder {
        self.mint_for(ClientRegistration::DEFAULT_ID).logout_token()
    }

    /// A good ID Token for the [default client](ClientRegistration::default).
    pub fn id_token(&self) -> IdTokenBuilder {
        self.mint_for(ClientRegistration::DEFAULT_ID).id_token()
    }
}

impl Default for FakeProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeProvider")
            .field("issuer", &self.shared.issuer)
            .field("listens", &self.server.is_some())
            .finish_non_exhaustive()
    }
}

/// What a [`FakeProvider`] is made of. From [`FakeProvider::builder`].
#[must_use]
pub struct FakeProviderBuilder {
    clock: Arc<dyn Clock>,
    keys: Option<Vec<SigningKey>>,
    pairwise: bool,
    client: ClientRegistration,
}

impl FakeProviderBuilder {
    /// Takes all times from this clock, usually a [`TestClock`](super::TestClock); the system's by default.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Publishes and signs with these keys, for example [`SigningKey::certification_suite`]; by default as a new
    /// [`TokenMint`].
    pub fn with_keys(mut self, keys: impl IntoIterator<Item = SigningKey>) -> Self {
        self.keys = Some(keys.into_iter().collect());
        self
    }

    /// Signs the tokens of the default client with this `alg`; `RS256` by default.
    pub fn with_alg(mut self, alg: impl Into<String>) -> Self {
        self.client = self.client.with_alg(alg);
        self
    }

    /// Gives each client another `sub` for the same customer (Core 8.1); public subjects by default.
    pub fn with_pairwise_subjects(mut self) -> Self {
        self.pairwise = true;
        self
    }

    /// A provider without a server.
    #[must_use]
    pub fn build(self) -> FakeProvider {
        FakeProvider {
            shared: self.shared(FakeProvider::DEFAULT_ISSUER.to_owned()),
            server: None,
        }
    }

    /// A provider that listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When no port can be bound, or outside a tokio runtime with I/O.
    pub async fn start(self) -> FakeProvider {
        let (listener, issuer) = server::bind().await;
        let shared = self.shared(issuer);
        let server = Server::spawn(listener, Arc::clone(&shared));
        FakeProvider {
            shared,
            server: Some(Arc::new(server)),
        }
    }

    fn shared(self, issuer: String) -> Arc<Shared> {
        let keys = self.keys.unwrap_or_else(super::mint::default_keys);
        Arc::new(Shared {
            issuer,
            clock: self.clock,
            pairwise: self.pairwise,
            changed: Notify::new(),
            state: Mutex::new(State {
                keys: KeyRing::new(keys),
                faults: HashMap::new(),
                requests: HashMap::new(),
                offline: false,
                jwks_cache_control: None,
                metadata: BTreeMap::new(),
                clients: BTreeMap::from([(self.client.client_id.clone(), self.client)]),
                sessions: Vec::new(),
                codes: HashMap::new(),
                access_tokens: HashMap::new(),
            }),
        })
    }
}

impl fmt::Debug for FakeProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeProviderBuilder")
            .field("client", &self.client)
            .field("pairwise", &self.pairwise)
            .finish_non_exhaustive()
    }
}
