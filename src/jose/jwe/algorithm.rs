//! The names that a JWE header may use (RFC 7518 4.1 and 5.1), as closed lists.

use std::fmt;

/// How the content encryption key reaches us: the `alg` of a JWE (RFC 7518 4.1).
///
/// `RSA1_5` and the `PBES2` family have no value here, so they cannot be allowed by any configuration (RFC 8725 3.2,
/// spec BCL-62).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyManagement {
    /// `RSA-OAEP-256`: RSAES-OAEP with SHA-256. Allowed by default.
    RsaOaep256,
    /// `RSA-OAEP`: RSAES-OAEP with SHA-1, still the most common choice of providers. Allowed by default.
    RsaOaep,
    /// `ECDH-ES`: the agreed key encrypts the content. Allowed by default.
    EcdhEs,
    /// `ECDH-ES+A128KW`: the agreed key unwraps the content key. Allowed by default.
    EcdhEsA128Kw,
    /// `ECDH-ES+A192KW`. Allowed by default.
    EcdhEsA192Kw,
    /// `ECDH-ES+A256KW`. Allowed by default.
    EcdhEsA256Kw,
    /// `dir`: a shared symmetric key encrypts the content. Allowed by default.
    Dir,
    /// `A128KW`: a shared symmetric key of 16 bytes unwraps the content key. Not allowed by default.
    A128Kw,
    /// `A192KW`: the same with 24 bytes. Not allowed by default.
    A192Kw,
    /// `A256KW`: the same with 32 bytes. Not allowed by default.
    A256Kw,
}

impl KeyManagement {
    /// What is allowed when nothing is configured (spec BCL-62).
    pub const DEFAULT: &'static [Self] = &[
        Self::RsaOaep256,
        Self::RsaOaep,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
        Self::Dir,
    ];

    /// The algorithm of this registered name, compared byte for byte; `None` for every other one, `RSA1_5` and
    /// `PBES2-*` included.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RSA-OAEP-256" => Self::RsaOaep256,
            "RSA-OAEP" => Self::RsaOaep,
            "ECDH-ES" => Self::EcdhEs,
            "ECDH-ES+A128KW" => Self::EcdhEsA128Kw,
            "ECDH-ES+A192KW" => Self::EcdhEsA192Kw,
            "ECDH-ES+A256KW" => Self::EcdhEsA256Kw,
            "dir" => Self::Dir,
            "A128KW" => Self::A128Kw,
            "A192KW" => Self::A192Kw,
            "A256KW" => Self::A256Kw,
            _ => return None,
        })
    }

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::RsaOaep => "RSA-OAEP",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA192Kw => "ECDH-ES+A192KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::Dir => "dir",
            Self::A128Kw => "A128KW",
            Self::A192Kw => "A192KW",
            Self::A256Kw => "A256KW",
        }
    }

    /// Whether the sender brings an ephemeral public key.
    pub(super) const fn is_agreement(self) -> bool {
        matches!(
            self,
            Self::EcdhEs | Self::EcdhEsA128Kw | Self::EcdhEsA192Kw | Self::EcdhEsA256Kw
        )
    }

    /// The length of the AES key that unwraps the content key, where one does.
    pub(super) const fn wrapping_key_len(self) -> Option<usize> {
        match self {
            Self::EcdhEsA128Kw | Self::A128Kw => Some(16),
            Self::EcdhEsA192Kw | Self::A192Kw => Some(24),
            Self::EcdhEsA256Kw | Self::A256Kw => Some(32),
            Self::RsaOaep256 | Self::RsaOaep | Self::EcdhEs | Self::Dir => None,
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the content is encrypted and authenticated: the `enc` of a JWE (RFC 7518 5.1). All are allowed by default
/// (spec BCL-62).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentEncryption {
    /// `A128CBC-HS256`: AES-CBC with HMAC-SHA-256, a key of 32 bytes.
    A128CbcHs256,
    /// `A256CBC-HS512`: AES-CBC with HMAC-SHA-512, a key of 64 bytes.
    A256CbcHs512,
    /// `A128GCM`: AES-GCM with a key of 16 bytes.
    A128Gcm,
    /// `A256GCM`: AES-GCM with a key of 32 bytes.
    A256Gcm,
}

impl ContentEncryption {
    /// What is allowed when nothing is configured (spec BCL-62).
    pub const DEFAULT: &'static [Self] = &[
        Self::A128CbcHs256,
        Self::A256CbcHs512,
        Self::A128Gcm,
        Self::A256Gcm,
    ];

    /// The encryption of this registered name, compared byte for byte; `None` for every other one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "A128CBC-HS256" => Self::A128CbcHs256,
            "A256CBC-HS512" => Self::A256CbcHs512,
            "A128GCM" => Self::A128Gcm,
            "A256GCM" => Self::A256Gcm,
            _ => return None,
        })
    }

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The length of the content encryption key in bytes.
    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A128CbcHs256 | Self::A256Gcm => 32,
            Self::A256CbcHs512 => 64,
        }
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip() {
        for algorithm in KeyManagement::DEFAULT {
            assert_eq!(KeyManagement::parse(algorithm.as_str()), Some(*algorithm));
            assert_eq!(algorithm.to_string(), algorithm.as_str());
        }
        for algorithm in [
            KeyManagement::A128Kw,
            KeyManagement::A192Kw,
            KeyManagement::A256Kw,
        ] {
            assert_eq!(KeyManagement::parse(algorithm.as_str()), Some(algorithm));
        }
        for encryption in ContentEncryption::DEFAULT {
            assert_eq!(
                ContentEncryption::parse(encryption.as_str()),
                Some(*encryption)
            );
            assert_eq!(encryption.to_string(), encryption.as_str());
        }
    }

    #[test]
    fn weak_and_unknown_algorithms_have_no_value() {
        // BCL-62
        for name in [
            "RSA1_5",
            "PBES2-HS256+A128KW",
            "PBES2-HS512+A256KW",
            "rsa-oaep",
            "none",
            "",
        ] {
            assert_eq!(KeyManagement::parse(name), None, "{name}");
        }
        for name in ["A128CBC", "a256gcm", "A256GCM ", ""] {
            assert_eq!(ContentEncryption::parse(name), None, "{name}");
        }
    }

    #[test]
    fn key_wrapping_without_agreement_is_not_in_the_default_list() {
        // BCL-62
        assert!(!KeyManagement::DEFAULT.contains(&KeyManagement::A128Kw));
        assert!(!KeyManagement::DEFAULT.contains(&KeyManagement::A192Kw));
        assert!(!KeyManagement::DEFAULT.contains(&KeyManagement::A256Kw));
    }
}
