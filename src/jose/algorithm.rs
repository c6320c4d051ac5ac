//! The signature algorithms a client can expect (RFC 7518 3.1, RFC 8037, RFC 9864).

use std::fmt;
use std::str::FromStr;

use crate::config::ConfigError;

macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident => $name:literal;)*) => {
        /// A signature algorithm. A client expects exactly one: the `id_token_signed_response_alg` it registered, RS256 if it
        /// registered none (BCL 2.6 step 3, spec BCL-38).
        ///
        /// `none` has no value here, so it cannot be configured (spec BCL-40).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Algorithm {
            $($(#[$doc])* $variant,)*
        }

        impl Algorithm {
            /// Every algorithm.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the `alg` member of a header.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The algorithm of that name, compared with regard to case (RFC 7515 4.1.1).
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    // The fully-specified name of the same algorithm (RFC 9864 2.2).
                    "Ed25519" => Some(Self::EdDsa),
                    _ => None,
                }
            }
        }
    };
}

algorithms! {
    /// RSASSA-PKCS1-v1_5 with SHA-256: the default of OpenID Connect.
    #[default]
    Rs256 => "RS256";
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384 => "RS384";
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512 => "RS512";
    /// RSASSA-PSS with SHA-256.
    Ps256 => "PS256";
    /// RSASSA-PSS with SHA-384.
    Ps384 => "PS384";
    /// RSASSA-PSS with SHA-512.
    Ps512 => "PS512";
    /// ECDSA on P-256 with SHA-256.
    Es256 => "ES256";
    /// ECDSA on P-384 with SHA-384.
    Es384 => "ES384";
    /// ECDSA on P-521 with SHA-512.
    Es512 => "ES512";
    /// Ed25519, called `EdDSA` (RFC 8037) or `Ed25519` (RFC 9864) in headers.
    EdDsa => "EdDSA";
    /// HMAC with SHA-256 and the client secret.
    Hs256 => "HS256";
    /// HMAC with SHA-384 and the client secret.
    Hs384 => "HS384";
    /// HMAC with SHA-512 and the client secret.
    Hs512 => "HS512";
}

impl Algorithm {
    /// The algorithm of that name, for example `RS256`. `EdDSA` and `Ed25519` are the same.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `algorithm` for `none`, in any case (BCL 2.6 step 3), and for unknown names.
    pub fn parse(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        let name = name.as_ref();
        if name.eq_ignore_ascii_case("none") {
            return Err(ConfigError::new(
                "algorithm",
                "is none; an unsigned logout token is never accepted (BCL 2.6 step 3)",
            ));
        }
        Self::named(name).ok_or(ConfigError::new(
            "algorithm",
            "is not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512",
        ))
    }

    /// Whether the key is the client secret rather than a key of the OP (spec BCL-41).
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = ConfigError;

    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, Self::Error> {
        use jsonwebtoken::Algorithm as Other;
        Ok(match algorithm {
            Other::RS256 => Self::Rs256,
            Other::RS384 => Self::Rs384,
            Other::RS512 => Self::Rs512,
            Other::PS256 => Self::Ps256,
            Other::PS384 => Self::Ps384,
            Other::PS512 => Self::Ps512,
            Other::ES256 => Self::Es256,
            Other::ES384 => Self::Es384,
            Other::EdDSA => Self::EdDsa,
            Other::HS256 => Self::Hs256,
            Other::HS384 => Self::Hs384,
            Other::HS512 => Self::Hs512,
            _ => return Err(ConfigError::new("algorithm", "is not supported")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name_and_by_no_other_spelling() {
        // BCL-38, BCL-52
        for algorithm in Algorithm::ALL.iter().copied() {
            let name = algorithm.as_str();
            assert_eq!(Algorithm::parse(name), Ok(algorithm));
            assert_eq!(name.parse(), Ok(algorithm));
            assert_eq!(Algorithm::named(&name.to_lowercase()), None);
            assert_eq!(Algorithm::named(&format!("{name} ")), None);
        }
        assert_eq!(Algorithm::parse("Ed25519"), Ok(Algorithm::EdDsa));
        assert_eq!(Algorithm::default(), Algorithm::Rs256);
    }

    #[test]
    fn none_cannot_be_configured() {
        // BCL-40
        for name in ["none", "NONE", "nOnE"] {
            let error = Algorithm::parse(name).unwrap_err();
            assert_eq!(error.field(), "algorithm");
            assert!(error.to_string().contains("unsigned"), "{error}");
        }
        for name in ["", "XS256", "RS256 ", "ES256K", "RSA-OAEP", "ML-DSA-65"] {
            assert!(Algorithm::parse(name).is_err(), "{name} was taken");
        }
    }

    #[test]
    fn algorithms_of_jsonwebtoken_are_taken() {
        // BCL-38
        use jsonwebtoken::Algorithm as Other;
        for other in [
            Other::RS256,
            Other::RS384,
            Other::RS512,
            Other::PS256,
            Other::PS384,
            Other::PS512,
            Other::ES256,
            Other::ES384,
            Other::EdDSA,
            Other::HS256,
            Other::HS384,
            Other::HS512,
        ] {
            let ours = Algorithm::try_from(other).unwrap();
            assert_eq!(ours.as_str(), format!("{other:?}"));
        }
    }
}
