//! The protected header of a JWE, read strictly and checked before any key is touched.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::algorithm::{ContentEncryption, KeyManagement};
use super::keys::DecryptionKeys;
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
    /// Reads the decoded header and holds it against the allow-list.
    pub(super) fn parse(bytes: &[u8], keys: &DecryptionKeys) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
        let members = match serde_json::from_str(text) {
            Ok(Json::Object(members)) => members,
            Ok(Json::Repeated) => return Err(Refusal::DuplicateMember),
            Ok(Json::Text(_) | Json::Other) | Err(_) => return Err(Refusal::Malformed),
        };
        // Presence, not value: no extension is implemented, so none can be understood (BCL-54, RFC 7516 4.1.13).
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(Refusal::UnsupportedCrit);
        }
        // Presence, not value: what is never inflated cannot explode (BCL-62).
        if members.contains_key("zip") {
            return Err(Refusal::JweNotAllowed);
        }
        let name = |member| match members.get(member) {
            Some(Json::Text(name)) => Ok(name.as_str()),
            _ => Err(Refusal::JweNotAllowed),
        };
        let algorithm = KeyManagement::parse(name("alg")?)
            .filter(|algorithm| keys.allows_algorithm(*algorithm))
            .ok_or(Refusal::JweNotAllowed)?;
        let encryption = ContentEncryption::parse(name("enc")?)
            .filter(|encryption| keys.allows_encryption(*encryption))
            .ok_or(Refusal::JweNotAllowed)?;
        text_member(&members, "typ")?;
        if !text_member(&members, "cty")?.is_none_or(names_a_token) {
            return Err(Refusal::NotNested);
        }
        let agreement = if algorithm.is_agreement() {
            Some(Agreement::parse(&members)?)
        } else {
            None
        };
        Ok(Self {
            algorithm,
            encryption,
            kid: text_member(&members, "kid")?.map(str::to_owned),
            agreement,
        })
    }
}

impl Agreement {
    fn parse(members: &BTreeMap<String, Json>) -> Result<Self, Refusal> {
        let Some(Json::Object(epk)) = members.get("epk") else {
            return Err(Refusal::Malformed);
        };
        let kty = text_member(epk, "kty")?.ok_or(Refusal::Malformed)?;
        let crv = text_member(epk, "crv")?.ok_or(Refusal::Malformed)?;
        let x = binary_member(epk, "x")?.ok_or(Refusal::Malformed)?;
        let y = binary_member(epk, "y")?;
        // A curve that no key of ours can be on, or a coordinate of the wrong length: as good as a wrong key.
        let curve = Curve::parse(kty, crv).ok_or(Refusal::DecryptionFailed)?;
        let public_key = curve
            .public_key(&x, y.as_deref())
            .ok_or(Refusal::DecryptionFailed)?;
        Ok(Self {
            curve,
            public_key,
            apu: binary_member(members, "apu")?.unwrap_or_default(),
            apv: binary_member(members, "apv")?.unwrap_or_default(),
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

fn text_member<'a>(
    members: &'a BTreeMap<String, Json>,
    name: &str,
) -> Result<Option<&'a str>, Refusal> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::Malformed),
    }
}

fn binary_member(members: &BTreeMap<String, Json>, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
    text_member(members, name)?
        .map(|text| URL_SAFE_NO_PAD.decode(text))
        .transpose()
        .map_err(|_| Refusal::Malformed)
}

/// A JSON value that knows whether a member name occurs twice anywhere inside it.
enum Json {
    Text(String),
    Object(BTreeMap<String, Self>),
    /// A number, a literal or an array: no member that is read here may be one.
    Other,
    /// An object with a repeated name, or anything that holds one.
    Repeated,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut repeated = false;
        while let Some(item) = items.next_element::<Json>()? {
            repeated |= matches!(item, Json::Repeated);
        }
        Ok(if repeated {
            Json::Repeated
        } else {
            Json::Other
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        let mut repeated = false;
        while let Some((name, value)) = entries.next_entry::<String, Json>()? {
            repeated |= matches!(value, Json::Repeated);
            repeated |= members.insert(name, value).is_some();
        }
        Ok(if repeated {
            Json::Repeated
        } else {
            Json::Object(members)
        })
    }
}
