//! josekit keys as input: users who hold the keys of an OP in that crate need not export them themselves.

use ::josekit::jwk;

use super::JwkSet;

/// A set from the model of the `josekit` crate. Each key counts alone: one that cannot be used is
/// [skipped](JwkSet::skipped), private keys among them.
#[cfg_attr(docsrs, doc(cfg(feature = "josekit")))]
impl From<&jwk::JwkSet> for JwkSet {
    fn from(set: &jwk::JwkSet) -> Self {
        Self::from_entries(set.keys().into_iter().map(text))
    }
}

/// A set of one key from the model of the `josekit` crate.
#[cfg_attr(docsrs, doc(cfg(feature = "josekit")))]
impl From<&jwk::Jwk> for JwkSet {
    fn from(key: &jwk::Jwk) -> Self {
        Self::from_entries([text(key)])
    }
}

fn text(key: &jwk::Jwk) -> String {
    serde_json::to_string(key.as_ref()).unwrap_or_default()
}
