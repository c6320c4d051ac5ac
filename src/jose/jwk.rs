//! One published key (RFC 7517 4, RFC 7518 6, RFC 8037 2).

use std::sync::OnceLock;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{Value, read_object};
use super::signature::{rsa_index, rsa_parameters, single_algorithm};
use super::{Algorithm, jwk_set::Skipped};

/// Shortest and longest RSA modulus that is used, in bits (RFC 7518 3.3; spec BCL-78).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that may verify signatures, prepared per algorithm.
pub(super) struct PublicKey {
    /// The one algorithm the OP allows it for, if it says so (RFC 7517 4.4).
    only: Option<Algorithm>,
    material: Material,
}

enum Material {
    Rsa(Box<RsaKey>),
    /// A curve has one algorithm.
    Curve(Algorithm, ParsedPublicKey),
}

/// Usable with six algorithms; prepared when one is first asked for, then only read.
struct RsaKey {
    n: Box<[u8]>,
    e: Box<[u8]>,
    prepared: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl PublicKey {
    /// Reads a key that may verify, or says that this one may not (spec BCL-72, 77, 78).
    pub(super) fn parse(jwk: &str) -> Result<Self, Skipped> {
        let members = read_object(
            jwk,
            &[
                "kty", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "k",
            ],
        );
        let [kty, usage, key_ops, alg, crv, n, e, x, y, k] =
            members.map_err(|_| Skipped)?.map(present);
        let private = read_object(jwk, &["d", "p", "q", "dp", "dq", "qi", "oth"]);
        let private = private.map_err(|_| Skipped)?.map(present);
        // A secret that was published is known to everybody.
        if k.is_some() || private.iter().any(Option::is_some) {
            return Err(Skipped);
        }
        check_purpose(usage, key_ops)?;
        let only = match alg {
            None => None,
            Some(alg) => Some(
                alg.as_text()
                    .and_then(|name| Algorithm::named(&name))
                    .ok_or(Skipped)?,
            ),
        };
        let material = match &*text(kty)? {
            "RSA" => rsa(&bytes(n)?, &bytes(e)?)?,
            "EC" => {
                let (algorithm, size) = match &*text(crv)? {
                    "P-256" => (Algorithm::Es256, 32),
                    "P-384" => (Algorithm::Es384, 48),
                    "P-521" => (Algorithm::Es512, 66),
                    _ => return Err(Skipped),
                };
                let (x, y) = (bytes(x)?, bytes(y)?);
                // Coordinates have the full length of the field (RFC 7518 6.2.1.2).
                if x.len() != size || y.len() != size {
                    return Err(Skipped);
                }
                curve(algorithm, &[&[4], &*x, &*y].concat())?
            }
            "OKP" if *text(crv)? == *"Ed25519" => {
                let x = bytes(x)?;
                if x.len() != 32 {
                    return Err(Skipped);
                }
                curve(Algorithm::EdDsa, &x)?
            }
            _ => return Err(Skipped),
        };
        let key = Self { only, material };
        // An `alg` that the material cannot serve, `RSA` with `ES256` say, leaves nothing to verify with.
        match only {
            Some(alg) if key.verifier(alg).is_none() => Err(Skipped),
            _ => Ok(key),
        }
    }

    /// The prepared key, if this key may verify that algorithm (spec BCL-72).
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        if self.only.is_some_and(|only| only != algorithm) {
            return None;
        }
        match &self.material {
            Material::Curve(own, key) => (*own == algorithm).then_some(key),
            Material::Rsa(key) => key.verifier(algorithm),
        }
    }
}

impl RsaKey {
    fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let prepared = self.prepared.get(rsa_index(algorithm)?)?;
        let prepare = || {
            let (n, e) = (&self.n, &self.e);
            RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(rsa_parameters(algorithm)?)
                .ok()
        };
        prepared.get_or_init(prepare).as_ref()
    }
}

/// A member that is null says nothing: serialisers write it for what they do not have.
fn present(member: Option<Value<'_>>) -> Option<Value<'_>> {
    member.filter(|value| !value.is_null())
}

/// `use` is absent or `sig`, and `key_ops` is absent or contains `verify` (RFC 7517 4.2, 4.3).
fn check_purpose(usage: Option<Value<'_>>, key_ops: Option<Value<'_>>) -> Result<(), Skipped> {
    let is = |value: Value<'_>, wanted: &str| value.as_text().is_some_and(|text| text == wanted);
    if usage.is_some_and(|usage| !is(usage, "sig")) {
        return Err(Skipped);
    }
    let Some(key_ops) = key_ops else {
        return Ok(());
    };
    let key_ops = key_ops.as_array().ok_or(Skipped)?;
    key_ops
        .into_iter()
        .any(|operation| is(operation, "verify"))
        .then_some(())
        .ok_or(Skipped)
}

fn text(member: Option<Value<'_>>) -> Result<std::borrow::Cow<'_, str>, Skipped> {
    member.and_then(Value::as_text).ok_or(Skipped)
}

fn bytes(member: Option<Value<'_>>) -> Result<Vec<u8>, Skipped> {
    URL_SAFE_NO_PAD.decode(&*text(member)?).map_err(|_| Skipped)
}

fn rsa(n: &[u8], e: &[u8]) -> Result<Material, Skipped> {
    let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
    let bits = match n.first() {
        Some(first) => n.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    };
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    // An exponent of 1 makes every message its own signature. More than four bytes are slow and nobody's.
    let sound_exponent = odd(e) && *e != [1] && e.len() <= 4;
    if !RSA_BITS.contains(&bits) || !odd(n) || !sound_exponent {
        return Err(Skipped);
    }
    Ok(Material::Rsa(Box::new(RsaKey {
        n: n.into(),
        e: e.into(),
        prepared: Default::default(),
    })))
}

/// Some OPs publish the bytes of a Java `BigInteger`, sign byte included.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Refuses a point that is not on the curve.
fn curve(algorithm: Algorithm, point: &[u8]) -> Result<Material, Skipped> {
    let verification = single_algorithm(algorithm).ok_or(Skipped)?;
    let key = ParsedPublicKey::new(verification, point).map_err(|_| Skipped)?;
    Ok(Material::Curve(algorithm, key))
}
