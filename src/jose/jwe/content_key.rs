//! The content encryption key: recovered with one of our keys (RFC 7518 4), or replaced by a random one.

use aws_lc_rs::agreement::{self, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey};
use zeroize::Zeroizing;

use super::algorithm::KeyManagement;
use super::header::{Agreement, Header};
use super::jwk::Material;
use super::key_unwrap::unwrap;

/// The longest content key, that of `A256CBC-HS512`.
const MAX_LEN: usize = 64;

pub(super) struct ContentKey {
    bytes: Zeroizing<[u8; MAX_LEN]>,
    len: usize,
}

impl ContentKey {
    /// Recovers the key that the sender chose. When that fails, or gives a key of another length, the answer is a random
    /// key: the content is then found not to be authentic, at the same place and after the same work as for any other
    /// wrong key, so that nobody learns which step failed (RFC 7516 11.5).
    ///
    /// The only error is that the system has no random numbers.
    pub(super) fn recover(
        header: &Header,
        key: &Material,
        encrypted: &[u8],
    ) -> Result<Self, Unspecified> {
        let len = header.encryption.key_len();
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice())?;
        if let Ok(recovered) = recover(header, key, encrypted)
            && recovered.len() == len
        {
            for (to, from) in bytes.iter_mut().zip(recovered.iter()) {
                *to = *from;
            }
        }
        Ok(Self { bytes, len })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

type Bytes = Zeroizing<Vec<u8>>;

fn recover(header: &Header, key: &Material, encrypted: &[u8]) -> Result<Bytes, Unspecified> {
    match (key, &header.agreement) {
        (Material::Rsa(key), None) => rsa(header.algorithm, key, encrypted),
        (Material::Agreement { key, .. }, Some(sent)) => {
            match header.algorithm.wrapping_key_len() {
                Some(len) => {
                    let name = header.algorithm.as_str();
                    unwrap(&agree(key, sent, name, len)?, encrypted)
                }
                None => {
                    absent(encrypted)?;
                    let name = header.encryption.as_str();
                    agree(key, sent, name, header.encryption.key_len())
                }
            }
        }
        (Material::Octets(key), None) => match header.algorithm.wrapping_key_len() {
            Some(_) => unwrap(key, encrypted),
            None => {
                absent(encrypted)?;
                Ok(key.clone())
            }
        },
        _ => Err(Unspecified),
    }
}

/// Direct forms have an empty encrypted key (RFC 7516 5.2 step 10).
fn absent(encrypted: &[u8]) -> Result<(), Unspecified> {
    if encrypted.is_empty() {
        Ok(())
    } else {
        Err(Unspecified)
    }
}

fn rsa(
    algorithm: KeyManagement,
    key: &OaepPrivateDecryptingKey,
    encrypted: &[u8],
) -> Result<Bytes, Unspecified> {
    let oaep = match algorithm {
        KeyManagement::RsaOaep256 => &OAEP_SHA256_MGF1SHA256,
        KeyManagement::RsaOaep => &OAEP_SHA1_MGF1SHA1,
        _ => return Err(Unspecified),
    };
    // Exactly the size of the modulus (RFC 8017 7.1.2 step 1b).
    if encrypted.len() != key.key_size_bytes() {
        return Err(Unspecified);
    }
    let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
    let length = key.decrypt(oaep, encrypted, &mut buffer, None)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

/// Agrees on a secret and derives a key from it. The public key is validated: a point off the curve, the point at
/// infinity and an X25519 result of zero are errors.
fn agree(
    key: &agreement::PrivateKey,
    sent: &Agreement,
    algorithm_id: &str,
    len: usize,
) -> Result<Bytes, Unspecified> {
    let peer = UnparsedPublicKey::new(key.algorithm(), &sent.public_key);
    agreement::agree(key, peer, Unspecified, |secret| {
        concat_kdf(secret, algorithm_id, &sent.apu, &sent.apv, len)
    })
}

/// Concat KDF with SHA-256 (RFC 7518 4.6.2).
fn concat_kdf(
    secret: &[u8],
    algorithm_id: &str,
    apu: &[u8],
    apv: &[u8],
    len: usize,
) -> Result<Bytes, Unspecified> {
    let mut info = Vec::with_capacity(algorithm_id.len() + apu.len() + apv.len() + 16);
    for part in [algorithm_id.as_bytes(), apu, apv] {
        let length = u32::try_from(part.len()).map_err(|_| Unspecified)?;
        info.extend_from_slice(&length.to_be_bytes());
        info.extend_from_slice(part);
    }
    let bits = u32::try_from(len)
        .ok()
        .and_then(|bytes| bytes.checked_mul(8))
        .ok_or(Unspecified)?;
    info.extend_from_slice(&bits.to_be_bytes());
    let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(Unspecified)?;
    let mut derived = Zeroizing::new(vec![0; len]);
    sskdf_digest(digest, secret, &info, &mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwe::algorithm::ContentEncryption;
    use crate::jose::jwe::header::Curve;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn binary(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Alice's ephemeral key and Bob's key of RFC 7518 C.
    fn appendix_c() -> (Material, Header) {
        let d = binary("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
        let key = agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, &d).unwrap();
        let x = binary("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0");
        let y = binary("SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps");
        let header = Header {
            algorithm: KeyManagement::EcdhEs,
            encryption: ContentEncryption::A128Gcm,
            kid: None,
            agreement: Some(Agreement {
                curve: Curve::P256,
                public_key: Curve::P256.public_key(&x, Some(&y)).unwrap(),
                apu: b"Alice".to_vec(),
                apv: b"Bob".to_vec(),
            }),
        };
        let curve = Curve::P256;
        (Material::Agreement { curve, key }, header)
    }

    #[test]
    fn the_agreement_of_rfc_7518_appendix_c_gives_its_key() {
        // BCL-62
        let (bob, header) = appendix_c();
        let key = ContentKey::recover(&header, &bob, &[]).unwrap();
        assert_eq!(key.as_bytes(), binary("VqqN6vgjbSBcIijNcacQGg"));
    }

    #[test]
    fn the_agreed_key_depends_on_both_parties_and_on_the_algorithm() {
        let (bob, mut header) = appendix_c();
        let Some(sent) = &mut header.agreement else {
            panic!("there is one")
        };
        sent.apv = b"Bab".to_vec();
        let key = ContentKey::recover(&header, &bob, &[]).unwrap();
        assert_ne!(key.as_bytes(), binary("VqqN6vgjbSBcIijNcacQGg"));
    }

    #[test]
    fn an_encrypted_key_beside_a_direct_form_is_not_ignored() {
        // RFC 7516 5.2 step 10
        let (bob, header) = appendix_c();
        let key = ContentKey::recover(&header, &bob, &[0]).unwrap();
        assert_ne!(key.as_bytes(), binary("VqqN6vgjbSBcIijNcacQGg"));
    }

    #[test]
    fn a_failure_gives_a_random_key_of_the_right_length() {
        // BCL-62
        let (bob, mut header) = appendix_c();
        for encryption in ContentEncryption::DEFAULT {
            header.encryption = *encryption;
            let one = ContentKey::recover(&header, &bob, &[0]).unwrap();
            let two = ContentKey::recover(&header, &bob, &[0]).unwrap();
            assert_eq!(one.as_bytes().len(), encryption.key_len());
            assert_ne!(one.as_bytes(), two.as_bytes());
            assert_ne!(one.as_bytes(), vec![0; encryption.key_len()]);
        }
    }

    #[test]
    fn a_point_off_the_curve_gives_a_random_key() {
        // RFC 8725 3.4
        let (bob, mut header) = appendix_c();
        let Some(sent) = &mut header.agreement else {
            panic!("there is one")
        };
        for point in [
            vec![4; 65],
            [&[4][..], &[0; 64]].concat(),
            [&[4][..], &[0xff; 64]].concat(),
            vec![0],
            vec![],
        ] {
            sent.public_key = point;
            let Material::Agreement { key, .. } = &bob else {
                panic!("it is")
            };
            assert!(agree(key, sent, "A128GCM", 16).is_err());
        }
    }
}
