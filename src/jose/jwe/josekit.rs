//! josekit keys as input: users who hold their keys in that crate need not export them themselves.

use ::josekit::jwk::{Jwk, JwkSet};
use serde_json::json;

use super::keys::{DecryptionKeys, DecryptionKeysBuilder};
use crate::config::ConfigError;

impl DecryptionKeysBuilder {
    /// Adds the private keys of a josekit set, as [`with_jwk_set`](Self::with_jwk_set) does.
    #[cfg_attr(docsrs, doc(cfg(feature = "josekit")))]
    #[must_use]
    pub fn with_josekit_set(self, set: &JwkSet) -> Self {
        self.with_josekit_keys(set.keys())
    }

    /// Adds one josekit key, as [`with_jwk_set`](Self::with_jwk_set) does.
    #[cfg_attr(docsrs, doc(cfg(feature = "josekit")))]
    #[must_use]
    pub fn with_josekit_key(self, key: &Jwk) -> Self {
        self.with_josekit_keys(vec![key])
    }

    fn with_josekit_keys(self, keys: Vec<&Jwk>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(AsRef::as_ref).collect();
        self.with_jwk_set(json!({ "keys": keys }).to_string().as_bytes())
    }
}

impl TryFrom<&JwkSet> for DecryptionKeys {
    type Error = ConfigError;

    /// Takes the private keys of a josekit set with the default algorithms.
    fn try_from(set: &JwkSet) -> Result<Self, ConfigError> {
        Self::builder().with_josekit_set(set).build()
    }
}

impl TryFrom<&Jwk> for DecryptionKeys {
    type Error = ConfigError;

    /// Takes one private josekit key with the default algorithms.
    fn try_from(key: &Jwk) -> Result<Self, ConfigError> {
        Self::builder().with_josekit_key(key).build()
    }
}
