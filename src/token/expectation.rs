//! One client of one OP, and keys at hand: verification as a plain function.

use std::fmt;

use super::{LogoutToken, ParsedToken, TokenPolicy};
use crate::clock::UnixTime;
use crate::config::ConfigError;
#[cfg(feature = "jwe")]
use crate::jose::jwe::DecryptionKeys;
use crate::jose::{Algorithm, ClientSecret, Compact, Encryption, JwkSet, Keys};
use crate::refusal::Refusal;
use crate::types::{ClientId, Issuer};

/// What a Logout Token has to be for one client of one OP, with keys that are at hand. For static keys, tests and tools: it
/// fetches nothing, reads no clock and remembers no `jti`.
///
/// ```
/// use tower_backchannel_logout::clock::UnixTime;
/// use tower_backchannel_logout::jose::{Algorithm, JwkSet};
/// use tower_backchannel_logout::refusal::Refusal;
/// use tower_backchannel_logout::token::Expectation;
/// use tower_backchannel_logout::{ClientId, Issuer};
///
/// let expectation = Expectation::signed_with(
///     Issuer::parse("https://op.example")?,
///     ClientId::parse("orders-web")?,
///     Algorithm::Rs256,
///     JwkSet::parse(br#"{"keys":[]}"#)?,
/// )?;
/// let now = UnixTime::from_secs(1_790_000_000);
/// assert_eq!(expectation.verify("e30.e30.", now), Err(Refusal::AlgNotAllowed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expectation {
    issuer: Issuer,
    client_id: ClientId,
    algorithm: Algorithm,
    keys: OwnedKeys,
    policy: TokenPolicy,
    encryption: Encryption,
}

#[derive(Clone)]
enum OwnedKeys {
    Public(JwkSet),
    Secret(ClientSecret),
}

impl Expectation {
    /// Tokens signed by the OP with one of its published keys.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `algorithm` when it needs a client secret (spec BCL-41).
    pub fn signed_with(
        issuer: Issuer,
        client_id: ClientId,
        algorithm: Algorithm,
        keys: JwkSet,
    ) -> Result<Self, ConfigError> {
        if algorithm.is_symmetric() {
            return Err(ConfigError::new(
                "algorithm",
                "needs a client secret; published keys are for the other algorithms",
            ));
        }
        Ok(Self {
            issuer,
            client_id,
            algorithm,
            keys: OwnedKeys::Public(keys),
            policy: TokenPolicy::default(),
            encryption: Encryption::default(),
        })
    }

    /// Tokens authenticated with the client secret.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `algorithm` when it is not one of HS256, HS384 and HS512, or `client_secret` when that is too
    /// short for it (spec BCL-41).
    pub fn keyed_with(
        issuer: Issuer,
        client_id: ClientId,
        algorithm: Algorithm,
        secret: ClientSecret,
    ) -> Result<Self, ConfigError> {
        secret.check(algorithm)?;
        Ok(Self {
            issuer,
            client_id,
            algorithm,
            keys: OwnedKeys::Secret(secret),
            policy: TokenPolicy::default(),
            encryption: Encryption::default(),
        })
    }

    /// How strictly tokens are judged. Default: [`TokenPolicy::default`].
    #[must_use]
    pub fn with_policy(mut self, policy: TokenPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Opens encrypted tokens with these keys; `required` refuses those that are only signed (spec BCL-60, 61). Default:
    /// encrypted tokens are refused.
    #[cfg(feature = "jwe")]
    #[must_use]
    pub fn with_decryption_keys(mut self, keys: DecryptionKeys, required: bool) -> Self {
        self.encryption = Encryption::new(keys, required);
        self
    }

    /// Verifies one token at one moment (spec BCL-120).
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first check that fails, in the order of the [module](super) and cheap before dear. An
    /// encrypted token without decryption keys is [`Refusal::Encrypted`].
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<LogoutToken, Refusal> {
        let token = self.encryption.open(token)?;
        let compact = Compact::decode(&token)?;
        let parsed = ParsedToken::parse(&compact)?;
        parsed.check_header(self.algorithm, &self.policy)?;
        // Before the signature, because it is dear (spec BCL-172); what it says is believed only after.
        if parsed.issuer() != Some(self.issuer.as_str()) {
            return Err(Refusal::WrongIssuer);
        }
        if !parsed.names_audience(self.client_id.as_str()) {
            return Err(Refusal::WrongAudience);
        }
        let keys = match &self.keys {
            OwnedKeys::Public(set) => Keys::Public(set),
            OwnedKeys::Secret(secret) => Keys::Secret(secret),
        };
        parsed.verify_signature(self.algorithm, keys)?;
        parsed.validate(&self.issuer, &self.client_id, &self.policy, now)
    }
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectation")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
