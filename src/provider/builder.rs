//! Sets up a provider; everything that cannot work is found here.

use std::fmt;
use std::sync::Arc;

use super::entry::Inner;
use super::keys::Keys;
use super::{Client, Provider};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::fetch::{DynFetch, Fetch, Fetcher};
use crate::jose::JwkSet;
use crate::jwks::{KeySnapshot, RefreshPolicy, RemoteJwks, Source};
use crate::types::{Issuer, check_url};

/// Sets up a [`Provider`].
#[must_use = "a builder does nothing until it is built"]
pub struct ProviderBuilder {
    issuer: String,
    clients: Vec<Client>,
    source: KeySource,
    fetch: Option<Arc<dyn DynFetch>>,
    refresh: RefreshPolicy,
    clock: Arc<dyn Clock>,
}

enum KeySource {
    Discovery,
    Url(String),
    Static(JwkSet),
}

impl ProviderBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            clients: Vec::new(),
            source: KeySource::Discovery,
            fetch: None,
            refresh: RefreshPolicy::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Adds a client; at least one is needed.
    pub fn with_client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Fetches the keys from this URL instead of the one that the metadata names: `https`, or `http` on a loopback host.
    pub fn with_jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.source = KeySource::Url(url.into());
        self
    }

    /// Uses these keys and fetches nothing. The OP's next key rotation then needs a new configuration.
    pub fn with_static_keys(mut self, keys: JwkSet) -> Self {
        self.source = KeySource::Static(keys);
        self
    }

    /// The HTTP client. Default: [`HttpClient`](crate::fetch::HttpClient) (feature `client`). One client may serve many
    /// providers.
    pub fn with_fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// How often the keys are refreshed and how long they serve.
    pub fn with_refresh(mut self, refresh: RefreshPolicy) -> Self {
        self.refresh = refresh;
        self
    }

    /// The time of day, to compare the age of the keys with that of a token. Default: [`SystemClock`].
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the provider. Nothing is fetched yet: the OP may be down.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the field when the issuer or the `jwks_uri` is no `https` URL, when there is no client or one
    /// twice, when a static set has no usable key, or when keys have to be fetched and there is no HTTP client.
    pub fn build(self) -> Result<Provider, ConfigError> {
        let issuer = Issuer::parse(&self.issuer)?;
        if self.clients.is_empty() {
            return Err(ConfigError::new(
                "client",
                "is missing; add one with with_client",
            ));
        }
        for (index, client) in self.clients.iter().enumerate() {
            if self
                .clients
                .iter()
                .skip(index.saturating_add(1))
                .any(|other| other.client_id() == client.client_id())
            {
                return Err(ConfigError::new(
                    "client",
                    "is there twice with one client_id; exactly one algorithm is expected per client",
                ));
            }
        }
        let fetch = match self.fetch {
            Some(fetch) => Some(fetch),
            None => default_client()?,
        };
        let fetcher = fetch.map(|fetch| Fetcher::new(fetch, self.refresh.fetch_limits()));
        let remote = |source| match fetcher.clone() {
            Some(fetcher) => Ok(Keys::Remote(RemoteJwks::new(
                source,
                fetcher,
                self.refresh,
                Arc::clone(&self.clock),
            ))),
            None => Err(ConfigError::new(
                "fetch",
                "is missing; turn on the feature client, give a client with with_fetch, or give static keys",
            )),
        };
        // Secrets verify everything: there is nothing to fetch (BCL-41).
        let secrets_alone = self.clients.iter().all(|client| client.secret().is_some());
        let keys = match self.source {
            KeySource::Static(keys) if keys.is_empty() && !secrets_alone => {
                return Err(ConfigError::new(
                    "static_keys",
                    "has no key that can verify a signature",
                ));
            }
            KeySource::Static(keys) => Keys::Static(KeySnapshot::fixed(keys)),
            KeySource::Url(url) => {
                check_url("jwks_uri", &url)?;
                remote(Source::Url(issuer.clone(), url))?
            }
            KeySource::Discovery if secrets_alone => Keys::Static(KeySnapshot::fixed(no_keys())),
            KeySource::Discovery => remote(Source::Discovery(issuer.clone()))?,
        };
        Ok(Provider::new(Inner {
            issuer,
            keys,
            clients: self.clients.into_boxed_slice(),
            fetcher,
        }))
    }
}

fn no_keys() -> JwkSet {
    JwkSet::from(&jsonwebtoken::jwk::JwkSet { keys: Vec::new() })
}

#[cfg(feature = "client")]
fn default_client() -> Result<Option<Arc<dyn DynFetch>>, ConfigError> {
    Ok(Some(Arc::new(crate::fetch::HttpClient::new()?)))
}

#[cfg(not(feature = "client"))]
fn default_client() -> Result<Option<Arc<dyn DynFetch>>, ConfigError> {
    Ok(None)
}

impl fmt::Debug for ProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBuilder")
            .field("issuer", &self.issuer)
            .field("clients", &self.clients)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}
