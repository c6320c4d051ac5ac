//! The client secret as a MAC key (Core 10.1).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use super::Algorithm;
use crate::config::ConfigError;

/// The secret of a client that expects HS256, HS384 or HS512. Cheap to clone; never shown.
///
/// The MAC key is the UTF-8 bytes of the secret (Core 10.1, spec BCL-85). It is used only where one of the three
/// algorithms is configured by name (spec BCL-41).
#[derive(Clone)]
pub struct ClientSecret(Arc<[Option<hmac::Key>; 3]>);

impl ClientSecret {
    /// Takes the secret as the OP assigned it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `client_secret` when it is shorter than 32 bytes: too short for every algorithm (RFC 7518
    /// 3.2). Longer algorithms need 48 and 64 bytes; that is checked where the algorithm is configured.
    pub fn parse(secret: impl AsRef<str>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref().as_bytes();
        let prepared = [
            (hmac::HMAC_SHA256, 32),
            (hmac::HMAC_SHA384, 48),
            (hmac::HMAC_SHA512, 64),
        ]
        .map(|(algorithm, least)| {
            (secret.len() >= least).then(|| hmac::Key::new(algorithm, secret))
        });
        let secret = Self(Arc::new(prepared));
        secret.check(Algorithm::Hs256)?;
        Ok(secret)
    }

    /// Refuses an algorithm that this secret is too short for, or that has no secret (spec BCL-41).
    pub(crate) fn check(&self, algorithm: Algorithm) -> Result<(), ConfigError> {
        if !algorithm.is_symmetric() {
            return Err(ConfigError::new(
                "algorithm",
                "needs published keys; a client secret is for HS256, HS384 and HS512",
            ));
        }
        self.key(algorithm).map(|_| ()).ok_or(ConfigError::new(
            "client_secret",
            "is too short; HS256 needs 32 bytes, HS384 needs 48, HS512 needs 64 (RFC 7518 3.2)",
        ))
    }

    pub(super) fn key(&self, algorithm: Algorithm) -> Option<&hmac::Key> {
        let [hs256, hs384, hs512] = &*self.0;
        match algorithm {
            Algorithm::Hs256 => hs256.as_ref(),
            Algorithm::Hs384 => hs384.as_ref(),
            Algorithm::Hs512 => hs512.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_at_least_as_long_as_the_hash() {
        // BCL-41
        assert_eq!(
            ClientSecret::parse("x".repeat(31)).unwrap_err().field(),
            "client_secret"
        );
        for (algorithm, least) in [
            (Algorithm::Hs256, 32),
            (Algorithm::Hs384, 48),
            (Algorithm::Hs512, 64),
        ] {
            let enough = ClientSecret::parse("x".repeat(least)).unwrap();
            assert_eq!(enough.check(algorithm), Ok(()));
            let refused = ClientSecret::parse("x".repeat(least - 1))
                .and_then(|short| short.check(algorithm))
                .unwrap_err();
            assert_eq!(refused.field(), "client_secret");
        }
    }

    #[test]
    fn a_secret_serves_no_public_key_algorithm() {
        // BCL-41
        let secret = ClientSecret::parse("x".repeat(64)).unwrap();
        for algorithm in Algorithm::ALL.iter().filter(|alg| !alg.is_symmetric()) {
            assert_eq!(secret.check(*algorithm).unwrap_err().field(), "algorithm");
            assert!(secret.key(*algorithm).is_none());
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        // BCL-170
        let shown = format!("{:?}", ClientSecret::parse("marker".repeat(9)).unwrap());
        assert_eq!(shown, "ClientSecret(…)");
    }
}
