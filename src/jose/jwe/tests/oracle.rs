//! josekit as an independent encrypter: what it encrypts, we decrypt.

use super::*;

use ::josekit::jwe::alg::aeskw::AeskwJweAlgorithm;
use ::josekit::jwe::{self, Dir, JweEncrypter, JweHeader};
use ::josekit::jwk::alg::ec::EcCurve;
use ::josekit::jwk::alg::ecx::EcxCurve;
use ::josekit::jwk::{Jwk, JwkSet};

const INNER: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUifQ.c2lnbmF0dXJl";

fn header(enc: &str) -> JweHeader {
    let mut header = JweHeader::new();
    header.set_content_encryption(enc);
    header.set_content_type("JWT");
    header
}

fn encrypt(header: &JweHeader, encrypter: &dyn JweEncrypter) -> String {
    jwe::serialize_compact(INNER.as_bytes(), header, encrypter).unwrap()
}

/// The token, and ten changed ones: one byte in each segment behind the header, first and last.
fn check(token: &str, keys: &DecryptionKeys, what: &str) {
    assert_eq!(decrypt(token, keys).as_deref(), Ok(INNER), "{what}");
    let segments: Vec<_> = token.split('.').collect();
    for number in 1..5 {
        let bytes = URL_SAFE_NO_PAD.decode(segments[number]).unwrap();
        if bytes.is_empty() {
            continue;
        }
        for index in [0, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[index] ^= 0x80;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            let mut segments = segments.clone();
            segments[number] = &changed;
            assert_eq!(
                decrypt(&segments.join("."), keys),
                Err(Refusal::DecryptionFailed),
                "{what}, segment {number}"
            );
        }
    }
}

#[test]
fn every_changed_byte_of_a_wrapped_content_key_gives_the_same_refusal() {
    // BCL-62
    let key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    let keys = DecryptionKeys::try_from(&key).unwrap();
    for algorithm in [
        jwe::ECDH_ES_A128KW,
        jwe::ECDH_ES_A192KW,
        jwe::ECDH_ES_A256KW,
    ] {
        let encrypter = algorithm.encrypter_from_jwk(&key).unwrap();
        let token = encrypt(&header("A256CBC-HS512"), &encrypter);
        let segments: Vec<_> = token.split('.').collect();
        let wrapped = URL_SAFE_NO_PAD.decode(segments[1]).unwrap();
        assert_eq!(wrapped.len(), 72);
        for index in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[index] ^= 0x10;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            let mut segments = segments.clone();
            segments[1] = &changed;
            assert_eq!(
                decrypt(&segments.join("."), &keys),
                Err(Refusal::DecryptionFailed),
                "{index}"
            );
        }
    }
}

#[test]
fn every_rsa_pair_is_decrypted() {
    // BCL-62
    for bits in [2048, 3072] {
        let key = Jwk::generate_rsa_key(bits).unwrap();
        let keys = DecryptionKeys::try_from(&key).unwrap();
        for enc in ContentEncryption::DEFAULT {
            for algorithm in [jwe::RSA_OAEP, jwe::RSA_OAEP_256] {
                let encrypter = algorithm.encrypter_from_jwk(&key).unwrap();
                let token = encrypt(&header(enc.as_str()), &encrypter);
                check(&token, &keys, &format!("{algorithm:?} {enc} {bits}"));
            }
        }
    }
}

#[test]
fn every_agreement_pair_is_decrypted_on_every_curve() {
    // BCL-62
    let curves = [
        Jwk::generate_ec_key(EcCurve::P256).unwrap(),
        Jwk::generate_ec_key(EcCurve::P384).unwrap(),
        Jwk::generate_ec_key(EcCurve::P521).unwrap(),
        Jwk::generate_ecx_key(EcxCurve::X25519).unwrap(),
    ];
    for key in curves {
        let keys = DecryptionKeys::try_from(&key).unwrap();
        for enc in ContentEncryption::DEFAULT {
            for algorithm in [
                jwe::ECDH_ES,
                jwe::ECDH_ES_A128KW,
                jwe::ECDH_ES_A192KW,
                jwe::ECDH_ES_A256KW,
            ] {
                let what = format!("{algorithm:?} {enc} {:?}", key.curve());
                let encrypter = algorithm.encrypter_from_jwk(&key).unwrap();
                check(&encrypt(&header(enc.as_str()), &encrypter), &keys, &what);
                let mut with_parties = header(enc.as_str());
                with_parties.set_agreement_partyuinfo(b"Alice");
                with_parties.set_agreement_partyvinfo(b"Bob");
                check(&encrypt(&with_parties, &encrypter), &keys, &what);
            }
        }
    }
}

#[test]
fn a_shared_key_is_used_directly_and_for_wrapping_where_that_is_allowed() {
    // BCL-62
    for enc in ContentEncryption::DEFAULT {
        let length = u8::try_from(enc.key_len()).unwrap();
        let key = Jwk::generate_oct_key(length).unwrap();
        let encrypter = Dir.encrypter_from_jwk(&key).unwrap();
        let token = encrypt(&header(enc.as_str()), &encrypter);
        check(
            &token,
            &DecryptionKeys::try_from(&key).unwrap(),
            enc.as_str(),
        );

        for (length, algorithm, own) in [
            (16, AeskwJweAlgorithm::A128kw, KeyManagement::A128Kw),
            (24, AeskwJweAlgorithm::A192kw, KeyManagement::A192Kw),
            (32, AeskwJweAlgorithm::A256kw, KeyManagement::A256Kw),
        ] {
            let key = Jwk::generate_oct_key(length).unwrap();
            let encrypter = algorithm.encrypter_from_jwk(&key).unwrap();
            let token = encrypt(&header(enc.as_str()), &encrypter);
            let builder = DecryptionKeys::builder().with_josekit_key(&key);
            let keys = builder.with_algorithms([own]).build().unwrap();
            check(&token, &keys, own.as_str());
        }
    }
}

#[test]
fn keys_are_derived_from_the_client_secret() {
    // Core 10.2
    use aws_lc_rs::digest::{SHA256, SHA512, digest};
    let secret = "a-client-secret-that-is-long-enough";
    let keys = DecryptionKeys::builder().with_client_secret(secret);
    let keys = keys.build().unwrap();
    for enc in ContentEncryption::DEFAULT {
        let algorithm = if enc.key_len() > 32 { &SHA512 } else { &SHA256 };
        let hash = digest(algorithm, secret.as_bytes());
        let encrypter = Dir
            .encrypter_from_bytes(&hash.as_ref()[..enc.key_len()])
            .unwrap();
        check(
            &encrypt(&header(enc.as_str()), &encrypter),
            &keys,
            enc.as_str(),
        );
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_inflated() {
    // BCL-62
    let key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    let keys = DecryptionKeys::try_from(&key).unwrap();
    let encrypter = jwe::ECDH_ES.encrypter_from_jwk(&key).unwrap();
    let mut zipped = header("A256GCM");
    zipped.set_compression("DEF");
    let bomb = jwe::serialize_compact(&vec![b'a'; 16 << 20], &zipped, &encrypter).unwrap();
    assert!(bomb.len() < MAX_TOKEN_BYTES, "{}", bomb.len());
    assert_eq!(decrypt(&bomb, &keys), Err(Refusal::JweNotAllowed));
}

#[test]
fn rsa1_5_and_pbes2_are_refused_although_the_key_would_do() {
    // BCL-62
    let key = Jwk::generate_rsa_key(2048).unwrap();
    let keys = DecryptionKeys::try_from(&key).unwrap();
    #[expect(deprecated, reason = "that is the point")]
    let encrypter = jwe::RSA1_5.encrypter_from_jwk(&key).unwrap();
    let token = encrypt(&header("A256GCM"), &encrypter);
    assert_eq!(decrypt(&token, &keys), Err(Refusal::JweNotAllowed));

    let key = Jwk::generate_oct_key(32).unwrap();
    let keys = DecryptionKeys::try_from(&key).unwrap();
    let encrypter = jwe::PBES2_HS256_A128KW.encrypter_from_jwk(&key).unwrap();
    let token = encrypt(&header("A256GCM"), &encrypter);
    assert_eq!(decrypt(&token, &keys), Err(Refusal::JweNotAllowed));
}

#[test]
fn without_a_kid_each_fitting_key_of_a_set_is_tried() {
    // BCL-74
    let mut set = JwkSet::new();
    for _ in 0..8 {
        set.push_key(Jwk::generate_ec_key(EcCurve::P256).unwrap());
    }
    set.push_key(Jwk::generate_rsa_key(2048).unwrap());
    let keys = DecryptionKeys::try_from(&set).unwrap();
    for key in set.keys().into_iter().take(8) {
        let encrypter = jwe::ECDH_ES_A128KW.encrypter_from_jwk(key).unwrap();
        check(
            &encrypt(&header("A128GCM"), &encrypter),
            &keys,
            "one of eight",
        );
    }
}

#[test]
fn a_content_key_of_another_length_is_a_failure_like_any_other() {
    // BCL-62: the wrapped key has 16 bytes, the content asks for 32
    let key = Jwk::generate_rsa_key(2048).unwrap();
    let keys = DecryptionKeys::try_from(&key).unwrap();
    let encrypter = jwe::RSA_OAEP_256.encrypter_from_jwk(&key).unwrap();
    let short = encrypt(&header("A128GCM"), &encrypter);
    let long = encrypt(&header("A256GCM"), &encrypter);
    let mut mixed: Vec<_> = long.split('.').collect();
    mixed[1] = short.split('.').nth(1).unwrap();
    assert_eq!(
        decrypt(&mixed.join("."), &keys),
        Err(Refusal::DecryptionFailed)
    );
}
