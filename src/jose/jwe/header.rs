//! The protected header of a JWE, read strictly before any key is touched.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::json::{Value, check_depth, read_object};
use super::algorithm::{ContentEncryption, KeyManagement};
use crate::refusal::Refusal;

/// What decryption needs to know from the header.
pub(super) struct Header {
    pub(super) algorithm: KeyManagement,
    pub(super) encryption: ContentEncryption,
    pub(super) kid: Option<String>,
    /// Present exactly when the algorithm agrees on a key.
    pub(super) agreement: Option<Agreement>,
}

/// The sender's part of a key agreement (RFC 7518 4.6.1).
pub(super) struct Agreement {
    pub(super) curve: Curve,
    /// The ephemeral public key, as the key agreement takes it. Whether it is on the curve shows when it is used.
    pub(super) public_key: Vec<u8>,
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

/// The curves of RFC 7518 6.2.1.1 and RFC 8037 that a key agreement can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

impl Curve {
    pub(super) fn parse(kty: &str, crv: &str) -> Option<Self> {
        match (kty, crv) {
            ("EC", "P-256") => Some(Self::P256),
            ("EC", "P-384") => Some(Self::P384),
            ("EC", "P-521") => Some(Self::P521),
            ("OKP", "X25519") => Some(Self::X25519),
            _ => None,
        }
    }

    /// The length of one coordinate, and of the private key.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// A public key in the form that the key agreement takes: an uncompressed point, or the bare X25519 value.
    pub(super) fn public_key(self, x: &[u8], y: Option<&[u8]>) -> Option<Vec<u8>> {
        let fits = |coordinate: &[u8]| coordinate.len() == self.len();
        match (self, y) {
            (Self::X25519, None) if fits(x) => Some(x.to_vec()),
            (Self::P256 | Self::P384 | Self::P521, Some(y)) if fits(x) && fits(y) => {
                Some([&[4], x, y].concat())
            }
            _ => None,
        }
    }
}

impl Header {
    /// Reads the decoded header. Whether its algorithms are allowed is for each set of keys to say.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
        let [alg, enc, kid, typ, cty, epk, apu, apv, zip, crit, b64] = read_object(
            text,
            &[
                "alg", "enc", "kid", "typ", "cty", "epk", "apu", "apv", "zip", "crit", "b64",
            ],
        )?;
        check_depth(text)?;
        // Presence, not value: no extension is implemented, so none can be understood (BCL-54, RFC 7516 4.1.13).
        if crit.is_some() || b64.is_some() {
            return Err(Refusal::UnsupportedCrit);
        }
        // Presence, not value: what is never inflated cannot explode (BCL-62).
        if zip.is_some() {
            return Err(Refusal::JweNotAllowed);
        }
        let algorithm = name(alg)
            .and_then(|name| KeyManagement::parse(&name))
            .ok_or(Refusal::JweNotAllowed)?;
        let encryption = name(enc)
            .and_then(|name| ContentEncryption::parse(&name))
            .ok_or(Refusal::JweNotAllowed)?;
        text_of(typ)?;
        if !text_of(cty)?.is_none_or(|cty| names_a_token(&cty)) {
            return Err(Refusal::NotNested);
        }
        let agreement = if algorithm.is_agreement() {
            Some(Agreement::parse(epk, apu, apv)?)
        } else {
            None
        };
        Ok(Self {
            algorithm,
            encryption,
            kid: text_of(kid)?.map(Cow::into_owned),
            agreement,
        })
    }
}

impl Agreement {
    fn parse(
        epk: Option<Value<'_>>,
        apu: Option<Value<'_>>,
        apv: Option<Value<'_>>,
    ) -> Result<Self, Refusal> {
        let epk = epk.ok_or(Refusal::Malformed)?;
        let [kty, crv, x, y] = read_object(epk.as_raw(), &["kty", "crv", "x", "y"])?;
        let kty = text_of(kty)?.ok_or(Refusal::Malformed)?;
        let crv = text_of(crv)?.ok_or(Refusal::Malformed)?;
        let x = binary_of(x)?.ok_or(Refusal::Malformed)?;
        let y = binary_of(y)?;
        // A curve that no key of ours can be on, or a coordinate of the wrong length: as good as a wrong key.
        let curve = Curve::parse(&kty, &crv).ok_or(Refusal::DecryptionFailed)?;
        let public_key = curve
            .public_key(&x, y.as_deref())
            .ok_or(Refusal::DecryptionFailed)?;
        Ok(Self {
            curve,
            public_key,
            apu: binary_of(apu)?.unwrap_or_default(),
            apv: binary_of(apv)?.unwrap_or_default(),
        })
    }
}

/// Whether the `cty` is that of a nested token (RFC 7519 5.2, BCL 2.4). Media types are compared without regard to
/// case, and the prefix may be left out (RFC 7516 4.1.12).
fn names_a_token(cty: &str) -> bool {
    [
        "JWT",
        "logout+jwt",
        "application/jwt",
        "application/logout+jwt",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(cty))
}

/// The name of an algorithm. One of another type is not allowed, just as an unknown one.
fn name(value: Option<Value<'_>>) -> Option<Cow<'_, str>> {
    value.and_then(Value::as_text)
}

/// A member that is a string where it is present.
fn text_of(value: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, Refusal> {
    value
        .map(|value| value.as_text().ok_or(Refusal::Malformed))
        .transpose()
}

/// A member that is base64url where it is present.
fn binary_of(value: Option<Value<'_>>) -> Result<Option<Vec<u8>>, Refusal> {
    text_of(value)?
        .map(|text| URL_SAFE_NO_PAD.decode(&*text))
        .transpose()
        .map_err(|_| Refusal::Malformed)
}
