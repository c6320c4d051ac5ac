//! Private JWKs (RFC 7517, RFC 7518 6, RFC 8037) as keys of the crypto library.

use aws_lc_rs::agreement;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::algorithm::{ContentEncryption, KeyManagement};
use super::der::{RsaNumbers, rsa_pkcs8};
use super::header::{Curve, Header};
use crate::config::ConfigError;

const FIELD: &str = "decryption_keys";

type Secret = Zeroizing<String>;

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<RawKey>,
}

/// The members that matter. A doubled one is an error of the parser, an unknown one is ignored (RFC 7517 4).
#[derive(Deserialize)]
struct RawKey {
    kty: String,
    #[serde(rename = "use")]
    intended: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
    k: Option<Secret>,
    oth: Option<IgnoredAny>,
}

/// One private key of ours.
pub(super) struct PrivateKey {
    pub(super) kid: Option<Box<str>>,
    /// The only algorithm that the key may be used with, when the JWK names one (RFC 7517 4.4).
    algorithm: Option<KeyManagement>,
    pub(super) material: Material,
    /// Of what the key is by, its modulus, its public point or its bytes, so that one key of several clients is tried once.
    pub(super) fingerprint: Digest,
}

pub(super) enum Material {
    Rsa(OaepPrivateDecryptingKey),
    Agreement {
        curve: Curve,
        key: agreement::PrivateKey,
    },
    Octets(Zeroizing<Vec<u8>>),
}

/// Reads a private key set. Keys that are not for decryption are left out, one that is and cannot work is an error.
pub(super) fn parse_set(json: &[u8]) -> Result<Vec<PrivateKey>, ConfigError> {
    let set: RawSet = serde_json::from_slice(json)
        .map_err(|_| problem("is not a JWK set; write {\"keys\":[…]} (RFC 7517 5)"))?;
    let mut keys = Vec::with_capacity(set.keys.len());
    for raw in &set.keys {
        keys.extend(PrivateKey::parse(raw)?);
    }
    Ok(keys)
}

impl PrivateKey {
    pub(super) fn shared(octets: Zeroizing<Vec<u8>>) -> Self {
        Self {
            kid: None,
            algorithm: None,
            fingerprint: digest(&SHA256, &octets),
            material: Material::Octets(octets),
        }
    }

    fn parse(raw: &RawKey) -> Result<Option<Self>, ConfigError> {
        let algorithm = match raw.alg.as_deref().map(KeyManagement::parse) {
            // For signing, or for something that is never allowed here.
            Some(None) => return Ok(None),
            Some(named) => named,
            None => None,
        };
        if !raw.is_for_decryption() {
            return Ok(None);
        }
        let curve = Curve::parse(&raw.kty, raw.crv.as_deref().unwrap_or_default());
        let (material, fingerprint) = match (raw.kty.as_str(), curve) {
            ("RSA", _) => raw.rsa()?,
            ("oct", _) => raw.octets()?,
            (_, Some(curve)) => raw.agreement(curve)?,
            // Ed25519, secp256k1 and whatever comes: no way to decrypt with it.
            _ => return Ok(None),
        };
        Ok(Some(Self {
            kid: raw.kid.as_deref().map(Into::into),
            algorithm,
            material,
            fingerprint,
        }))
    }

    /// Whether both are one key, whatever they are called.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.fingerprint.as_ref() == other.fingerprint.as_ref()
    }

    /// Whether a token with this algorithm can be for this key.
    pub(super) fn fits(&self, algorithm: KeyManagement) -> bool {
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa(_), KeyManagement::RsaOaep | KeyManagement::RsaOaep256) => true,
            (Material::Agreement { .. }, _) => algorithm.is_agreement(),
            (Material::Octets(_), KeyManagement::Dir) => true,
            (Material::Octets(key), _) if !algorithm.is_agreement() => {
                algorithm.wrapping_key_len() == Some(key.len())
            }
            _ => false,
        }
    }

    /// Whether a token with this header can be for this key, its `kid` aside.
    pub(super) fn fits_header(&self, header: &Header) -> bool {
        if !self.fits(header.algorithm) {
            return false;
        }
        match (&self.material, &header.agreement) {
            (Material::Agreement { curve, .. }, Some(sent)) => *curve == sent.curve,
            (Material::Octets(key), None) if header.algorithm == KeyManagement::Dir => {
                key.len() == header.encryption.key_len()
            }
            (_, sent) => sent.is_none(),
        }
    }
}

impl RawKey {
    /// By `use` and `key_ops`, both of which may be absent (RFC 7517 4.2, 4.3).
    fn is_for_decryption(&self) -> bool {
        self.intended
            .as_deref()
            .is_none_or(|intended| intended == "enc")
            && self.key_ops.as_ref().is_none_or(|operations| {
                operations.iter().any(|operation| {
                    ["decrypt", "unwrapKey", "deriveKey", "deriveBits"]
                        .contains(&operation.as_str())
                })
            })
    }

    fn rsa(&self) -> Result<(Material, Digest), ConfigError> {
        if self.oth.is_some() {
            return Err(problem("holds an RSA key of more than two primes"));
        }
        let n = public(self.n.as_deref())?;
        let e = public(self.e.as_deref())?;
        let d = secret(self.d.as_ref())?;
        let (Some(p), Some(q), Some(dp), Some(dq), Some(qi)) =
            (&self.p, &self.q, &self.dp, &self.dq, &self.qi)
        else {
            return Err(problem(
                "holds an RSA key without p, q, dp, dq and qi; export it with them (RFC 7518 6.3.2)",
            ));
        };
        let pkcs8 = rsa_pkcs8(&RsaNumbers {
            n: &n,
            e: &e,
            d: &d,
            p: &decode(p)?,
            q: &decode(q)?,
            dp: &decode(dp)?,
            dq: &decode(dq)?,
            qi: &decode(qi)?,
        });
        // The library checks that the numbers belong together and that the modulus has 2048 to 8192 bits.
        PrivateDecryptingKey::from_pkcs8(&pkcs8)
            .ok()
            .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
            .map(|key| (Material::Rsa(key), digest(&SHA256, &n)))
            .ok_or_else(|| {
                problem("holds an RSA key whose numbers do not fit together, or not of 2048 to 8192 bits")
            })
    }

    fn agreement(&self, curve: Curve) -> Result<(Material, Digest), ConfigError> {
        let algorithm = match curve {
            Curve::P256 => &agreement::ECDH_P256,
            Curve::P384 => &agreement::ECDH_P384,
            Curve::P521 => &agreement::ECDH_P521,
            Curve::X25519 => &agreement::X25519,
        };
        let d = secret(self.d.as_ref())?;
        let x = public(self.x.as_deref())?;
        let y = match curve {
            Curve::X25519 => None,
            _ => Some(public(self.y.as_deref())?),
        };
        let key = agreement::PrivateKey::from_private_key(algorithm, &d).ok();
        // A public half of another key would be published, and every token encrypted to it be lost.
        let own = key.as_ref().and_then(|key| key.compute_public_key().ok());
        let stated = curve.public_key(&x, y.as_deref());
        match (key, own, stated) {
            (Some(key), Some(own), Some(stated)) if own.as_ref() == stated => {
                Ok((Material::Agreement { curve, key }, digest(&SHA256, &stated)))
            }
            _ => Err(problem(
                "holds an elliptic curve key whose d, x and y do not fit together or have a wrong length",
            )),
        }
    }

    fn octets(&self) -> Result<(Material, Digest), ConfigError> {
        let octets = secret(self.k.as_ref())?;
        let lengths = ContentEncryption::DEFAULT
            .iter()
            .map(|encryption| encryption.key_len());
        // 24 bytes are for A192KW alone.
        if lengths.chain([24]).any(|length| length == octets.len()) {
            let fingerprint = digest(&SHA256, &octets);
            Ok((Material::Octets(octets), fingerprint))
        } else {
            Err(problem(
                "holds a symmetric key that is not of 16, 24, 32 or 64 bytes",
            ))
        }
    }
}

const fn problem(text: &'static str) -> ConfigError {
    ConfigError::new(FIELD, text)
}

fn decode(text: &Secret) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    URL_SAFE_NO_PAD
        .decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| problem("holds a member that is not unpadded base64url"))
}

fn secret(member: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    member.map_or_else(
        || {
            Err(problem(
                "holds a key without its private part; configure the private key set",
            ))
        },
        decode,
    )
}

fn public(member: Option<&str>) -> Result<Vec<u8>, ConfigError> {
    member
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| {
            problem("holds a key with a public member missing or not unpadded base64url")
        })
}
