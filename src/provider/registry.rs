//! The providers by their issuer, changed at run time.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::quality::RandomState;

use super::Provider;
use crate::jwks::KeysHealth;
use crate::types::Issuer;

type Map = HashMap<Box<str>, Provider, RandomState>;

/// All OPs that this RP trusts. Cheap to clone; clones share one registry, so entries can be added, replaced and removed
/// while requests are in flight. A request keeps the entry it found.
///
/// ```
/// use tower_backchannel_logout::provider::Providers;
///
/// let providers = Providers::new();
/// assert!(providers.find("https://op.example").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Providers {
    map: Arc<ArcSwap<Map>>,
}

impl Providers {
    /// A registry without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider, and gives back the one of the same issuer that it replaces. A provider that stays should be kept,
    /// not built anew: its keys come with it.
    pub fn insert(&self, provider: Provider) -> Option<Provider> {
        let issuer: Box<str> = provider.issuer().as_str().into();
        let before = self.map.rcu(|map| {
            let mut map = Map::clone(map);
            map.insert(issuer.clone(), provider.clone());
            map
        });
        before.get(&issuer).cloned()
    }

    /// Removes the provider of this issuer. Tokens of it are refused from now on.
    pub fn remove(&self, issuer: &str) -> Option<Provider> {
        let before = self.map.rcu(|map| {
            let mut map = Map::clone(map);
            map.remove(issuer);
            map
        });
        before.get(issuer).cloned()
    }

    /// The provider of exactly this issuer, compared byte for byte (spec BCL-42, BCL-100). Does not allocate.
    #[must_use]
    pub fn find(&self, issuer: &str) -> Option<Provider> {
        self.map.load().get(issuer).cloned()
    }

    /// All providers, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Provider> {
        self.map.load().values().cloned().collect()
    }

    /// How the keys of each provider are doing.
    #[must_use]
    pub fn health(&self) -> Vec<(Issuer, KeysHealth)> {
        let map = self.map.load();
        map.values()
            .map(|provider| (provider.issuer().clone(), provider.health()))
            .collect()
    }
}

impl From<Provider> for Providers {
    fn from(provider: Provider) -> Self {
        Self::from_iter([provider])
    }
}

impl<const N: usize> From<[Provider; N]> for Providers {
    fn from(providers: [Provider; N]) -> Self {
        Self::from_iter(providers)
    }
}

impl FromIterator<Provider> for Providers {
    fn from_iter<I: IntoIterator<Item = Provider>>(providers: I) -> Self {
        let map: Map = providers
            .into_iter()
            .map(|provider| (provider.issuer().as_str().into(), provider))
            .collect();
        Self {
            map: Arc::new(ArcSwap::from_pointee(map)),
        }
    }
}
