//! One OP.

use std::fmt;
use std::sync::Arc;

use super::keys::Keys;
use super::{Client, ProviderBuilder, Report};
use crate::fetch::Fetcher;
use crate::jwks::{KeysHealth, KeysUnavailable, RemoteJwks};
use crate::types::Issuer;

/// One OP that this RP trusts: its issuer, its keys and the clients registered there. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) issuer: Issuer,
    pub(super) keys: Keys,
    pub(super) clients: Box<[Client]>,
    pub(super) fetcher: Option<Fetcher>,
}

impl Provider {
    /// Begins with the issuer exactly as the OP publishes it: `https://op.example` and `https://op.example/` are two.
    pub fn builder(issuer: impl AsRef<str>) -> ProviderBuilder {
        ProviderBuilder::new(issuer.as_ref())
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.inner.issuer
    }

    /// The clients, in the order in which they were added; at least one.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        &self.inner.clients
    }

    /// The client of this id, compared byte for byte.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<&Client> {
        self.clients()
            .iter()
            .find(|client| client.client_id().as_str() == client_id)
    }

    /// Whether any client takes a token from the query string (spec BCL-10).
    #[must_use]
    pub fn accepts_token_in_query(&self) -> bool {
        self.clients().iter().any(Client::accepts_token_in_query)
    }

    /// The keys, if they are fetched; `None` for a static set.
    #[must_use]
    pub fn remote_keys(&self) -> Option<&RemoteJwks> {
        match &self.inner.keys {
            Keys::Static(_) => None,
            Keys::Remote(remote) => Some(remote),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Loads the keys before traffic comes (spec BCL-83). A program may go on when this fails: an OP that is down is asked
    /// again as soon as a token comes.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] when the keys could not be loaded now.
    pub async fn ready(&self) -> Result<(), KeysUnavailable> {
        match &self.inner.keys {
            Keys::Static(_) => Ok(()),
            Keys::Remote(remote) => remote.ready().await,
        }
    }

    /// How the keys are doing: age, number, latest error. Cheap; holds no secrets.
    #[must_use]
    pub fn health(&self) -> KeysHealth {
        self.inner.keys.health()
    }

    /// Compares what the OP says about itself with this configuration, and says in plain words what will not work and how
    /// to mend it (spec BCL-34, BCL-35, BCL-38, BCL-39). Fetches the metadata once, besides loading the keys within their
    /// budget; meant for start-up and for a support page, not for each request.
    pub async fn check(&self) -> Report {
        super::check::check(self, self.inner.fetcher.as_ref()).await
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.inner.issuer)
            .field("clients", &self.inner.clients)
            .field("keys", &format_args!("{}", self.health()))
            .finish_non_exhaustive()
    }
}
