//! The public half of a key as a JWK (RFC 7517, RFC 7518 6, RFC 8037).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::keys::{Pair, SigningKey, base64url};

pub(super) fn public_members(pair: &Pair) -> Map<String, Value> {
    let members = match pair {
        Pair::Rsa(pair) => {
            let (n, e) = modulus_and_exponent(pair.public_key().as_ref());
            json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
        }
        Pair::Ec(pair, curve) => {
            // An uncompressed point: one byte 04, then both coordinates of the same length (SEC 1, 2.3.3).
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve.crv, "x": base64url(x), "y": base64url(y) })
        }
        Pair::Ed25519(pair) => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) })
        }
        Pair::Secret(_) => json!({ "kty": "oct" }),
    };
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Reads `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 A.1.1) as aws-lc-rs writes it.
fn modulus_and_exponent(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    (unsigned(modulus), unsigned(exponent))
}

/// The content of the first DER value, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(der[1]);
    let (start, length) = if first < 0x80 {
        (2, first)
    } else {
        let end = 2 + (first & 0x7f);
        let length = der[2..end]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        (end, length)
    };
    der[start..].split_at(length)
}

/// A DER integer is signed: a leading zero byte keeps it positive, and has no place in a JWK (RFC 7518 2).
fn unsigned(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

impl SigningKey {
    /// Keys as the certification suite of the OpenID Foundation publishes them: two RSA, two P-256, one secp256k1 and
    /// one Ed25519 signing key without `alg`, and two encryption keys.
    #[must_use]
    pub fn certification_suite() -> Vec<Self> {
        let signing = ["RS256", "RS256", "ES256", "ES256", "ES256K", "EdDSA"].map(Self::generate);
        let encryption = [("RS256", "RSA-OAEP"), ("ES256", "ECDH-ES")].map(|(family, alg)| {
            Self::generate(family)
                .with_jwk_member("use", "enc")
                .with_jwk_member("alg", alg)
        });
        signing.into_iter().chain(encryption).collect()
    }
}

/// An RSA public key as a PEM file, for tests of key confusion.
pub(super) fn rsa_public_pem(key: &SigningKey) -> Option<String> {
    let Pair::Rsa(pair) = key.pair() else {
        return None;
    };
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let body = lines.join("\n");
    Some(format!(
        "-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
    ))
}
