//! Which key may verify which token, and at what cost.

use std::sync::OnceLock;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

mod key_set;

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
