//! Signs tokens as a provider would, without any HTTP.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::builder::{IdTokenBuilder, LogoutTokenBuilder};
use super::keys::SigningKey;
use crate::clock::{Clock, SystemClock, UnixTime};

/// Signs Logout Tokens and ID Tokens for one issuer and one client. Clones are independent and cheap.
///
/// A new mint has one key for each family of algorithms (RSA, P-256, P-384, P-521, Ed25519) and, as real providers
/// do, an RSA key that is published for encryption only. Tokens are signed with `RS256` unless told otherwise, and
/// times are those of the operating system unless there is a [clock](Self::with_clock).
///
/// ```
/// use tower_backchannel_logout::testing::{TestClock, TokenMint};
///
/// let mint = TokenMint::new("https://op.example", "orders-web").with_clock(TestClock::default());
/// let good = mint.logout_token().sub("customer-1").sid("session-1").sign();
/// let bad = mint.logout_token().sub("customer-1").with_nonce().sign();
/// # assert_ne!(good, bad);
/// let published = mint.jwks_json(); // hand it to the code under test as its key set
/// # assert!(published.contains("\"kty\":\"RSA\""));
/// ```
#[derive(Clone)]
pub struct TokenMint {
    issuer: String,
    client_id: String,
    clock: Arc<dyn Clock>,
    keys: Vec<SigningKey>,
    secret: Option<SigningKey>,
    alg: String,
}

impl TokenMint {
    /// A mint with fresh keys. Any text that shows itself is taken: a string, an [`Issuer`](crate::Issuer), a
    /// [`ClientId`](crate::ClientId).
    #[must_use]
    pub fn new(issuer: impl fmt::Display, client_id: impl fmt::Display) -> Self {
        Self::from_parts(
            issuer.to_string(),
            client_id.to_string(),
            Arc::new(SystemClock),
            default_keys(),
        )
    }

    pub(super) fn from_parts(
        issuer: String,
        client_id: String,
        clock: Arc<dyn Clock>,
        keys: Vec<SigningKey>,
    ) -> Self {
        Self {
            issuer,
            client_id,
            clock,
            keys,
            secret: None,
            alg: "RS256".to_owned(),
        }
    }

    /// Takes `iat` and `exp` from this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Signs with this `alg` by default (`RS256` if never called): the `id_token_signed_response_alg` of the client.
    #[must_use]
    pub fn with_alg(mut self, alg: impl Into<String>) -> Self {
        self.alg = alg.into();
        self
    }

    /// Adds a key in front of the others: it is published, and it signs what it can sign.
    #[must_use]
    pub fn with_key(mut self, key: SigningKey) -> Self {
        self.keys.insert(0, key);
        self
    }

    /// Replaces all keys.
    #[must_use]
    pub fn with_keys(mut self, keys: impl IntoIterator<Item = SigningKey>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// The client secret, with which `HS256/384/512` tokens are signed (Core 10.1).
    #[must_use]
    pub fn with_client_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = Some(SigningKey::from_secret(secret));
        self
    }

    /// The `iss` of the tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `aud` of the tokens.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The `alg` that tokens are signed with by default.
    #[must_use]
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// The current time of the mint.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The keys, the one that is preferred first. The client secret is not among them.
    #[must_use]
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The key that signs tokens of this `alg`, if the mint has one.
    #[must_use]
    pub fn key_for(&self, alg: &str) -> Option<&SigningKey> {
        self.keys
            .iter()
            .filter(|key| key.jwk()["use"] != "enc")
            .chain(&self.secret)
            .find(|key| key.can_sign(alg))
    }

    /// The published key set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<_> = self.keys.iter().map(SigningKey::jwk).collect();
        json!({ "keys": keys })
    }

    /// The published key set as text.
    #[must_use]
    pub fn jwks_json(&self) -> String {
        self.jwks().to_string()
    }

    /// A Logout Token that every relying party has to take (BCL 2.4), ready to be changed or broken.
    pub fn logout_token(&self) -> LogoutTokenBuilder {
        LogoutTokenBuilder::new(self.clone())
    }

    /// An ID Token as after a login (Core 2): valid for five minutes.
    pub fn id_token(&self) -> IdTokenBuilder {
        IdTokenBuilder::new(self.clone())
    }
}

impl fmt::Debug for TokenMint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMint")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("alg", &self.alg)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// A signing key of each family.
pub(super) fn fresh_signing_keys() -> Vec<SigningKey> {
    ["RS256", "ES256", "ES384", "ES512", "EdDSA"]
        .map(SigningKey::generate)
        .into()
}

pub(super) fn default_keys() -> Vec<SigningKey> {
    let mut keys = fresh_signing_keys();
    keys.push(encryption_key());
    keys
}

/// One for the whole process: nobody may take a signature of it, so it does not matter whose it is.
fn encryption_key() -> SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("RS256").with_jwk_member("use", "enc"))
        .clone()
}
