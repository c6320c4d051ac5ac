//! Which entries of a published set are keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding,
};
use proptest::prelude::*;

use super::*;

#[test]
fn keys_that_cannot_be_used_are_skipped_one_by_one() {
    // BCL-77
    let key = Key::new();
    let x = b64(Key::new().0.public_key());
    let odd = [
        "null".to_owned(),
        "7".to_owned(),
        "\"key\"".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA"}"#.to_owned(),
        r#"{"kty":"oct","k":"AAAA"}"#.to_owned(),
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#.to_owned(),
        r#"{"kty":"RSA","n":"***","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","x5c":["MIIB"]}"#.to_owned(),
        format!(r#"{{"kty":"okp","crv":"Ed25519","x":"{x}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}="}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":1}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"AAAA"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","x":"{x}"}}"#),
    ];
    let mut keys = odd.to_vec();
    keys.insert(8, key.jwk(r#","kid":"a","x5c":"a string","d":null"#));
    let keys = set(&keys);
    assert_eq!((keys.len(), keys.skipped()), (1, odd.len()));
    assert_eq!(verify(&keys, &key.sign(r#"{"kid":"a"}"#)), (Ok(()), 1));
    assert!(set(&odd).is_empty());
}

#[test]
fn a_document_that_is_no_key_set_is_an_error() {
    // BCL-79
    for (text, error) in [
        (&b"{}"[..], JwkSetError::NoKeys),
        (b"{\"keys\":null}", JwkSetError::NoKeys),
        (b"{\"keys\":{}}", JwkSetError::NoKeys),
        (b"[]", JwkSetError::NotAnObject),
        (b"<html>", JwkSetError::NotAnObject),
        (b"", JwkSetError::NotAnObject),
        (b"{\"keys\":[],\"keys\":[]}", JwkSetError::NotAnObject),
        (b"\xff", JwkSetError::NotAnObject),
    ] {
        assert_eq!(JwkSet::parse(text).err(), Some(error));
    }
    assert!(JwkSet::parse(b"{\"keys\":[],\"x\":1}").unwrap().is_empty());
}

#[test]
fn rsa_keys_are_bounded_on_both_sides() {
    // BCL-78
    let odd = |bytes: usize, first: u8| {
        let mut n = vec![first];
        n.resize(bytes, 0xff);
        n
    };
    for (n, usable) in [
        (odd(256, 0x80), true),   // 2048 bits
        (odd(256, 0x7f), false),  // 2047 bits
        (odd(128, 0x80), false),  // 1024 bits
        (odd(1024, 0xff), true),  // 8192 bits
        (odd(1025, 0x01), false), // 8193 bits
        (vec![], false),
        (vec![0; 300], false),
    ] {
        assert_eq!(set(&[rsa_jwk(&n, "")]).len(), usize::from(usable), "{n:?}");
    }
    let even = [odd(255, 0x80), vec![0xfe]].concat();
    assert!(set(&[rsa_jwk(&even, "")]).is_empty());
    for e in ["AQ", "Ag", "", "AA", "AQAAAAAB"] {
        let jwk = rsa_jwk(&odd(256, 0x80), "").replace("AQAB", e);
        assert!(set(&[jwk]).is_empty(), "exponent {e}");
    }
}

#[test]
fn a_leading_zero_byte_of_a_modulus_is_stripped() {
    // BCL-78
    let key = rsa_2048();
    let input = format!("{}.e30", b64(r#"{"kid":"a"}"#));
    let mut signature = vec![0; key.public_modulus_len()];
    let padding: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
    let random = SystemRandom::new();
    key.sign(padding, &random, input.as_bytes(), &mut signature)
        .unwrap();
    let token = format!("{input}.{}", b64(signature));
    let n = [vec![0], modulus(key)].concat();
    let keys = set(&[rsa_jwk(&n, "")]);
    let verdict = verify_with(Keys::Public(&keys), &token, Algorithm::Rs256);
    assert_eq!(verdict, (Ok(()), 1));
}

#[test]
fn elliptic_curve_points_have_full_length_and_lie_on_the_curve() {
    // BCL-78
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref();
    let jwk = |crv: &str, x: &[u8], y: &[u8]| {
        let (x, y) = (b64(x), b64(y));
        set(&[format!(
            r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#
        )])
    };
    let (x, y) = (&point[1..33], &point[33..]);
    assert_eq!(jwk("P-256", x, y).len(), 1);
    assert!(jwk("P-384", x, y).is_empty());
    assert!(jwk("P-256", y, x).is_empty());
    assert!(jwk("P-256", &x[1..], y).is_empty());
    assert!(jwk("P-256", &[&[0], x].concat(), y).is_empty());
    assert!(jwk("P-256", &[0; 32], &[0; 32]).is_empty());
}

#[test]
fn a_set_knows_its_names_and_what_changed_under_them() {
    // BCL-75
    let (one, two) = (Key::new(), Key::new());
    let first = set(&[one.named("a"), two.jwk(r#","kid":"b","use":"enc""#)]);
    assert!(first.contains_kid("a") && first.contains_kid("b") && !first.contains_kid("c"));
    let same = set(&[two.named("c"), one.named("a")]);
    assert!(first.same_keys_for(&same, "a") && !first.same_keys_for(&same, "b"));
    let changed = set(&[two.named("a")]);
    assert!(!first.same_keys_for(&changed, "a"));
    let added = set(&[one.named("a"), two.named("a")]);
    assert!(!first.same_keys_for(&added, "a") && !added.same_keys_for(&first, "a"));
    assert!(first.same_keys_for(&changed, "nobody"));
}

#[test]
fn a_set_shows_how_many_keys_it_has_and_none_of_them() {
    // BCL-170
    let key = Key::new();
    let keys = set(&[
        key.named("marker"),
        key.jwk(r#","use":"enc""#),
        "7".to_owned(),
    ]);
    assert_eq!(format!("{keys:?}"), "JwkSet { usable: 1, skipped: 2 }");
}

#[test]
fn a_set_knows_which_algorithms_it_can_verify() {
    // BCL-72
    let keys = set(&[
        Key::new().named("a"),
        rsa_jwk(&modulus(rsa_2048()), r#","alg":"PS256""#),
    ]);
    let can: Vec<_> = Algorithm::ALL
        .iter()
        .filter(|it| keys.has_key_for(**it))
        .collect();
    assert_eq!(can, [&Algorithm::Ps256, &Algorithm::EdDsa]);
}

#[test]
fn key_sets_of_jsonwebtoken_are_taken() {
    // BCL-71
    let key = Key::new();
    let json = format!(r#"{{"keys":[{}]}}"#, key.jwk(r#","kid":"a","use":"sig""#));
    let theirs: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&json).unwrap();
    let ours = JwkSet::from(&theirs);
    assert_eq!((ours.len(), ours.skipped()), (1, 0));
    assert_eq!(verify(&ours, &key.sign(r#"{"kid":"a"}"#)), (Ok(()), 1));
}

proptest! {
    #[test]
    fn no_document_makes_the_key_set_parser_panic(bytes: Vec<u8>) {
        // BCL-173
        let _ = JwkSet::parse(&bytes);
    }

    #[test]
    fn no_entry_makes_the_key_set_parser_panic(
        kty in "RSA|EC|OKP|oct", crv in "P-256|P-384|P-521|Ed25519",
        a in "[A-Za-z0-9_-]{0,90}", b in "[A-Za-z0-9_-]{0,90}",
    ) {
        // BCL-77, BCL-173
        let jwk = format!(r#"{{"kty":"{kty}","crv":"{crv}","n":"{a}","e":"{b}","x":"{a}","y":"{b}"}}"#);
        let set = set(&[jwk]);
        prop_assert_eq!(set.len() + set.skipped(), 1);
    }

    #[test]
    fn no_text_makes_the_token_parser_panic(token in ".*|[A-Za-z0-9_-]{0,40}[.][A-Za-z0-9_-]{0,40}[.][A-Za-z0-9_-]{0,40}") {
        // BCL-173
        if let Ok(compact) = Compact::decode(&token) {
            let _ = Header::parse(&compact);
            let _ = compact.payload();
        }
    }
}
