//! A set of published keys (RFC 7517 5).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::signature::ParsedPublicKey;

use super::Algorithm;
use super::json::{Value, read_object};
use super::jwk::PublicKey;

/// Why a document is not a key set at all. Single keys that cannot be used are [skipped](JwkSet::skipped) instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// It is not a UTF-8 JSON object, or repeats a member name.
    #[error("the key set is not a JSON object with unique member names")]
    NotAnObject,
    /// It has no member `keys`, or that is not an array.
    #[error("the key set has no array called keys")]
    NoKeys,
}

/// A key that is not used: unreadable, not for signatures, too weak, or private (spec BCL-77).
#[derive(Clone, Copy, Debug)]
pub(super) struct Skipped;

/// One snapshot of the keys an OP publishes. Cheap to clone; reading takes no lock.
///
/// 1. Each entry is read alone: one that cannot be used is skipped, the rest stays usable.
/// 2. RSA keys have 2048 to 8192 bits; curves are P-256, P-384, P-521 and Ed25519.
/// 3. Keys for encryption, private keys and `oct` keys are never used.
///
/// ```
/// use tower_backchannel_logout::jose::JwkSet;
///
/// let set = JwkSet::parse(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"oct","kid":"b","k":"AAAA"}
/// ]}"#)?;
/// assert_eq!((set.len(), set.skipped()), (1, 1));
/// # Ok::<(), tower_backchannel_logout::jose::JwkSetError>(())
/// ```
#[derive(Clone)]
pub struct JwkSet(Arc<[Entry]>);

struct Entry {
    kid: Option<Box<str>>,
    key: Option<PublicKey>,
    /// Of the text of the entry, to see whether a refresh changed it.
    fingerprint: Digest,
}

impl JwkSet {
    /// Reads a key set as an OP publishes it.
    ///
    /// # Errors
    ///
    /// [`JwkSetError`] when it is not a JSON object with an array `keys`. A set without a single usable key is no error
    /// here; see [`is_empty`](Self::is_empty).
    pub fn parse(json: &[u8]) -> Result<Self, JwkSetError> {
        let text = std::str::from_utf8(json).map_err(|_| JwkSetError::NotAnObject)?;
        let [keys] = read_object(text, &["keys"]).map_err(|_| JwkSetError::NotAnObject)?;
        let keys = keys.and_then(Value::as_array).ok_or(JwkSetError::NoKeys)?;
        Ok(Self(
            keys.into_iter()
                .map(|jwk| Entry::parse(jwk.as_raw()))
                .collect(),
        ))
    }

    /// A set of keys that are written down one by one.
    pub(super) fn from_entries(keys: impl IntoIterator<Item = String>) -> Self {
        Self(keys.into_iter().map(|jwk| Entry::parse(&jwk)).collect())
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().filter(|entry| entry.key.is_some()).count()
    }

    /// Whether no key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries cannot be used.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.0.len() - self.len()
    }

    /// Whether any key can verify that algorithm.
    pub(crate) fn has_key_for(&self, algorithm: Algorithm) -> bool {
        self.candidates(None, algorithm).next().is_some()
    }

    /// Whether any entry has that name, usable or not. If none has, a refresh may bring it (spec BCL-75).
    pub(crate) fn contains_kid(&self, kid: &str) -> bool {
        self.0.iter().any(|entry| entry.is_called(kid))
    }

    /// Whether both sets publish the very same entries under that name.
    pub(crate) fn same_keys_for(&self, other: &Self, kid: &str) -> bool {
        fn named<'s>(set: &'s JwkSet, kid: &str) -> impl Iterator<Item = &'s [u8]> {
            set.0
                .iter()
                .filter(move |entry| entry.is_called(kid))
                .map(|entry| entry.fingerprint.as_ref())
        }
        named(self, kid).eq(named(other, kid))
    }

    /// The keys that fit a token: exactly those of its `kid`, or all if it names none (spec BCL-73, 74).
    pub(super) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &ParsedPublicKey> {
        self.fitting(kid, algorithm).map(|(_, key)| key)
    }

    /// The [candidates](Self::candidates) that `seen` did not have.
    pub(super) fn candidates_beyond<'s>(
        &'s self,
        seen: &'s Self,
        kid: Option<&'s str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'s ParsedPublicKey> {
        let is_new = move |entry: &Entry| {
            seen.fitting(kid, algorithm)
                .all(|(known, _)| known.fingerprint.as_ref() != entry.fingerprint.as_ref())
        };
        self.fitting(kid, algorithm)
            .filter_map(move |(entry, key)| is_new(entry).then_some(key))
    }

    fn fitting(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = (&Entry, &ParsedPublicKey)> {
        self.0
            .iter()
            .filter(move |entry| kid.is_none_or(|kid| entry.is_called(kid)))
            .filter_map(move |entry| Some((entry, entry.key.as_ref()?.verifier(algorithm)?)))
    }
}

impl Entry {
    fn parse(jwk: &str) -> Self {
        let kid = match read_object(jwk, &["kid"]) {
            Ok([kid]) => kid.filter(|kid| !kid.is_null()).map(Value::as_text),
            Err(_) => None,
        };
        Self {
            key: match kid {
                // A `kid` that is no string is a key without a usable name (RFC 7517 4.5).
                Some(None) => None,
                _ => PublicKey::parse(jwk).ok(),
            },
            kid: kid.flatten().map(Into::into),
            fingerprint: digest(&SHA256, jwk.as_bytes()),
        }
    }

    fn is_called(&self, kid: &str) -> bool {
        self.kid.as_deref() == Some(kid)
    }
}

/// A set from the model of the `jsonwebtoken` crate. That model has no name for ES512: such a key counts only without
/// `alg`.
impl From<&jsonwebtoken::jwk::JwkSet> for JwkSet {
    fn from(set: &jsonwebtoken::jwk::JwkSet) -> Self {
        // Each key alone: one that cannot be written down is skipped like one that cannot be read.
        let keys = set.keys.iter();
        Self::from_entries(keys.map(|jwk| serde_json::to_string(jwk).unwrap_or_default()))
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwkSet")
            .field("usable", &self.len())
            .field("skipped", &self.skipped())
            .finish()
    }
}
