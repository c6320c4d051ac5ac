//! Which key may verify which token, and at what cost.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::refusal::Refusal;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct Key(Ed25519KeyPair);

impl Key {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    /// The published key with further members.
    fn jwk(&self, members: &str) -> String {
        let x = b64(self.0.public_key());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{members}}}"#)
    }

    fn named(&self, kid: &str) -> String {
        self.jwk(&format!(r#","kid":"{kid}""#))
    }

    fn sign(&self, header: &str) -> String {
        let input = format!("{}.e30", b64(header));
        let signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", b64(signature))
    }
}

/// Made once: it takes a while.
fn rsa_2048() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn rsa_jwk(n: &[u8], members: &str) -> String {
    format!(
        r#"{{"kty":"RSA","kid":"a","n":"{}","e":"AQAB"{members}}}"#,
        b64(n)
    )
}

/// Out of `SEQUENCE { INTEGER n, INTEGER e }`: the 256 bytes after two headers of four bytes and a sign byte.
fn modulus(key: &RsaKeyPair) -> Vec<u8> {
    key.public_key().as_ref()[9..265].to_vec()
}

fn set(keys: &[String]) -> JwkSet {
    JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

/// The verdict and how many signatures were checked for it.
fn verify_with(keys: Keys<'_>, token: &str, algorithm: Algorithm) -> (Result<(), Refusal>, usize) {
    let before = operations();
    let compact = Compact::decode(token).ok().unwrap();
    let header = Header::parse(&compact).ok().unwrap();
    let verdict = keys.verify(&compact, algorithm, header.kid());
    (verdict, operations() - before)
}

fn verify(set: &JwkSet, token: &str) -> (Result<(), Refusal>, usize) {
    verify_with(Keys::Public(set), token, Algorithm::EdDsa)
}

#[test]
fn only_a_key_of_the_set_verifies() {
    // BCL-71
    let (ours, theirs) = (Key::new(), Key::new());
    let keys = set(&[ours.named("a")]);
    assert_eq!(verify(&keys, &ours.sign(r#"{"kid":"a"}"#)), (Ok(()), 1));
    assert_eq!(
        verify(&keys, &theirs.sign(r#"{"kid":"a"}"#)),
        (Err(Refusal::BadSignature), 1)
    );
}

#[test]
fn a_key_is_used_only_for_what_it_is_published_for() {
    // BCL-72
    let key = Key::new();
    let token = key.sign(r#"{"kid":"a"}"#);
    for good in [
        "",
        r#","use":"sig""#,
        r#","use":null,"key_ops":null,"alg":null"#,
        r#","key_ops":["verify"]"#,
        r#","key_ops":["sign","verify"]"#,
        r#","alg":"EdDSA""#,
        r#","alg":"Ed25519""#,
    ] {
        let keys = set(&[key.jwk(&format!(r#","kid":"a"{good}"#))]);
        assert_eq!(verify(&keys, &token), (Ok(()), 1), "{good}");
    }
    for bad in [
        r#","use":"enc""#,
        r#","use":"SIG""#,
        r#","use":1"#,
        r#","use":"enc","key_ops":["verify"]"#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":[]"#,
        r#","key_ops":"verify""#,
        r#","alg":"ES256""#,
        r#","alg":"none""#,
        r#","alg":1"#,
    ] {
        let keys = set(&[key.jwk(&format!(r#","kid":"a"{bad}"#))]);
        assert_eq!((keys.len(), keys.skipped()), (0, 1), "{bad}");
        let refused = (Err(Refusal::UnusableKey), 0);
        assert_eq!(verify(&keys, &token), refused, "{bad}");
    }
}

#[test]
fn the_alg_of_an_rsa_key_leaves_one_of_its_six_algorithms() {
    // BCL-72
    let n = modulus(rsa_2048());
    let token = format!("{}.e30.AA", b64(r#"{"kid":"a"}"#));
    let free = set(&[rsa_jwk(&n, "")]);
    let bound = set(&[rsa_jwk(&n, r#","alg":"RS512""#)]);
    for algorithm in Algorithm::ALL.iter().copied() {
        let name = algorithm.as_str();
        let (bad, unusable) = (Err(Refusal::BadSignature), Err(Refusal::UnusableKey));
        let is_rsa = name.starts_with("RS") || name.starts_with("PS");
        let expected = if is_rsa { (bad, 1) } else { (unusable, 0) };
        let keys = Keys::Public(&free);
        assert_eq!(verify_with(keys, &token, algorithm), expected, "{name}");
        let expected = if name == "RS512" {
            (bad, 1)
        } else {
            (unusable, 0)
        };
        let keys = Keys::Public(&bound);
        assert_eq!(verify_with(keys, &token, algorithm), expected, "{name}");
    }
}

#[test]
fn a_kid_is_compared_exactly() {
    // BCL-73
    let key = Key::new();
    let keys = set(&[key.named("a"), key.jwk("")]);
    for header in [
        r#"{"kid":"b"}"#,
        r#"{"kid":"A"}"#,
        r#"{"kid":"a "}"#,
        r#"{"kid":""}"#,
    ] {
        let refused = (Err(Refusal::UnknownKey), 0);
        assert_eq!(verify(&keys, &key.sign(header)), refused, "{header}");
    }
    assert_eq!(verify(&keys, &key.sign(r#"{"kid":"\u0061"}"#)), (Ok(()), 1));
}

#[test]
fn of_the_keys_that_share_a_kid_eight_are_tried() {
    // BCL-73, BCL-172
    let key = Key::new();
    let token = key.sign(r#"{"kid":"a"}"#);
    let others: Vec<_> = (0..9).map(|_| Key::new().named("a")).collect();
    let at = |position: usize| {
        let mut keys = others[..position].to_vec();
        keys.push(key.named("a"));
        set(&keys)
    };
    assert_eq!(verify(&at(1), &token), (Ok(()), 2));
    assert_eq!(verify(&at(7), &token), (Ok(()), 8));
    assert_eq!(verify(&at(8), &token), (Err(Refusal::AmbiguousKey), 8));
    let eight = set(&others[..8]);
    assert_eq!(verify(&eight, &token), (Err(Refusal::BadSignature), 8));
}

#[test]
fn without_a_kid_eight_candidates_are_tried_and_nine_are_refused() {
    // BCL-74, BCL-172
    let key = Key::new();
    let token = key.sign("{}");
    let with = |others: usize| {
        let mut keys: Vec<_> = (0..others)
            .map(|n| Key::new().named(&n.to_string()))
            .collect();
        keys.push(key.jwk(""));
        set(&keys)
    };
    assert_eq!(verify(&with(0), &token), (Ok(()), 1));
    assert_eq!(verify(&with(2), &token), (Ok(()), 3));
    assert_eq!(verify(&with(7), &token), (Ok(()), 8));
    assert_eq!(verify(&with(8), &token), (Err(Refusal::AmbiguousKey), 0));
    assert_eq!(verify(&set(&[]), &token), (Err(Refusal::UnknownKey), 0));
}

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
fn a_secret_and_published_keys_never_stand_in_for_each_other() {
    // BCL-41
    let key = Key::new();
    let token = key.sign(r#"{"kid":"a"}"#);
    let keys = set(&[key.named("a")]);
    let secret = ClientSecret::parse("s".repeat(64)).unwrap();
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let with_set = verify_with(Keys::Public(&keys), &token, algorithm);
        assert_eq!(with_set, (Err(Refusal::UnusableKey), 0));
    }
    let with_secret = verify_with(Keys::Secret(&secret), &token, Algorithm::EdDsa);
    assert_eq!(with_secret, (Err(Refusal::UnusableKey), 0));
}

#[test]
fn the_mac_key_is_the_bytes_of_the_secret() {
    // BCL-85
    let text = "é".repeat(40);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA512, text.as_bytes());
    let input = format!("{}.e30", b64("{}"));
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    let secret = ClientSecret::parse(&text).unwrap();
    let verdict = |tag: &[u8]| {
        let token = format!("{input}.{}", b64(tag));
        verify_with(Keys::Secret(&secret), &token, Algorithm::Hs512)
    };
    assert_eq!(verdict(tag.as_ref()), (Ok(()), 1));
    assert_eq!(
        verdict(&tag.as_ref()[..32]),
        (Err(Refusal::BadSignature), 1)
    );
    assert_eq!(verdict(b""), (Err(Refusal::BadSignature), 1));
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
