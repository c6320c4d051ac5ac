//! An independent check of a compact JWS with aws-lc-rs and a published key set.

use aws_lc_rs::{hmac, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

pub(crate) fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("canonical base64url")
}

/// Header and claims, unverified.
pub(crate) fn parts(token: &str) -> (Value, Value) {
    let mut segments = token.split('.');
    let mut next = || serde_json::from_slice(&decode(segments.next().unwrap())).unwrap();
    (next(), next())
}

/// Whether the key that the token's `kid` names in this set made the signature.
pub(crate) fn verifies(token: &str, jwks: &Value) -> bool {
    let (header, _) = parts(token);
    let keys = jwks["keys"].as_array().unwrap();
    let Some(jwk) = keys.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let (input, made) = token.rsplit_once('.').unwrap();
    let (input, made) = (input.as_bytes(), decode(made));
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    let alg = header["alg"].as_str().unwrap();
    match alg {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            let parameters = match alg {
                "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                _ => &signature::RSA_PSS_2048_8192_SHA512,
            };
            let (n, e) = (member("n"), member("e"));
            assert_eq!(jwk["kty"], "RSA");
            signature::RsaPublicKeyComponents { n, e }
                .verify(parameters, input, &made)
                .is_ok()
        }
        "ES256" | "ES384" | "ES512" | "ES256K" => {
            let (crv, algorithm) = match alg {
                "ES256" => ("P-256", &signature::ECDSA_P256_SHA256_FIXED),
                "ES384" => ("P-384", &signature::ECDSA_P384_SHA384_FIXED),
                "ES512" => ("P-521", &signature::ECDSA_P521_SHA512_FIXED),
                _ => ("secp256k1", &signature::ECDSA_P256K1_SHA256_FIXED),
            };
            assert_eq!(jwk["crv"], crv);
            let point = [vec![4], member("x"), member("y")].concat();
            signature::UnparsedPublicKey::new(algorithm, point)
                .verify(input, &made)
                .is_ok()
        }
        "EdDSA" | "Ed25519" => {
            assert_eq!(jwk["crv"], "Ed25519");
            signature::UnparsedPublicKey::new(&signature::ED25519, member("x"))
                .verify(input, &made)
                .is_ok()
        }
        other => panic!("{other} has no public key"),
    }
}

pub(crate) fn verifies_with_secret(token: &str, secret: &[u8]) -> bool {
    let (header, _) = parts(token);
    let algorithm = match header["alg"].as_str().unwrap() {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        other => panic!("{other} is not an HMAC"),
    };
    let (input, made) = token.rsplit_once('.').unwrap();
    let key = hmac::Key::new(algorithm, secret);
    hmac::verify(&key, input.as_bytes(), &decode(made)).is_ok()
}
