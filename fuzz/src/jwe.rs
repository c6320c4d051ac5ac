//! Any text as an encrypted token, any header of one that is sealed rightly, and anything sealed.

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use tower_backchannel_logout::jose::jwe::DecryptionKeys;
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::token::Expectation;

use super::oracle::Json;
use super::subject::{self, base64url};

const KEY: [u8; 16] = [7; 16];
const HEADER: &str = r#"{"alg":"dir","enc":"A128GCM","cty":"JWT"}"#;
/// The key pair of RFC 7517 A.2 next to the shared key, so that key agreements are tried too.
const KEYS: &str = r#"{"keys":[
    {"kty":"oct","kid":"shared","k":"BwcHBwcHBwcHBwcHBwcHBw"},
    {"kty":"EC","crv":"P-256","kid":"own","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}
]}"#;

/// `header:` and `plain:` in front of the input choose what it becomes; otherwise it is the token itself.
pub fn check(data: &[u8]) {
    if let Some(header) = data.strip_prefix(b"header:") {
        let token = seal(header, subject::good_token().as_bytes());
        let good = token.len() <= 64 * 1024 && header_is_good(header);
        assert_eq!(accepted(&token), good, "{header:?}");
    } else if let Some(plain) = data.strip_prefix(b"plain:") {
        let good = plain == subject::good_token().as_bytes();
        let accepted = accepted(&seal(HEADER.as_bytes(), plain));
        assert_eq!(accepted, good, "{plain:?}");
    } else if let Ok(token) = std::str::from_utf8(data) {
        let good = token == seal(HEADER.as_bytes(), subject::good_token().as_bytes());
        assert_eq!(accepted(token), good, "{token}");
    }
}

fn accepted(token: &str) -> bool {
    static EXPECTATION: OnceLock<Expectation> = OnceLock::new();
    let expectation = EXPECTATION.get_or_init(|| {
        let keys = DecryptionKeys::parse(KEYS.as_bytes()).expect("keys");
        subject::expectation().with_decryption_keys(keys, true)
    });
    match expectation.verify(token, subject::NOW) {
        Ok(_) => true,
        Err(refusal) => {
            assert!(Refusal::ALL.contains(&refusal));
            false
        }
    }
}

/// Encrypts under the shared key. The nonce is always the same one: these tokens keep no secret.
fn seal(header: &[u8], plain: &[u8]) -> String {
    static SHARED: OnceLock<LessSafeKey> = OnceLock::new();
    let key = SHARED
        .get_or_init(|| LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &KEY).expect("16 bytes")));
    let protected = base64url(header);
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([9; 12]);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(protected.as_bytes()), &mut sealed)
        .expect("short enough");
    let (iv, sealed, tag) = (base64url([9; 12]), base64url(sealed), base64url(tag));
    format!("{protected}..{iv}.{sealed}.{tag}")
}

fn header_is_good(header: &[u8]) -> bool {
    let Some(header) = Json::parse(header) else {
        return false;
    };
    let says = |name: &str, text: &str| header.member(name).is_some_and(|value| value.is(text));
    let names_a_token = |cty: &Json| {
        cty.text().is_some_and(|cty| {
            let cty = cty.to_ascii_lowercase();
            ["jwt", "logout+jwt"].contains(&cty.strip_prefix("application/").unwrap_or(&cty))
        })
    };
    header.is_proper_object()
        && header.member("typ").is_none_or(|typ| typ.text().is_some())
        && header.member("cty").is_none_or(names_a_token)
        && says("alg", "dir")
        && says("enc", "A128GCM")
        && header.member("kid").is_none_or(|kid| kid.is("shared"))
        && !["crit", "b64", "zip"].iter().any(|name| header.has(name))
}
