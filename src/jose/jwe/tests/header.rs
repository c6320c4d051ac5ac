//! The header: refused before any key is touched.

use super::*;

/// A token with this header whose other segments are never reached.
fn with_header(header: &str) -> String {
    format!("{}.AA.AA.AA.AA", URL_SAFE_NO_PAD.encode(header))
}

fn refusal_of_header(header: &str) -> Refusal {
    decrypt(&with_header(header), &keys()).unwrap_err()
}

#[test]
fn the_header_is_one_json_object() {
    // BCL-51
    for header in [
        "",
        " ",
        "[]",
        "null",
        "\"alg\"",
        "{",
        "{}{}",
        "{\"alg\":\"dir\",}",
        "\u{feff}{\"alg\":\"dir\",\"enc\":\"A256GCM\"}",
        &"[".repeat(8_000),
        &"{\"a\":".repeat(8_000),
    ] {
        assert_eq!(refusal_of_header(header), Refusal::Malformed, "{header}");
    }
    let not_utf8 = URL_SAFE_NO_PAD.encode(b"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"x\":\"\xff\"}");
    let token = format!("{not_utf8}.AA.AA.AA.AA");
    assert_eq!(decrypt(&token, &keys()), Err(Refusal::Malformed));
}

#[test]
fn a_repeated_member_is_refused_in_any_spelling_and_in_the_ephemeral_key_too() {
    // BCL-51
    for header in [
        r#"{"alg":"dir","enc":"A256GCM","alg":"dir"}"#,
        r#"{"alg":"dir","enc":"A256GCM","\u0061lg":"RSA1_5"}"#,
        r#"{"alg":"dir","enc":"A256GCM","other":1,"other":1}"#,
        r#"{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","kty":"EC"}}"#,
    ] {
        assert_eq!(
            refusal_of_header(header),
            Refusal::DuplicateMember,
            "{header}"
        );
    }
}

#[test]
fn crit_and_b64_are_refused_whatever_their_value() {
    // BCL-54
    for member in ["crit", "b64"] {
        for value in ["[]", "[\"exp\"]", "null", "\"\"", "true", "{}"] {
            let header = format!(r#"{{"alg":"dir","enc":"A256GCM","{member}":{value}}}"#);
            assert_eq!(
                refusal_of_header(&header),
                Refusal::UnsupportedCrit,
                "{header}"
            );
        }
    }
}

#[test]
fn zip_is_refused_whatever_its_value() {
    // BCL-62
    for value in ["\"DEF\"", "\"def\"", "\"\"", "null", "1", "[]"] {
        let header = format!(r#"{{"alg":"dir","enc":"A256GCM","zip":{value}}}"#);
        assert_eq!(
            refusal_of_header(&header),
            Refusal::JweNotAllowed,
            "{header}"
        );
    }
}

#[test]
fn only_allowed_algorithms_come_as_far_as_a_key() {
    // BCL-62
    for (alg, enc) in [
        ("\"RSA1_5\"", "\"A256GCM\""),
        ("\"PBES2-HS256+A128KW\"", "\"A256GCM\""),
        ("\"A256KW\"", "\"A256GCM\""),
        ("\"A256GCMKW\"", "\"A256GCM\""),
        ("\"RSA-OAEP-512\"", "\"A256GCM\""),
        ("\"rsa-oaep\"", "\"A256GCM\""),
        ("\"none\"", "\"A256GCM\""),
        ("\"\"", "\"A256GCM\""),
        ("null", "\"A256GCM\""),
        ("5", "\"A256GCM\""),
        ("[\"dir\"]", "\"A256GCM\""),
        ("\"dir\"", "\"A192GCM\""),
        ("\"dir\"", "\"A128CBC\""),
        ("\"dir\"", "null"),
        ("\"dir\"", "5"),
    ] {
        let header = format!(r#"{{"alg":{alg},"enc":{enc}}}"#);
        assert_eq!(
            refusal_of_header(&header),
            Refusal::JweNotAllowed,
            "{header}"
        );
    }
    for header in [r#"{"alg":"dir"}"#, r#"{"enc":"A256GCM"}"#, "{}"] {
        assert_eq!(
            refusal_of_header(header),
            Refusal::JweNotAllowed,
            "{header}"
        );
    }
}

#[test]
fn members_of_a_type_that_they_cannot_have_are_refused() {
    // BCL-56
    for member in ["kid", "cty", "typ"] {
        for value in ["1", "null", "[]", "{}", "true"] {
            let header = format!(r#"{{"alg":"dir","enc":"A256GCM","{member}":{value}}}"#);
            assert_eq!(refusal_of_header(&header), Refusal::Malformed, "{header}");
        }
    }
    let ecdh =
        |rest: &str| refusal_of_header(&format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM"{rest}}}"#));
    for rest in [
        "",
        r#","epk":null"#,
        r#","epk":"x""#,
        r#","epk":{}"#,
        r#","epk":{"kty":"EC","crv":"P-256"}"#,
        r#","epk":{"kty":"EC","crv":"P-256","x":1,"y":"AA"}"#,
        r#","epk":{"kty":"EC","crv":"P-256","x":"=","y":"AA"}"#,
        r#","epk":{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"},"apu":1"#,
        r#","epk":{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"},"apv":"?""#,
    ] {
        assert_eq!(ecdh(rest), Refusal::Malformed, "{rest}");
    }
    for rest in [
        r#","epk":{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
        r#","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        r#","epk":{"kty":"EC","crv":"P-256","x":"AA"}"#,
        r#","epk":{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}"#,
    ] {
        assert_eq!(ecdh(rest), Refusal::DecryptionFailed, "{rest}");
    }
}

#[test]
fn coordinates_of_another_length_make_no_public_key() {
    // RFC 7518 6.2.1.2
    use crate::jose::jwe::header::Curve;
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let length = curve.len();
        let fits = |x: usize, y: usize| curve.public_key(&vec![1; x], Some(&vec![2; y]));
        let point = [&[4][..], &vec![1; length], &vec![2; length]].concat();
        assert_eq!(fits(length, length), Some(point), "{curve:?}");
        for other in [0, length - 1, length + 1] {
            assert_eq!(fits(other, length), None, "{curve:?} {other}");
            assert_eq!(fits(length, other), None, "{curve:?} {other}");
        }
        // The same number of bytes, cut at another place.
        assert_eq!(fits(length - 1, length + 1), None, "{curve:?}");
        assert_eq!(curve.public_key(&vec![1; length], None), None, "{curve:?}");
    }
    let montgomery = |x: usize, y| Curve::X25519.public_key(&vec![1; x], y);
    assert_eq!(montgomery(32, None), Some(vec![1; 32]));
    assert_eq!(montgomery(32, Some(&[2; 32])), None);
    for other in [0, 31, 33, 64] {
        assert_eq!(montgomery(other, None), None, "{other}");
    }
}

#[test]
fn a_content_type_other_than_a_token_is_refused() {
    // BCL-62
    for cty in [
        "JWT",
        "jwt",
        "logout+jwt",
        "application/JWT",
        "application/logout+jwt",
    ] {
        let header = format!(r#"{{"alg":"dir","enc":"A256GCM","cty":"{cty}"}}"#);
        assert_eq!(
            refusal_of_header(&header),
            Refusal::DecryptionFailed,
            "{cty}"
        );
    }
    for cty in ["", "JWE", "text/plain", "JWT ", "application/"] {
        let header = format!(r#"{{"alg":"dir","enc":"A256GCM","cty":"{cty}"}}"#);
        assert_eq!(refusal_of_header(&header), Refusal::NotNested, "{cty}");
    }
}
