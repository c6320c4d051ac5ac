//! Writes the one DER structure that an RSA private key needs on its way from JWK to the crypto library.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 8017 A.1).
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// The big-endian numbers of an RSA private key with two primes (RFC 8017 A.1.2).
pub(super) struct RsaNumbers<'a> {
    pub(super) n: &'a [u8],
    pub(super) e: &'a [u8],
    pub(super) d: &'a [u8],
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    pub(super) dp: &'a [u8],
    pub(super) dq: &'a [u8],
    pub(super) qi: &'a [u8],
}

/// The key as PKCS#8 `PrivateKeyInfo` (RFC 5208 5).
pub(super) fn rsa_pkcs8(key: &RsaNumbers<'_>) -> Zeroizing<Vec<u8>> {
    let mut numbers = Zeroizing::new(Vec::with_capacity(16 + key.n.len() * 5));
    unsigned(&mut numbers, &[0]);
    for number in [key.n, key.e, key.d, key.p, key.q, key.dp, key.dq, key.qi] {
        unsigned(&mut numbers, number);
    }
    let private_key = element(SEQUENCE, &numbers);
    let mut info = Zeroizing::new(Vec::with_capacity(private_key.len() + 32));
    unsigned(&mut info, &[0]);
    info.extend_from_slice(&RSA_ENCRYPTION);
    info.extend_from_slice(&element(OCTET_STRING, &private_key));
    element(SEQUENCE, &info)
}

/// Appends an INTEGER: without superfluous leading zeros, with one where the number would read as negative.
fn unsigned(out: &mut Vec<u8>, number: &[u8]) {
    let start = number.iter().position(|byte| *byte != 0);
    let digits = start.and_then(|start| number.get(start..)).unwrap_or(&[]);
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let mut content = Zeroizing::new(Vec::with_capacity(digits.len() + 1));
    if needs_zero {
        content.push(0);
    }
    content.extend_from_slice(digits);
    out.extend_from_slice(&element(INTEGER, &content));
}

/// A tag, the length in its shortest form, and the content.
fn element(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(content.len() + 10));
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let skip = length.iter().take_while(|byte| **byte == 0).count();
            let digits = length.get(skip..).unwrap_or(&[]);
            // A length has at most 8 digits, so this cannot be cut.
            out.push(0x80 | digits.len() as u8);
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(number: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        unsigned(&mut out, number);
        out
    }

    #[test]
    fn integers_are_minimal_and_never_negative() {
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 1, 0]), [2, 2, 1, 0]);
    }

    #[test]
    fn lengths_take_the_shortest_form_on_both_sides_of_each_boundary() {
        for (length, head) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
            (65535, &[4, 0x82, 0xff, 0xff]),
            (65536, &[4, 0x83, 1, 0, 0]),
        ] {
            let der = element(OCTET_STRING, &vec![7; length]);
            assert_eq!(&der[..head.len()], head, "{length}");
            assert_eq!(der.len(), head.len() + length);
        }
    }

    #[test]
    fn a_private_key_has_the_structure_of_pkcs8() {
        let der = rsa_pkcs8(&RsaNumbers {
            n: &[0x8f],
            e: &[3],
            d: &[5],
            p: &[11],
            q: &[13],
            dp: &[1],
            dq: &[2],
            qi: &[6],
        });
        let mut expected = vec![0x30, 48, 2, 1, 0];
        expected.extend_from_slice(&RSA_ENCRYPTION);
        expected.extend_from_slice(&[4, 28 + 2 - 2, 0x30, 28 - 2]);
        expected.extend_from_slice(&[2, 1, 0, 2, 2, 0, 0x8f, 2, 1, 3, 2, 1, 5, 2, 1, 11, 2, 1]);
        expected.extend_from_slice(&[13, 2, 1, 1, 2, 1, 2, 2, 1, 6]);
        expected[1] = u8::try_from(expected.len() - 2).unwrap();
        let inner = expected.len() - 2 - 3 - 15 - 2;
        expected[21] = u8::try_from(inner).unwrap();
        expected[23] = u8::try_from(inner - 2).unwrap();
        assert_eq!(*der, expected);
    }
}
