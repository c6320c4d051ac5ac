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
        if let Ok(recovered) = recover(header, key, encrypted) {
            if recovered.len() == len {
                for (to, from) in bytes.iter_mut().zip(recovered.iter()) {
                    *to = *from;
                }
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
    agreement::agree(key, &peer, Unspecified, |secret| {
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
