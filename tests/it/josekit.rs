//! josekit as an independent signer, and its keys as input (feature `josekit`).

use ::josekit::jwk::{Ed25519, Jwk, JwkSet as TheirSet, P_256, P_384, P_521};
use ::josekit::jws::{
    ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, JwsHeader, JwsSigner, PS256, PS384, PS512,
    RS256, RS384, RS512,
};
use serde_json::json;
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::token::{Expectation, TokenPolicy};

use crate::rig::{CLIENT, ISSUER, NOW, client_id, issuer};

const SECRET: &str =
    "a client secret of more than sixty-four bytes, so that it serves for HS512 too";

fn claims() -> Vec<u8> {
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let now = NOW.as_secs();
    json!({ "iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j", "sid": "s", "events": { event: {} } })
        .to_string()
        .into_bytes()
}

fn sign(signer: &dyn JwsSigner, kid: Option<&str>) -> String {
    let mut header = JwsHeader::new();
    header.set_token_type("logout+jwt");
    if let Some(kid) = kid {
        header.set_key_id(kid);
    }
    ::josekit::jws::serialize_compact(&claims(), &header, signer).unwrap()
}

/// A key pair of josekit and its signer.
fn pair(algorithm: Algorithm) -> (Jwk, Box<dyn JwsSigner>) {
    let rsa = || Jwk::generate_rsa_key(2048).unwrap();
    let (key, signer): (Jwk, Box<dyn JwsSigner>) = match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
            let key = rsa();
            let alg = match algorithm {
                Algorithm::Rs256 => RS256,
                Algorithm::Rs384 => RS384,
                _ => RS512,
            };
            let signer = alg.signer_from_jwk(&key).unwrap();
            (key, Box::new(signer))
        }
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => {
            let key = rsa();
            let alg = match algorithm {
                Algorithm::Ps256 => PS256,
                Algorithm::Ps384 => PS384,
                _ => PS512,
            };
            let signer = alg.signer_from_jwk(&key).unwrap();
            (key, Box::new(signer))
        }
        Algorithm::Es256 => ec(ES256, P_256),
        Algorithm::Es384 => ec(ES384, P_384),
        Algorithm::Es512 => ec(ES512, P_521),
        Algorithm::EdDsa => {
            let key = Jwk::generate_ed_key(Ed25519).unwrap();
            let signer = EdDSA.signer_from_jwk(&key).unwrap();
            (key, Box::new(signer))
        }
        other => panic!("{other} has no key pair"),
    };
    (key, signer)
}

fn ec(
    alg: ::josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm,
    curve: ::josekit::jwk::alg::ec::EcCurve,
) -> (Jwk, Box<dyn JwsSigner>) {
    let key = Jwk::generate_ec_key(curve).unwrap();
    let signer = alg.signer_from_jwk(&key).unwrap();
    (key, Box::new(signer))
}

fn expectation(algorithm: Algorithm, keys: JwkSet) -> Expectation {
    Expectation::signed_with(issuer(), client_id(), algorithm, keys)
        .unwrap()
        .with_policy(TokenPolicy::strict())
}

#[test]
fn what_josekit_signs_is_verified_with_the_public_half_of_its_key() {
    // BCL-38, BCL-71, BCL-78
    for algorithm in Algorithm::ALL.iter().filter(|it| !it.is_symmetric()) {
        let (key, signer) = pair(*algorithm);
        let public = key.to_public_key().unwrap();
        let keys = JwkSet::from(&public);
        assert_eq!((keys.len(), keys.skipped()), (1, 0), "{algorithm}");
        let token = sign(&*signer, None);
        let verified = expectation(*algorithm, keys).verify(&token, NOW).unwrap();
        assert_eq!(verified.target().sid().unwrap().as_str(), "s");
        let (other, _) = pair(*algorithm);
        let other = JwkSet::from(&other.to_public_key().unwrap());
        let refused = expectation(*algorithm, other).verify(&token, NOW);
        assert_eq!(refused, Err(Refusal::BadSignature), "{algorithm}");
    }
}

#[test]
fn a_josekit_set_is_taken_key_by_key_and_a_private_key_is_skipped() {
    // BCL-71, BCL-73, BCL-77
    let (es256, es_signer) = pair(Algorithm::Es256);
    let mut public = es256.to_public_key().unwrap();
    public.set_key_id("a");
    let (mut private, ed_signer) = pair(Algorithm::EdDsa);
    private.set_key_id("b");
    let mut theirs = TheirSet::new();
    theirs.push_key(public);
    theirs.push_key(private);
    let keys = JwkSet::from(&theirs);
    assert_eq!((keys.len(), keys.skipped()), (1, 1));
    let token = sign(&*es_signer, Some("a"));
    let es = expectation(Algorithm::Es256, keys.clone());
    assert!(es.verify(&token, NOW).is_ok());
    let unknown = sign(&*es_signer, Some("c"));
    assert_eq!(es.verify(&unknown, NOW), Err(Refusal::UnknownKey));
    let token = sign(&*ed_signer, Some("b"));
    let refused = expectation(Algorithm::EdDsa, keys).verify(&token, NOW);
    assert_eq!(refused, Err(Refusal::UnusableKey));
}

#[test]
fn what_josekit_authenticates_with_the_client_secret_is_verified_with_it() {
    // BCL-41, BCL-85
    for (algorithm, theirs) in [
        (Algorithm::Hs256, HS256),
        (Algorithm::Hs384, HS384),
        (Algorithm::Hs512, HS512),
    ] {
        let signer = theirs.signer_from_bytes(SECRET.as_bytes()).unwrap();
        let token = sign(&signer, None);
        let keyed = |secret: &str| {
            let secret = ClientSecret::parse(secret).unwrap();
            Expectation::keyed_with(issuer(), client_id(), algorithm, secret)
                .unwrap()
                .verify(&token, NOW)
        };
        assert!(keyed(SECRET).is_ok(), "{algorithm}");
        let refused = keyed(&SECRET.replace("too", "TOO"));
        assert_eq!(refused, Err(Refusal::BadSignature), "{algorithm}");
    }
}
