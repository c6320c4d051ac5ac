//! What is decrypted and what is not, over the tokens of `tests/vectors/jwe.json`.

use std::sync::OnceLock;

use super::*;

mod header;
mod keys;
#[cfg(feature = "josekit")]
mod oracle;
mod rfc7516;

use proptest::prelude::*;
use serde_json::{Value, json};

/// A private set with an RSA key (`rp-rsa`), one on P-256 (`rp-ec`) and a symmetric one of 32 bytes (`rp-dir`).
fn vectors() -> &'static Value {
    static VECTORS: OnceLock<Value> = OnceLock::new();
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/jwe.json"
    ));
    VECTORS.get_or_init(|| serde_json::from_str(text).unwrap())
}

fn private_set() -> Value {
    vectors()["policy"]["decryption_keys"].clone()
}

/// Read once: an RSA key takes a while to check.
fn keys() -> DecryptionKeys {
    static KEYS: OnceLock<DecryptionKeys> = OnceLock::new();
    let parse = || DecryptionKeys::parse(private_set().to_string().as_bytes()).unwrap();
    KEYS.get_or_init(parse).clone()
}

fn token(id: &str) -> String {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == id).unwrap();
    case["token"].as_str().unwrap().to_owned()
}

fn names<T: Copy>(list: &Value, parse: fn(&str) -> Option<T>) -> Vec<T> {
    let list = list.as_array().unwrap().iter();
    list.map(|name| parse(name.as_str().unwrap()).unwrap())
        .collect()
}

/// What is inside, as far as these keys alone can tell.
fn decrypt(token: &str, keys: &DecryptionKeys) -> Result<String, Refusal> {
    Opened::with(token, [keys]).map(Opened::into_signed)
}

fn configured(policy: &Value) -> DecryptionKeys {
    DecryptionKeys::builder()
        .with_jwk_set(policy["decryption_keys"].to_string().as_bytes())
        .with_algorithms(names(&policy["jwe_algorithms"], KeyManagement::parse))
        .with_encryptions(names(&policy["jwe_encryptions"], ContentEncryption::parse))
        .build()
        .unwrap()
}

#[test]
fn every_vector_about_encryption_has_its_verdict() {
    // BCL-60, BCL-62
    let vectors = vectors();
    let mut judged = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let policy = case.get("policy").unwrap_or(&vectors["policy"]);
        let token = case["token"].as_str().unwrap();
        if policy.get("decryption_keys").is_none() || token.matches('.').count() == 2 {
            continue; // whether encryption is configured or required is not decided here
        }
        judged += 1;
        let expect = &case["expect"];
        let reasons: Vec<_> = std::iter::once(&expect["reason"])
            .chain(expect["or"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        let about_encryption = reasons.iter().any(|reason| {
            [
                "malformed",
                "decryption_failed",
                "jwe_not_allowed",
                "not_nested",
                "unsupported_crit",
            ]
            .contains(reason)
        });
        match decrypt(token, &configured(policy)) {
            Ok(inner) => {
                assert_eq!(inner.matches('.').count(), 2, "{}", case["id"]);
                assert!(
                    expect["result"] != "refuse" || !about_encryption,
                    "{} was decrypted",
                    case["id"]
                );
            }
            Err(refusal) => {
                assert_ne!(expect["result"], "accept", "{}: {refusal:?}", case["id"]);
                // The main reason, not one of the alternatives.
                assert_eq!(expect["reason"], refusal.code(), "{}", case["id"]);
            }
        }
    }
    assert_eq!(judged, 47);
}

#[test]
fn a_token_has_exactly_five_segments_of_canonical_base64url() {
    // BCL-50
    let good = token("dir_a256gcm_valid");
    let keys = keys();
    assert!(decrypt(&good, &keys).is_ok());
    let (head, tag) = good.rsplit_once('.').unwrap();
    // The last character of a 16-byte value carries four spare bits: another spelling of the same bytes.
    let last = tag.chars().next_back().unwrap();
    let respelled = match last {
        'A' => 'B',
        'Q' => 'R',
        'g' => 'h',
        _ => 'x',
    };
    for bad in [
        String::new(),
        ".".to_owned(),
        "....".to_owned(),
        ".....".to_owned(),
        head.to_owned(),
        format!("{good}."),
        format!("{good}.AA"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}=="),
        good.replacen('-', "+", 1).replacen('_', "/", 1),
        format!("{head}.{}{respelled}", &tag[..tag.len() - 1]),
        format!("{{\"ciphertext\":\"{good}\"}}"),
    ] {
        assert_eq!(decrypt(&bad, &keys), Err(Refusal::Malformed), "{bad}");
    }
}

#[test]
fn the_size_is_bounded_on_both_sides() {
    // BCL-06, BCL-173
    let keys = keys();
    let exact = "A".repeat(MAX_TOKEN_BYTES);
    assert_eq!(decrypt(&exact, &keys), Err(Refusal::Malformed));
    assert_eq!(decrypt(&(exact + "A"), &keys), Err(Refusal::TooLarge));
}

#[test]
fn every_changed_byte_behind_the_header_gives_the_same_refusal() {
    // BCL-62
    let keys = keys();
    for id in [
        "rsa_oaep_a128cbc_hs256_valid",
        "rsa_oaep_256_a256gcm_valid",
        "ecdh_es_a128cbc_hs256_valid",
        "dir_a128cbc_hs256_valid",
        "dir_a256gcm_valid",
    ] {
        let good = token(id);
        assert!(decrypt(&good, &keys).is_ok(), "{id}");
        let segments: Vec<_> = good.split('.').collect();
        for number in 1..5 {
            let bytes = URL_SAFE_NO_PAD.decode(segments[number]).unwrap();
            for index in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[index] ^= 0x01;
                let changed = URL_SAFE_NO_PAD.encode(changed);
                let mut segments = segments.clone();
                segments[number] = &changed;
                assert_eq!(
                    decrypt(&segments.join("."), &keys),
                    Err(Refusal::DecryptionFailed),
                    "{id}: byte {index} of segment {number}"
                );
            }
        }
    }
}

#[test]
fn no_changed_character_of_the_header_is_accepted() {
    // BCL-62
    let keys = keys();
    for id in ["ecdh_es_a256gcm_valid", "dir_a128cbc_hs256_valid"] {
        let good = token(id);
        let end = good.find('.').unwrap();
        for index in 0..end {
            let mut changed = good.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let refusal = decrypt(&changed, &keys).unwrap_err();
            assert!(
                [
                    Refusal::DecryptionFailed,
                    Refusal::Malformed,
                    Refusal::JweNotAllowed,
                    Refusal::NotNested,
                    Refusal::DuplicateMember,
                ]
                .contains(&refusal),
                "{refusal:?}"
            );
        }
    }
}

#[test]
fn a_padding_oracle_learns_nothing_from_all_256_last_bytes() {
    // BCL-62
    let keys = keys();
    for id in ["rsa_oaep_a128cbc_hs256_valid", "dir_a128cbc_hs256_valid"] {
        let good = token(id);
        let segments: Vec<_> = good.split('.').collect();
        let bytes = URL_SAFE_NO_PAD.decode(segments[3]).unwrap();
        let index = bytes.len() - 17; // the last byte of the block before the last
        let mut opened = 0;
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[index] = value;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            let mut segments = segments.clone();
            segments[3] = &changed;
            match decrypt(&segments.join("."), &keys) {
                Ok(_) => opened += 1,
                Err(refusal) => assert_eq!(refusal, Refusal::DecryptionFailed),
            }
        }
        assert_eq!(opened, 1, "only the token itself");
    }
}

#[test]
fn with_a_kid_only_keys_of_exactly_that_name_are_tried() {
    // BCL-62, BCL-73
    let mut set = private_set();
    set["keys"][2]["kid"] = json!("RP-DIR");
    let renamed = DecryptionKeys::parse(set.to_string().as_bytes()).unwrap();
    let token = token("dir_a256gcm_valid");
    assert_eq!(decrypt(&token, &renamed), Err(Refusal::DecryptionFailed));
    // Two keys of one name: each is tried.
    let mut other = set["keys"][2].clone();
    other["k"] = json!("rPwjGa7GzC8Ow1tIsJoyuk8hX4LRC2Iprbs9n0C7zSk");
    other["kid"] = json!("rp-dir");
    set["keys"][2]["kid"] = json!("rp-dir");
    set["keys"].as_array_mut().unwrap().insert(0, other);
    let doubled = DecryptionKeys::parse(set.to_string().as_bytes()).unwrap();
    assert!(decrypt(&token, &doubled).is_ok());
}

#[test]
fn what_was_encrypted_has_to_look_like_a_signed_token() {
    // BCL-62
    for good in ["a.b.c", "a.b.", "A-_9.b.c"] {
        assert!(looks_signed(good), "{good}");
    }
    for bad in [
        "",
        ".",
        "..",
        "a..c",
        ".b.c",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "{}",
        "a.b.c=",
        "a.b.c\n",
        "a b.c.d",
        "ä.b.c",
    ] {
        assert!(!looks_signed(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_is_decrypted_or_leads_to_a_panic(text in ".{0,200}") {
        // BCL-173
        prop_assert!(decrypt(&text, &keys()).is_err());
    }

    #[test]
    fn no_bytes_behind_a_good_header_are_decrypted_or_lead_to_a_panic(
        header in 0..6_usize,
        key in prop::collection::vec(any::<u8>(), 0..300),
        iv in prop::collection::vec(any::<u8>(), 0..20),
        ciphertext in prop::collection::vec(any::<u8>(), 0..80),
        tag in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // BCL-173
        let epk = r#""epk":{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}"#;
        let header = [
            r#"{"alg":"dir","enc":"A256GCM"}"#.to_owned(),
            r#"{"alg":"dir","enc":"A128CBC-HS256"}"#.to_owned(),
            r#"{"alg":"RSA-OAEP","enc":"A128CBC-HS256"}"#.to_owned(),
            format!(r#"{{"alg":"ECDH-ES","enc":"A256CBC-HS512",{epk}}}"#),
            format!(r#"{{"alg":"ECDH-ES+A128KW","enc":"A128GCM",{epk}}}"#),
            format!(r#"{{"alg":"ECDH-ES+A192KW","enc":"A256CBC-HS512",{epk}}}"#),
        ][header].clone();
        let segments = [header.into_bytes(), key, iv, ciphertext, tag];
        let token = segments.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).join(".");
        prop_assert_eq!(decrypt(&token, &keys()), Err(Refusal::DecryptionFailed));
    }
}
