//! Opens encrypted Logout Tokens: JWE in compact form (RFC 7516), with a signed token inside (BCL 2.6 step 1).
//!
//! 1. The token has five segments of canonical base64url, within a size limit.
//! 2. The header is one UTF-8 JSON object without repeated names. `crit`, `b64` and `zip` are refused, whatever their
//!    value (spec BCL-54, BCL-62).
//! 3. `alg` and `enc` are held against the allow-list before any key is touched.
//! 4. Keys that fit are tried: with a `kid` those of exactly this name, without one each of them. Where the token may be
//!    for several clients, it is tried with the keys of each. It is at most 8 different keys in all: more are refused
//!    before any is tried.
//! 5. The content is authenticated first and decrypted afterwards. Every failure has the same answer.
//! 6. What comes out is a signed token, which still has to pass every check: anyone can encrypt to this RP.
//!
//! # Security
//!
//! A failure to recover the content key does not end the work: a random key takes its place, so that a wrong key, a
//! wrong padding and a wrong tag cannot be told apart by the answer or by its time (RFC 7516 11.5, RFC 8725 3.2). Only
//! a header that names no key of ours is answered earlier; that `kid`s and key types exist is public.
//!
//! Every attempt comes before any signature is checked. With RSA it costs a quarter of a millisecond (2048 bits) to one
//! and a half (4096 bits), with an elliptic curve key on P-256 or X25519 less than 0.04: prefer those.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::compact::MAX_TOKEN_BYTES;
use crate::refusal::Refusal;

mod algorithm;
mod content;
mod content_key;
mod der;
mod header;
#[cfg(feature = "josekit")]
mod josekit;
mod jwk;
mod key_unwrap;
mod keys;

pub use algorithm::{ContentEncryption, KeyManagement};
pub use keys::{DecryptionKeys, DecryptionKeysBuilder};

use content::Sealed;
use content_key::ContentKey;
use header::Header;
use jwk::PrivateKey;
use keys::MAX_CANDIDATES;

/// A JWE, taken apart once for all the keys that it may be tried with.
struct Jwe<'a> {
    header: Header,
    protected: &'a str,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

/// What was inside a JWE: a signed token, which nobody has verified yet. And which key opened it.
pub(crate) struct Opened {
    signed: String,
    header: Header,
    fingerprint: Digest,
}

impl Opened {
    /// Opens a token with the first key that can: of all sets that allow its algorithms, each key once.
    pub(crate) fn with<'k>(
        token: &str,
        sets: impl IntoIterator<Item = &'k DecryptionKeys>,
    ) -> Result<Self, Refusal> {
        let jwe = Jwe::parse(token)?;
        let mut refusal = Refusal::JweNotAllowed;
        let mut candidates: Vec<&PrivateKey> = Vec::new();
        for keys in sets.into_iter().filter(|keys| keys.allows(&jwe.header)) {
            refusal = Refusal::DecryptionFailed;
            for key in keys.candidates(&jwe.header) {
                if candidates.iter().any(|other| other.is_same_as(key)) {
                    continue;
                }
                // A sender without credentials could make us try the keys of every client (spec BCL-74).
                if candidates.len() == MAX_CANDIDATES {
                    return Err(Refusal::AmbiguousKey);
                }
                candidates.push(key);
            }
        }
        let opened = |key: &PrivateKey| Some((jwe.open(key).ok()?, key.fingerprint));
        let (plaintext, fingerprint) = candidates.into_iter().find_map(opened).ok_or(refusal)?;
        let signed = String::from_utf8(plaintext)
            .ok()
            .filter(|text| looks_signed(text))
            .ok_or(Refusal::NotNested)?;
        Ok(Self {
            signed,
            header: jwe.header,
            fingerprint,
        })
    }

    pub(crate) fn signed(&self) -> &str {
        &self.signed
    }

    pub(crate) fn into_signed(self) -> String {
        self.signed
    }

    /// Whether these keys alone would have opened it as well. If not, it was encrypted to another client.
    pub(crate) fn is_for(&self, keys: &DecryptionKeys) -> bool {
        keys.allows(&self.header)
            && keys
                .candidates(&self.header)
                .any(|key| key.fingerprint.as_ref() == self.fingerprint.as_ref())
    }
}

impl<'a> Jwe<'a> {
    fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge);
        }
        let mut segments = token.split('.');
        let mut segment = || segments.next().ok_or(Refusal::Malformed);
        let (protected, encrypted_key, iv, ciphertext, tag) =
            (segment()?, segment()?, segment()?, segment()?, segment()?);
        if segments.next().is_some() {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            header: Header::parse(&decode(protected)?)?,
            protected,
            encrypted_key: decode(encrypted_key)?,
            iv: decode(iv)?,
            ciphertext: decode(ciphertext)?,
            tag: decode(tag)?,
        })
    }

    fn open(&self, key: &PrivateKey) -> Result<Vec<u8>, Unspecified> {
        let content_key = ContentKey::recover(&self.header, &key.material, &self.encrypted_key)?;
        let sealed = Sealed {
            aad: self.protected.as_bytes(),
            iv: &self.iv,
            ciphertext: &self.ciphertext,
            tag: &self.tag,
        };
        sealed.open(self.header.encryption, content_key.as_bytes())
    }
}

/// Canonical base64url without padding (RFC 7515 2): stray bits at the end are refused, so a token has one spelling.
fn decode(segment: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| Refusal::Malformed)
}

/// Whether a text has the shape of a compact JWS: three segments, of which only the signature may be empty. That such a
/// token is unsigned is for its own checks to say.
fn looks_signed(text: &str) -> bool {
    let mut segments = 0;
    text.split('.').all(|segment| {
        segments += 1;
        (segments == 3 || !segment.is_empty())
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }) && segments == 3
}

#[cfg(test)]
mod tests;
