//! Private keys that sign test tokens, and the JWKs that publish them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwk;
use super::rsa_pool::RsaKey;

/// A private key of a test provider. Clones share the key.
///
/// It has a random `kid`, and its JWK has `use: sig` and no `alg`, so that an RSA key signs `RS*` and `PS*` alike.
/// **For tests only:** most of the RSA keys are published with this crate.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    kid: String,
    jwk: Map<String, Value>,
}

pub(super) enum Pair {
    Rsa(RsaKey),
    Ec(EcdsaKeyPair, &'static Curve),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

pub(super) struct Curve {
    pub(super) crv: &'static str,
    alg: &'static str,
    signing: &'static signature::EcdsaSigningAlgorithm,
}

static P256: Curve = Curve {
    crv: "P-256",
    alg: "ES256",
    signing: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
};
static P384: Curve = Curve {
    crv: "P-384",
    alg: "ES384",
    signing: &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
};
static P521: Curve = Curve {
    crv: "P-521",
    alg: "ES512",
    signing: &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
};
static SECP256K1: Curve = Curve {
    crv: "secp256k1",
    alg: "ES256K",
    signing: &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
};

impl SigningKey {
    /// A key for this `alg`: `RS256/384/512`, `PS256/384/512`, `ES256/384/512`, `ES256K`, `EdDSA`, `Ed25519`.
    ///
    /// No two keys that are alive in a process at the same time are the same; an RSA key that was dropped may come back
    /// later under another `kid`.
    ///
    /// # Panics
    ///
    /// When `alg` is another one; for `HS*` use [`from_secret`](Self::from_secret).
    #[must_use]
    pub fn generate(alg: &str) -> Self {
        let pair = match alg {
            "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => Pair::Rsa(RsaKey::lease()),
            "ES256" => ec(&P256),
            "ES384" => ec(&P384),
            "ES512" => ec(&P521),
            "ES256K" => ec(&SECP256K1),
            "EdDSA" | "Ed25519" => {
                Pair::Ed25519(Ed25519KeyPair::generate().expect("a key can be generated"))
            }
            other => panic!("the test kit has no key pair for the alg {other:?}"),
        };
        Self::new(pair)
    }

    /// A key pair of your own, as unencrypted PKCS#8 DER, for this `alg` (see [`generate`](Self::generate)).
    ///
    /// # Panics
    ///
    /// When `alg` is unknown or the key is not one for it.
    #[must_use]
    pub fn from_pkcs8(alg: &str, der: &[u8]) -> Self {
        const OURS: &str = "the bytes are a PKCS#8 key for the alg";
        let ec = |curve: &'static Curve| {
            Pair::Ec(
                EcdsaKeyPair::from_pkcs8(curve.signing, der).expect(OURS),
                curve,
            )
        };
        let pair = match alg {
            "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
                let pair = RsaKeyPair::from_pkcs8(der).expect(OURS);
                Pair::Rsa(RsaKey::own(pair))
            }
            "ES256" => ec(&P256),
            "ES384" => ec(&P384),
            "ES512" => ec(&P521),
            "ES256K" => ec(&SECP256K1),
            "EdDSA" | "Ed25519" => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).expect(OURS)),
            other => panic!("the test kit has no key pair for the alg {other:?}"),
        };
        Self::new(pair)
    }

    /// A client secret as the key of `HS256/384/512` (Core 10.1). It has no JWK and is never published.
    #[must_use]
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Self {
        Self::new(Pair::Secret(secret.as_ref().to_vec()))
    }

    fn new(pair: Pair) -> Self {
        let kid = random_id();
        let mut jwk = jwk::public_members(&pair);
        jwk.insert("kid".into(), kid.clone().into());
        jwk.insert("use".into(), "sig".into());
        Self {
            pair: Arc::new(pair),
            kid,
            jwk,
        }
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        self.jwk.insert("kid".into(), self.kid.clone().into());
        self
    }

    /// Sets a member of the JWK, right or wrong: `alg`, `use`, `key_ops`, `x5c`, …
    #[must_use]
    pub fn with_jwk_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.jwk.insert(name.into(), value.into());
        self
    }

    /// Removes a member of the JWK.
    #[must_use]
    pub fn without_jwk_member(mut self, name: &str) -> Self {
        self.jwk.remove(name);
        self
    }

    /// The `kid` that tokens signed with this key carry.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as published (RFC 7517); for a secret, an `oct` key without its value.
    #[must_use]
    pub fn jwk(&self) -> Value {
        Value::Object(self.jwk.clone())
    }

    /// Whether this key makes signatures of this `alg`.
    #[must_use]
    pub fn can_sign(&self, alg: &str) -> bool {
        match &*self.pair {
            Pair::Rsa(_) => rsa_encoding(alg).is_some(),
            Pair::Ec(_, curve) => curve.alg == alg,
            Pair::Ed25519(_) => matches!(alg, "EdDSA" | "Ed25519"),
            Pair::Secret(_) => hmac_algorithm(alg).is_some(),
        }
    }

    /// The bytes of a JWS signature (RFC 7518 3) over this message.
    ///
    /// # Panics
    ///
    /// When the key is of another kind than `alg` ([`can_sign`](Self::can_sign)).
    #[must_use]
    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        assert!(
            self.can_sign(alg),
            "this key does not make {alg} signatures"
        );
        let rng = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let encoding = rsa_encoding(alg).expect("checked above");
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &rng, message, &mut bytes)
                    .expect("an RSA key signs");
                bytes
            }
            Pair::Ec(pair, _) => {
                let made = pair.sign(&rng, message).expect("an EC key signs");
                made.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Secret(secret) => {
                let algorithm = hmac_algorithm(alg).expect("checked above");
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message);
                tag.as_ref().to_vec()
            }
        }
    }

    /// A compact JWS of exactly these header and payload texts, whatever they say: neither has to be valid, and the
    /// header does not have to name `alg`.
    ///
    /// # Panics
    ///
    /// As [`sign`](Self::sign).
    #[must_use]
    pub fn sign_raw(&self, alg: &str, header_json: &str, payload_json: &str) -> String {
        let input = format!("{}.{}", base64url(header_json), base64url(payload_json));
        let signature = base64url(self.sign(alg, input.as_bytes()));
        format!("{input}.{signature}")
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.pair
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kty", &self.jwk.get("kty"))
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn ec(curve: &'static Curve) -> Pair {
    let pair = EcdsaKeyPair::generate(curve.signing).expect("a key can be generated");
    Pair::Ec(pair, curve)
}

fn rsa_encoding(alg: &str) -> Option<&'static signature::RsaSignatureEncoding> {
    Some(match alg {
        "RS256" => &signature::RSA_PKCS1_SHA256,
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn hmac_algorithm(alg: &str) -> Option<hmac::Algorithm> {
    Some(match alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    })
}

pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// 128 random bits as 22 characters.
pub(super) fn random_id() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system has random bytes");
    base64url(bytes)
}
