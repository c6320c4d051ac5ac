//! One registration of this RP at an OP.

use std::fmt;
use std::sync::Arc;

use super::Profile;
use crate::config::ConfigError;
#[cfg(feature = "jwe")]
use crate::jose::jwe::DecryptionKeys;
use crate::jose::{Algorithm, ClientSecret, Encryption};
use crate::token::TokenPolicy;
use crate::types::ClientId;

/// One registration of this RP at an OP: the `client_id` and what its Logout Tokens look like. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    client_id: ClientId,
    algorithm: Algorithm,
    secret: Option<ClientSecret>,
    policy: TokenPolicy,
    accept_token_in_query: bool,
    encryption: Encryption,
}

impl Client {
    /// Begins with the `client_id` as the OP assigned it.
    #[must_use]
    pub fn builder(client_id: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder {
            client_id: client_id.as_ref().to_owned(),
            algorithm: Algorithm::Rs256,
            secret: None,
            policy: None,
            profile: Profile::Standard,
            accept_token_in_query: None,
            #[cfg(feature = "jwe")]
            decryption_keys: None,
            #[cfg(feature = "jwe")]
            require_encryption: None,
        }
    }

    /// The `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.inner.client_id
    }

    /// The one algorithm its tokens are signed with (spec BCL-38).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.inner.algorithm
    }

    /// What its tokens must be.
    #[must_use]
    pub fn policy(&self) -> &TokenPolicy {
        &self.inner.policy
    }

    /// Whether a token is taken from the query string of the POST when the body has none (spec BCL-10).
    #[must_use]
    pub fn accepts_token_in_query(&self) -> bool {
        self.inner.accept_token_in_query
    }

    pub(crate) fn encryption(&self) -> &Encryption {
        &self.inner.encryption
    }

    /// The secret; there only with an HMAC algorithm (spec BCL-41).
    pub(crate) fn secret(&self) -> Option<&ClientSecret> {
        self.inner.secret.as_ref()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.inner.client_id)
            .field("algorithm", &self.inner.algorithm)
            .field("policy", &self.inner.policy)
            .finish_non_exhaustive()
    }
}

/// Sets up a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    client_id: String,
    algorithm: Algorithm,
    secret: Option<ClientSecret>,
    policy: Option<TokenPolicy>,
    profile: Profile,
    accept_token_in_query: Option<bool>,
    #[cfg(feature = "jwe")]
    decryption_keys: Option<DecryptionKeys>,
    #[cfg(feature = "jwe")]
    require_encryption: Option<bool>,
}

impl ClientBuilder {
    /// The algorithm that was registered as `id_token_signed_response_alg` (spec BCL-38). Default: RS256, as in
    /// registration. Exactly one is expected; `none` does not exist (BCL-40).
    #[must_use]
    pub const fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The client secret, for HS256, HS384 and HS512 alone (spec BCL-41). Its UTF-8 bytes are the key (BCL-85).
    #[must_use]
    pub fn with_client_secret(mut self, secret: ClientSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// What the tokens must be. Default: that of the profile.
    #[must_use]
    pub fn with_policy(mut self, policy: TokenPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The switches of a known provider. Default: [`Profile::Standard`]. What is set by name goes before the profile.
    #[must_use]
    pub const fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Takes the token from the query string of the POST when the body has none (spec BCL-10). Default: off, except with
    /// [`Profile::ApereoCas`]. Turning it on puts tokens into access logs.
    #[must_use]
    pub const fn with_token_in_query(mut self, accept: bool) -> Self {
        self.accept_token_in_query = Some(accept);
        self
    }

    /// The private keys that open encrypted tokens, where encryption was negotiated (`id_token_encrypted_response_alg`; spec
    /// BCL-61). A token that is only signed is then refused, unless
    /// [`dangerous_allow_unencrypted`](Self::dangerous_allow_unencrypted) or [`Profile::Keycloak`] says otherwise. Default: none,
    /// and an encrypted token is refused.
    ///
    /// Clients may share their keys. Give each key a `kid` of its own: nothing in clear says which client a token is for, and
    /// where more than 8 different keys could be meant it is refused
    /// ([`Refusal::AmbiguousKey`](crate::refusal::Refusal::AmbiguousKey)).
    #[cfg(feature = "jwe")]
    #[must_use]
    pub fn with_decryption_keys(mut self, keys: DecryptionKeys) -> Self {
        self.decryption_keys = Some(keys);
        self
    }

    /// Takes tokens that are only signed although encryption was negotiated (spec BCL-60). Default: off, except with
    /// [`Profile::Keycloak`], which never encrypts Logout Tokens.
    #[cfg(feature = "jwe")]
    #[must_use]
    pub const fn dangerous_allow_unencrypted(mut self, allow: bool) -> Self {
        self.require_encryption = Some(!allow);
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the `client_id` is empty or too long, when an HMAC algorithm has no secret or one that is
    /// shorter than the hash, or when a public-key algorithm has a secret (it would never be used: BCL-41).
    pub fn build(self) -> Result<Client, ConfigError> {
        let client_id = ClientId::parse(&self.client_id)?;
        let encryption = self.encryption();
        check_secret(self.algorithm, self.secret.as_ref())?;
        let policy = self.policy.unwrap_or_else(|| match self.profile {
            Profile::Strict => TokenPolicy::strict(),
            Profile::Standard | Profile::Keycloak | Profile::ApereoCas => TokenPolicy::default(),
        });
        Ok(Client {
            inner: Arc::new(Inner {
                client_id,
                algorithm: self.algorithm,
                secret: self.secret,
                policy,
                accept_token_in_query: self
                    .accept_token_in_query
                    .unwrap_or(self.profile == Profile::ApereoCas),
                encryption,
            }),
        })
    }

    #[cfg(feature = "jwe")]
    fn encryption(&self) -> Encryption {
        let required = self
            .require_encryption
            .unwrap_or(self.profile != Profile::Keycloak);
        match &self.decryption_keys {
            Some(keys) => Encryption::new(keys.clone(), required),
            None => Encryption::default(),
        }
    }

    #[cfg(not(feature = "jwe"))]
    #[expect(clippy::unused_self, reason = "the twin of the one with feature jwe")]
    fn encryption(&self) -> Encryption {
        Encryption::default()
    }
}

fn check_secret(algorithm: Algorithm, secret: Option<&ClientSecret>) -> Result<(), ConfigError> {
    match secret {
        Some(secret) => secret.check(algorithm),
        None if algorithm.is_symmetric() => Err(ConfigError::new(
            "client_secret",
            "is missing; an HS algorithm verifies with the client secret",
        )),
        None => Ok(()),
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("client_id", &self.client_id)
            .field("algorithm", &self.algorithm)
            .field("profile", &self.profile)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
