//! The key the provider signs with: RS256.

use aws_lc_rs::encoding::{AsBigEndian, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::shared::cookies::random_id;

pub(super) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
}

impl SigningKey {
    pub(super) fn generate() -> Self {
        Self {
            pair: RsaKeyPair::generate(KeySize::Rsa2048).expect("a fresh RSA key"),
            kid: random_id(),
        }
    }

    /// The public half, as the provider publishes it.
    pub(super) fn jwks(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.pair.public_key());
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(&public.n),
            "e": URL_SAFE_NO_PAD.encode(&public.e),
        }]})
    }

    /// A signed token of the given type: `JWT` or `logout+jwt`.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": typ, "kid": self.kid});
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .expect("a fresh key signs");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
