//! Signed bytes: compact form, header, algorithms, keys and signatures (RFC 7515, 7517, 7518).
//!
//! 1. A token is split and decoded strictly: base64url without padding, no foreign character, at most 64 KiB.
//! 2. Header and payload are read in one pass over borrowed text; a repeated member name is refused.
//! 3. One [`Algorithm`] is expected; `none` does not exist here (BCL 2.6 step 3).
//! 4. Keys come from a [`JwkSet`] or a [`ClientSecret`], never from the token, and never from one where the other is
//!    configured.
//!
//! Nothing here does I/O, takes a lock or reads a clock.

mod algorithm;
mod compact;
mod header;
mod json;
mod jwk;
mod jwk_set;
mod secret;
mod signature;

pub use algorithm::Algorithm;
pub(crate) use compact::{Compact, Form};
pub(crate) use header::Header;
pub(crate) use json::{Value, check_depth, read_object};
pub use jwk_set::{JwkSet, JwkSetError};
pub use secret::ClientSecret;
pub(crate) use signature::Keys;
#[cfg(test)]
pub(crate) use signature::operations;
//! Throw-away stub.
#![allow(missing_docs, clippy::exhaustive_enums, dead_code)]
use std::sync::Arc;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}
impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            _ => "X",
        }
    }
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}
#[derive(Clone, Debug)]
pub struct JwkSet(Arc<Vec<(Option<String>, serde_json::Value)>>);
#[derive(Debug, thiserror::Error)]
#[error("bad set")]
#[non_exhaustive]
pub struct JwkSetError;
impl JwkSet {
    pub fn parse(b: &[u8]) -> Result<Self, JwkSetError> {
        let v: serde_json::Value = serde_json::from_slice(b).map_err(|_| JwkSetError)?;
        let k = v
            .get("keys")
            .and_then(|k| k.as_array())
            .ok_or(JwkSetError)?;
        Ok(Self(Arc::new(
            k.iter()
                .map(|k| {
                    (
                        k.get("kid").and_then(|k| k.as_str()).map(str::to_owned),
                        k.clone(),
                    )
                })
                .collect(),
        )))
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(crate) fn contains_kid(&self, kid: &str) -> bool {
        self.0.iter().any(|k| k.0.as_deref() == Some(kid))
    }
    pub(crate) fn same_keys_for(&self, o: &Self, kid: &str) -> bool {
        let f = |s: &Self| {
            s.0.iter()
                .filter(|k| k.0.as_deref() == Some(kid))
                .map(|k| k.1.clone())
                .collect::<Vec<_>>()
        };
        f(self) == f(o)
    }
}
#[derive(Clone, Debug)]
pub struct ClientSecret(Arc<str>);
use crate::config::ConfigError;
impl ClientSecret {
    pub fn parse(s: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self(s.as_ref().into()))
    }
    pub(crate) fn check(&self, a: Algorithm) -> Result<(), ConfigError> {
        if self.0.len() < 32 || !a.is_symmetric() {
            Err(ConfigError::new("client_secret", "x"))
        } else {
            Ok(())
        }
    }
}
