//! Token builders: valid unless told otherwise, and each setter changes one thing alone.

use std::time::Duration;

use serde_json::{Value, json};

use super::draft::Draft;
use super::keys::{SigningKey, random_id};
use super::mint::TokenMint;
use crate::clock::UnixTime;

/// The member of `events` that makes a Logout Token (BCL 2.4).
pub(super) const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

macro_rules! setters {
    () => {
        /// Sets `sub`: the customer.
        #[expect(clippy::should_implement_trait, reason = "named as the claim")]
        pub fn sub(self, sub: impl Into<String>) -> Self {
            self.claim("sub", sub.into())
        }

        /// Sets `sid`: the customer's session at the provider.
        pub fn sid(self, sid: impl Into<String>) -> Self {
            self.claim("sid", sid.into())
        }

        /// Sets `aud`: a string, or an array from a `Vec`.
        pub fn audience(self, audience: impl Into<Value>) -> Self {
            self.claim("aud", audience)
        }

        /// Sets `iss`.
        pub fn issuer(self, issuer: impl Into<String>) -> Self {
            self.claim("iss", issuer.into())
        }

        /// Sets `iat` alone; `exp` stays.
        pub fn issued_at(self, time: UnixTime) -> Self {
            self.claim("iat", time.as_secs())
        }

        /// Sets `exp` alone; `iat` stays.
        pub fn expires_at(self, time: UnixTime) -> Self {
            self.claim("exp", time.as_secs())
        }

        /// Sets a claim to any JSON value.
        pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
            self.draft.set(name, value.into());
            self
        }

        /// Leaves a claim out.
        pub fn without_claim(mut self, name: &str) -> Self {
            self.draft.unset(name);
            self
        }

        /// Sets a member of the JOSE header to any JSON value. The signature stays that of [`alg`](Self::alg), also
        /// when this sets `alg`.
        pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
            self.draft.set_header(name, Some(value.into()));
            self
        }

        /// Leaves a member of the JOSE header out.
        pub fn without_header(mut self, name: &str) -> Self {
            self.draft.set_header(name, None);
            self
        }

        /// Sets `typ` in the JOSE header.
        pub fn typ(self, typ: impl Into<String>) -> Self {
            self.header("typ", typ.into())
        }

        /// Sets `kid` in the JOSE header; the key that signs stays the same.
        pub fn kid(self, kid: impl Into<String>) -> Self {
            self.header("kid", kid.into())
        }

        /// Signs with this algorithm, and with the key that the mint has for it.
        pub fn alg(mut self, alg: &str) -> Self {
            alg.clone_into(&mut self.draft.alg);
            self
        }

        /// Signs with this key, and names it in `kid`.
        pub fn key(mut self, key: &SigningKey) -> Self {
            self.draft.key = Some(key.clone());
            self
        }
    };
}

/// A Logout Token in the making (BCL 2.4).
///
/// By default: `iss` and `aud` (a string) of the mint, `iat` now, `exp` two minutes later, a `jti` that nobody else
/// has, the logout event, `typ: logout+jwt` and the `kid` of the key; and the `sub` `customer-1` if neither `sub` nor
/// `sid` is chosen. The last call for a member counts.
#[derive(Clone, Debug)]
#[must_use]
pub struct LogoutTokenBuilder {
    pub(super) draft: Draft,
}

impl LogoutTokenBuilder {
    pub(super) fn new(mint: TokenMint) -> Self {
        let mut draft = Draft::new(mint, Duration::from_secs(120));
        draft.set("jti", random_id().into());
        draft.set("events", json!({ LOGOUT_EVENT: {} }));
        Self { draft }
    }

    setters!();

    /// Sets `jti`: the name of this token.
    pub fn jti(self, jti: impl Into<String>) -> Self {
        self.claim("jti", jti.into())
    }

    /// The token, in compact form.
    ///
    /// # Panics
    ///
    /// When there is no key for the algorithm.
    #[must_use]
    pub fn sign(self) -> String {
        self.draft.finish("logout+jwt")
    }
}

/// An ID Token in the making (Core 2).
///
/// By default: `iss` and `aud` of the mint, `iat` now, `exp` five minutes later, `typ: JWT`, and the `sub` `customer-1`
/// if neither `sub` nor `sid` is chosen.
#[derive(Clone, Debug)]
#[must_use]
pub struct IdTokenBuilder {
    draft: Draft,
}

impl IdTokenBuilder {
    pub(super) fn new(mint: TokenMint) -> Self {
        Self {
            draft: Draft::new(mint, Duration::from_secs(300)),
        }
    }

    setters!();

    /// Sets `nonce`: what the application sent with its login request.
    pub fn nonce(self, nonce: impl Into<String>) -> Self {
        self.claim("nonce", nonce.into())
    }

    /// The token, in compact form.
    ///
    /// # Panics
    ///
    /// When there is no key for the algorithm.
    #[must_use]
    pub fn sign(self) -> String {
        self.draft.finish("JWT")
    }
}
