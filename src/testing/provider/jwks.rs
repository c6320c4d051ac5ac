//! The keys of the provider over time, and what it publishes about itself.

use serde_json::{Map, Value, json};

use super::{FakeProvider, Shared};
use crate::testing::keys::SigningKey;
use crate::testing::mint::fresh_signing_keys;

/// Which keys sign, and which are published.
pub(super) struct KeyRing {
    signing: Vec<SigningKey>,
    published: Vec<SigningKey>,
    next: Option<Vec<SigningKey>>,
}

impl KeyRing {
    pub(super) fn new(keys: Vec<SigningKey>) -> Self {
        Self {
            signing: keys.clone(),
            published: keys,
            next: None,
        }
    }

    /// The keys that sign, then the others that are published: a mint prefers the first that fits.
    pub(super) fn signing_first(&self) -> Vec<SigningKey> {
        let mut keys = self.signing.clone();
        let signs = |key: &SigningKey| self.signing.iter().any(|one| one.kid() == key.kid());
        keys.extend(self.published.iter().filter(|key| !signs(key)).cloned());
        keys
    }

    fn publish_next(&mut self) {
        if self.next.is_none() {
            let next = fresh_signing_keys();
            self.published.extend(next.iter().cloned());
            self.next = Some(next);
        }
    }

    fn rotate(&mut self) {
        self.publish_next();
        self.signing = self.next.take().unwrap_or_default();
    }
}

impl Shared {
    pub(super) fn jwks(&self) -> Value {
        let state = self.state();
        let keys: Vec<_> = state.keys.published.iter().map(SigningKey::jwk).collect();
        json!({ "keys": keys })
    }

    pub(super) fn metadata(&self) -> Value {
        let url = |path: &str| format!("{}{path}", self.issuer);
        let mut metadata = Map::new();
        let mut put = |name: &str, value: Value| {
            metadata.insert(name.to_owned(), value);
        };
        put("issuer", self.issuer.clone().into());
        put("jwks_uri", url("/jwks").into());
        put("authorization_endpoint", url("/authorize").into());
        put("token_endpoint", url("/token").into());
        put("userinfo_endpoint", url("/userinfo").into());
        put("end_session_endpoint", url("/end_session").into());
        put("backchannel_logout_supported", true.into());
        put("backchannel_logout_session_supported", true.into());
        put("response_types_supported", json!(["code"]));
        put("grant_types_supported", json!(["authorization_code"]));
        put("scopes_supported", json!(["openid"]));
        put("code_challenge_methods_supported", json!(["S256"]));
        let subject_type = if self.pairwise { "pairwise" } else { "public" };
        put("subject_types_supported", json!([subject_type]));
        put(
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "none"]),
        );
        put(
            "id_token_signing_alg_values_supported",
            json!([
                "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"
            ]),
        );
        for (name, value) in &self.state().metadata {
            match value {
                Some(value) => metadata.insert(name.clone(), value.clone()),
                None => metadata.remove(name),
            };
        }
        Value::Object(metadata)
    }
}

impl FakeProvider {
    /// The key set that is published now.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// The key set that is published now, as text.
    #[must_use]
    pub fn jwks_json(&self) -> String {
        self.jwks().to_string()
    }

    /// Signs with new keys from now on. They are published together with all old ones, unless
    /// [`publish_next_keys`](Self::publish_next_keys) did that before.
    pub fn rotate_keys(&self) {
        self.shared.state().keys.rotate();
    }

    /// Publishes the keys that the next [`rotate_keys`](Self::rotate_keys) will sign with. A second call before that
    /// does nothing.
    pub fn publish_next_keys(&self) {
        self.shared.state().keys.publish_next();
    }

    /// Publishes a key and signs with it whatever it can sign.
    pub fn add_key(&self, key: SigningKey) {
        let keys = &mut self.shared.state().keys;
        keys.published.push(key.clone());
        keys.signing.insert(0, key);
    }

    /// Publishes a key without signing with it.
    pub fn publish_key(&self, key: SigningKey) {
        self.shared.state().keys.published.push(key);
    }

    /// Publishes a key no longer. If the provider signs with it, it goes on doing so.
    pub fn remove_key(&self, kid: &str) {
        let keys = &mut self.shared.state().keys;
        keys.published.retain(|key| key.kid() != kid);
    }

    /// Publishes no keys any more other than those that sign now.
    pub fn remove_old_keys(&self) {
        let keys = &mut self.shared.state().keys;
        keys.published.clone_from(&keys.signing);
    }

    /// The `Cache-Control` of the key set (BCL-81); by default there is none.
    pub fn set_jwks_cache_control(&self, value: Option<&str>) {
        self.shared.state().jwks_cache_control = value.map(str::to_owned);
    }

    /// Sets a member of the discovery document, right or wrong: `issuer`, `jwks_uri`, …
    pub fn set_metadata(&self, name: &str, value: impl Into<Value>) {
        let metadata = &mut self.shared.state().metadata;
        metadata.insert(name.to_owned(), Some(value.into()));
    }

    /// Leaves a member of the discovery document out.
    pub fn remove_metadata(&self, name: &str) {
        self.shared.state().metadata.insert(name.to_owned(), None);
    }

    /// The discovery document that is published now (Discovery 3).
    #[must_use]
    pub fn metadata(&self) -> Value {
        self.shared.metadata()
    }
}
