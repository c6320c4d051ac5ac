//! The key the provider signs with. Tokens are made by the crate's own test kit.

use serde_json::{Value, json};
use tower_backchannel_logout::testing::SigningKey as Key;

/// The `alg` of every token of this provider.
pub(crate) const ALG: &str = "ES256";

pub(super) struct SigningKey(Key);

impl SigningKey {
    pub(super) fn generate() -> Self {
        Self(Key::generate(ALG))
    }

    /// The public half, as the provider publishes it.
    pub(super) fn jwks(&self) -> Value {
        json!({"keys": [self.0.jwk()]})
    }

    /// A signed token of the given type: `JWT` or `logout+jwt`.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": ALG, "typ": typ, "kid": self.0.kid()});
        self.0
            .sign_raw(ALG, &header.to_string(), &claims.to_string())
    }
}
