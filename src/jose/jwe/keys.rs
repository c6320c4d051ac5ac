//! The keys of this RP that tokens may be encrypted to, and what they may be used with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use zeroize::Zeroizing;

use super::algorithm::{ContentEncryption, KeyManagement};
use super::header::Header;
use super::jwk::{self, PrivateKey};
use crate::config::ConfigError;

/// How many keys one token is tried with at most (spec BCL-74 for signatures).
pub(super) const MAX_CANDIDATES: usize = 8;

/// The shortest client secret that keys are derived from, in bytes (Core 16.19).
const MIN_CLIENT_SECRET_BYTES: usize = 32;

/// The private keys of this RP, ready for use, with the algorithms that are allowed (spec BCL-62).
///
/// It is cheap to clone, and `Debug` shows no key.
///
/// ```
/// use tower_backchannel_logout::jose::jwe::{ContentEncryption, DecryptionKeys, KeyManagement};
///
/// # fn main() -> Result<(), tower_backchannel_logout::config::ConfigError> {
/// let private_jwk_set = br#"{"keys":[{"kty":"OKP","crv":"X25519","use":"enc","kid":"2026",
///     "x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
///     "d":"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo"}]}"#;
/// let keys = DecryptionKeys::builder()
///     .with_jwk_set(private_jwk_set)
///     .with_algorithms([KeyManagement::EcdhEs])
///     .with_encryptions([ContentEncryption::A256Gcm])
///     .build()?;
/// # let _ = keys;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DecryptionKeys {
    keys: Arc<[PrivateKey]>,
    algorithms: Arc<[KeyManagement]>,
    encryptions: Arc<[ContentEncryption]>,
}

impl DecryptionKeys {
    /// Takes a private JWK set with the default algorithms.
    ///
    /// # Errors
    ///
    /// See [`DecryptionKeysBuilder::build`].
    pub fn parse(private_jwk_set: &[u8]) -> Result<Self, ConfigError> {
        Self::builder().with_jwk_set(private_jwk_set).build()
    }

    /// Starts with no key and the default algorithms.
    #[must_use]
    pub fn builder() -> DecryptionKeysBuilder {
        DecryptionKeysBuilder::default()
    }

    /// Whether both algorithms of the header are in the lists.
    pub(super) fn allows(&self, header: &Header) -> bool {
        self.algorithms.contains(&header.algorithm) && self.encryptions.contains(&header.encryption)
    }

    /// The keys that a token with this header can be for: with a `kid` those of exactly this name, without one all that
    /// fit. For an allowed algorithm that is at most [`MAX_CANDIDATES`], or the set was refused.
    pub(super) fn candidates(&self, header: &Header) -> impl Iterator<Item = &PrivateKey> {
        self.keys
            .iter()
            .filter(|key| key.fits_header(header))
            .filter(|key| header.kid.is_none() || key.kid.as_deref() == header.kid.as_deref())
    }
}

impl fmt::Debug for DecryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKeys")
            .field("keys", &self.keys.len())
            .field("algorithms", &self.algorithms)
            .field("encryptions", &self.encryptions)
            .finish()
    }
}

/// Collects keys and limits for [`DecryptionKeys`].
#[derive(Clone)]
pub struct DecryptionKeysBuilder {
    sets: Vec<Zeroizing<Vec<u8>>>,
    client_secret: Option<Zeroizing<Vec<u8>>>,
    algorithms: Vec<KeyManagement>,
    encryptions: Vec<ContentEncryption>,
}

impl Default for DecryptionKeysBuilder {
    fn default() -> Self {
        Self {
            sets: Vec::new(),
            client_secret: None,
            algorithms: KeyManagement::DEFAULT.to_vec(),
            encryptions: ContentEncryption::DEFAULT.to_vec(),
        }
    }
}

impl DecryptionKeysBuilder {
    /// Adds the keys of a private JWK set, as JSON (RFC 7517 5). Several sets add up.
    ///
    /// Taken are `RSA` with all its numbers, `EC` on P-256, P-384 and P-521, `OKP` on X25519, and `oct`. Keys that are
    /// not for decryption by their `use`, `key_ops`, `alg`, type or curve are left out, so that the set may hold
    /// signing keys too.
    #[must_use]
    pub fn with_jwk_set(mut self, private_jwk_set: &[u8]) -> Self {
        self.sets.push(Zeroizing::new(private_jwk_set.to_vec()));
        self
    }

    /// Adds the symmetric keys that are derived from the client secret, for `dir` and for key wrapping where that is
    /// allowed (Core 10.2): the first bytes of its hash, as many as the algorithm needs. They have no `kid`.
    #[must_use]
    pub fn with_client_secret(mut self, client_secret: &str) -> Self {
        self.client_secret = Some(Zeroizing::new(client_secret.as_bytes().to_vec()));
        self
    }

    /// The key management algorithms that are allowed. Default: [`KeyManagement::DEFAULT`]. Name the one that the client
    /// registered as `id_token_encrypted_response_alg`.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = KeyManagement>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The content encryptions that are allowed. Default: [`ContentEncryption::DEFAULT`]. Name the one that the client
    /// registered as `id_token_encrypted_response_enc`.
    #[must_use]
    pub fn with_encryptions(
        mut self,
        encryptions: impl IntoIterator<Item = ContentEncryption>,
    ) -> Self {
        self.encryptions = encryptions.into_iter().collect();
        self
    }

    /// Parses and checks every key.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming
    /// - `decryption_keys`: it is not a JWK set, a key for decryption is public, broken or of a wrong size, no key fits
    ///   any allowed algorithm, or more than 8 keys fit one of them;
    /// - `client_secret`: it is shorter than 32 bytes;
    /// - `algorithms`, `encryptions`: the list is empty.
    pub fn build(self) -> Result<DecryptionKeys, ConfigError> {
        if self.algorithms.is_empty() {
            return Err(ConfigError::new(
                "algorithms",
                "is empty; allow at least one",
            ));
        }
        if self.encryptions.is_empty() {
            return Err(ConfigError::new(
                "encryptions",
                "is empty; allow at least one",
            ));
        }
        let mut keys = Vec::new();
        for set in &self.sets {
            keys.extend(jwk::parse_set(set)?);
        }
        if let Some(secret) = &self.client_secret {
            keys.extend(derived_keys(secret)?);
        }
        let mut usable = false;
        for algorithm in &self.algorithms {
            match keys.iter().filter(|key| key.fits(*algorithm)).count() {
                0 => {}
                1..=MAX_CANDIDATES => usable = true,
                // A sender without credentials could make us try them all.
                _ => {
                    return Err(ConfigError::new(
                        "decryption_keys",
                        "holds more than 8 keys for one algorithm; remove old ones",
                    ));
                }
            }
        }
        if !usable {
            return Err(ConfigError::new(
                "decryption_keys",
                "holds no private key for any allowed algorithm",
            ));
        }
        Ok(DecryptionKeys {
            keys: keys.into(),
            algorithms: self.algorithms.into(),
            encryptions: self.encryptions.into(),
        })
    }
}

impl fmt::Debug for DecryptionKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKeysBuilder")
            .field("algorithms", &self.algorithms)
            .field("encryptions", &self.encryptions)
            .finish_non_exhaustive()
    }
}

/// One key for each length that an algorithm can ask for (Core 10.2).
fn derived_keys(secret: &[u8]) -> Result<Vec<PrivateKey>, ConfigError> {
    if secret.len() < MIN_CLIENT_SECRET_BYTES {
        return Err(ConfigError::new(
            "client_secret",
            "is shorter than 32 bytes; encryption needs a strong one (Core 16.19)",
        ));
    }
    Ok([(&SHA256, 16), (&SHA256, 24), (&SHA256, 32), (&SHA512, 64)]
        .into_iter()
        .filter_map(|(algorithm, length)| {
            let hash = digest(algorithm, secret);
            let key = hash.as_ref().get(..length)?;
            Some(PrivateKey::shared(Zeroizing::new(key.to_vec())))
        })
        .collect())
}
