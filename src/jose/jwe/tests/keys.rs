//! Which keys and which limits are taken, and what a configuration that cannot work says.

use super::*;

const RSA: usize = 0;
const EC: usize = 1;
const DIR: usize = 2;

fn built(set: &Value) -> Result<DecryptionKeys, crate::config::ConfigError> {
    DecryptionKeys::parse(set.to_string().as_bytes())
}

/// The set with this key alone, changed.
fn changed(index: usize, change: impl FnOnce(&mut Value)) -> Value {
    let mut key = private_set()["keys"][index].clone();
    change(&mut key);
    json!({ "keys": [key] })
}

fn problem(set: &Value) -> String {
    let error = built(set).unwrap_err();
    assert_eq!(error.field(), "decryption_keys");
    error.to_string()
}

#[test]
fn a_set_is_an_object_with_keys() {
    for bad in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[{"use":"enc"}]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA","k":"AA"}]}"#,
    ] {
        let error = DecryptionKeys::parse(bad.as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("not a JWK set"),
            "{bad}: {error}"
        );
    }
}

#[test]
fn a_set_without_a_key_for_any_allowed_algorithm_is_refused() {
    assert!(problem(&json!({ "keys": [] })).contains("no private key"));
    for other in [
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "d": "AA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44"}),
    ] {
        assert!(problem(&json!({ "keys": [other] })).contains("no private key"));
    }
    let error = DecryptionKeys::builder()
        .with_jwk_set(changed(EC, |_| {}).to_string().as_bytes())
        .with_algorithms([KeyManagement::Dir])
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "decryption_keys");
}

#[test]
fn a_symmetric_key_of_a_wrapping_length_serves_no_agreement() {
    // BCL-62, RFC 7518 4.6: there the wrapping key is agreed on, never shared.
    for (length, alone) in [
        (16, KeyManagement::EcdhEsA128Kw),
        (24, KeyManagement::EcdhEsA192Kw),
        (32, KeyManagement::EcdhEsA256Kw),
    ] {
        let k = URL_SAFE_NO_PAD.encode(vec![7; length]);
        let set = json!({ "keys": [{ "kty": "oct", "k": k }] });
        let builder = DecryptionKeys::builder()
            .with_jwk_set(set.to_string().as_bytes())
            .with_algorithms([alone]);
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains("no private key"), "{error}");
    }
}

#[test]
fn keys_that_are_not_for_decryption_are_left_out() {
    // RFC 7517 4.2, 4.3, 4.4
    for (member, value) in [
        ("use", json!("sig")),
        ("use", json!("")),
        ("key_ops", json!([])),
        ("key_ops", json!(["sign"])),
        ("alg", json!("RS256")),
        ("alg", json!("RSA1_5")),
    ] {
        let set = changed(RSA, |key| key[member] = value.clone());
        assert!(problem(&set).contains("no private key"), "{member} {value}");
    }
    for (member, value) in [
        ("use", Value::Null),
        ("key_ops", json!(["sign", "decrypt"])),
        ("key_ops", json!(["unwrapKey"])),
        ("alg", json!("RSA-OAEP")),
    ] {
        assert!(built(&changed(RSA, |key| key[member] = value.clone())).is_ok());
    }
}

#[test]
fn a_key_that_names_an_algorithm_is_used_with_no_other() {
    // RFC 7517 4.4
    let token = token("rsa_oaep_256_a256gcm_valid");
    let same = built(&changed(RSA, |key| key["alg"] = json!("RSA-OAEP-256"))).unwrap();
    assert!(decrypt(&token, &same).is_ok());
    let other = built(&changed(RSA, |key| key["alg"] = json!("RSA-OAEP"))).unwrap();
    assert_eq!(decrypt(&token, &other), Err(Refusal::DecryptionFailed));
}

#[test]
fn a_public_key_is_a_mistake_that_is_named() {
    for index in [RSA, EC, DIR] {
        let set = changed(index, |key| {
            let key = key.as_object_mut().unwrap();
            key.remove("d");
            key.remove("k");
        });
        assert!(problem(&set).contains("private part"), "{index}");
    }
}

#[test]
fn an_rsa_key_needs_all_its_numbers() {
    for member in ["p", "q", "dp", "dq", "qi"] {
        let set = changed(RSA, |key| drop(key.as_object_mut().unwrap().remove(member)));
        assert!(problem(&set).contains("without p, q, dp, dq and qi"));
    }
    let set = changed(RSA, |key| key["oth"] = json!([]));
    assert!(problem(&set).contains("more than two primes"));
    for member in ["n", "e"] {
        let set = changed(RSA, |key| drop(key.as_object_mut().unwrap().remove(member)));
        assert!(problem(&set).contains("public member"));
    }
}

#[test]
fn the_numbers_of_an_rsa_key_have_to_fit_together() {
    for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let set = changed(RSA, |key| {
            let mut bytes = URL_SAFE_NO_PAD
                .decode(key[member].as_str().unwrap())
                .unwrap();
            *bytes.last_mut().unwrap() ^= 2;
            key[member] = json!(URL_SAFE_NO_PAD.encode(bytes));
        });
        assert!(problem(&set).contains("do not fit together"), "{member}");
    }
    for value in ["", "AA", "AQ", "====", "A"] {
        let set = changed(RSA, |key| key["d"] = json!(value));
        assert!(built(&set).is_err(), "{value}");
    }
}

#[test]
fn leading_zeros_of_rsa_numbers_do_no_harm() {
    let set = changed(RSA, |key| {
        for member in ["n", "d", "p", "q", "dp", "dq", "qi"] {
            let bytes = URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap());
            key[member] = json!(URL_SAFE_NO_PAD.encode([vec![0], bytes.unwrap()].concat()));
        }
    });
    assert!(decrypt(&token("rsa_oaep_a256gcm_valid"), &built(&set).unwrap()).is_ok());
}

#[test]
fn the_parts_of_an_elliptic_curve_key_have_to_fit_together() {
    for member in ["d", "x", "y"] {
        for value in ["", "AA", "c_KEuybMXM0P3KG1ATEiBhrWpIVnOY0ax4JcxsvKSzY"] {
            let set = changed(EC, |key| key[member] = json!(value));
            assert!(problem(&set).contains("elliptic curve"), "{member} {value}");
        }
    }
    let set = changed(EC, |key| key["crv"] = json!("P-384"));
    assert!(problem(&set).contains("elliptic curve"));
}

#[test]
fn a_symmetric_key_has_a_length_that_an_algorithm_uses() {
    for length in 0..80 {
        let k = URL_SAFE_NO_PAD.encode(vec![7; length]);
        let set = changed(DIR, |key| key["k"] = json!(k));
        assert_eq!(
            built(&set).is_ok(),
            [16, 24, 32, 64].contains(&length),
            "{length}"
        );
    }
}

#[test]
fn empty_lists_are_refused_by_name() {
    let set = private_set().to_string();
    let builder = DecryptionKeys::builder().with_jwk_set(set.as_bytes());
    let error = builder.clone().with_algorithms([]).build().unwrap_err();
    assert_eq!(error.field(), "algorithms");
    let error = builder.with_encryptions([]).build().unwrap_err();
    assert_eq!(error.field(), "encryptions");
}

#[test]
fn at_most_eight_keys_can_be_meant() {
    // BCL-74
    let one = private_set()["keys"][EC].clone();
    assert!(built(&json!({ "keys": vec![one.clone(); 8] })).is_ok());
    assert!(problem(&json!({ "keys": vec![one; 9] })).contains("more than 8"));
}

#[test]
fn shared_keys_of_a_length_that_the_content_does_not_use_are_not_counted() {
    // BCL-74
    let shorter = |byte: u8| {
        let k = URL_SAFE_NO_PAD.encode([byte; 16]);
        json!({ "kty": "oct", "kid": "rp-dir", "k": k })
    };
    let eight: Vec<_> = (0..8).map(shorter).collect();
    let others = built(&json!({ "keys": eight })).unwrap();
    let opened = Opened::with(&token("dir_a256gcm_valid"), [&others, &keys()]);
    assert!(opened.is_ok(), "only the one of 32 bytes was meant");
}

#[test]
fn the_list_narrows_what_is_decrypted() {
    // BCL-62
    let set = private_set().to_string();
    let builder = DecryptionKeys::builder().with_jwk_set(set.as_bytes());
    let token = token("rsa_oaep_a256gcm_valid");
    let other = builder.clone().with_algorithms([KeyManagement::RsaOaep256]);
    assert_eq!(
        decrypt(&token, &other.build().unwrap()),
        Err(Refusal::JweNotAllowed)
    );
    let other = builder
        .clone()
        .with_encryptions([ContentEncryption::A128Gcm]);
    assert_eq!(
        decrypt(&token, &other.build().unwrap()),
        Err(Refusal::JweNotAllowed)
    );
    let same = builder
        .with_algorithms([KeyManagement::RsaOaep])
        .with_encryptions([ContentEncryption::A256Gcm]);
    assert!(decrypt(&token, &same.build().unwrap()).is_ok());
}

#[test]
fn a_short_client_secret_is_refused() {
    // Core 16.19
    let with = |secret: &str| DecryptionKeys::builder().with_client_secret(secret).build();
    let error = with(&"s".repeat(31)).unwrap_err();
    assert_eq!(error.field(), "client_secret");
    assert!(with(&"s".repeat(32)).is_ok());
}

#[test]
fn debug_shows_no_key() {
    // BCL-170
    let builder = DecryptionKeys::builder()
        .with_jwk_set(private_set().to_string().as_bytes())
        .with_client_secret("marker-marker-marker-marker-marker");
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(shown.starts_with("DecryptionKeysBuilder { algorithms: [RsaOaep256, "));
    assert!(
        shown.contains("DecryptionKeys { keys: 7, algorithms: ["),
        "{shown}"
    );
    for secret in [
        "marker", "rPwjGa7G", "c_KEuybM", "XdomNN", "rp-rsa", "109, 97",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
