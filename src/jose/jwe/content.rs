//! The content: AES-CBC with HMAC (RFC 7518 5.2) and AES-GCM (RFC 7518 5.3).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{aead, cipher, hmac};

use super::algorithm::ContentEncryption;

const GCM_TAG_LEN: usize = 16;

/// The decoded segments that the content key is used with.
pub(super) struct Sealed<'a> {
    /// The header segment as it was sent: the additional authenticated data (RFC 7516 5.2 step 15).
    pub(super) aad: &'a [u8],
    pub(super) iv: &'a [u8],
    pub(super) ciphertext: &'a [u8],
    pub(super) tag: &'a [u8],
}

impl Sealed<'_> {
    /// Authenticates, then decrypts. There is one error for everything that can go wrong.
    pub(super) fn open(
        &self,
        encryption: ContentEncryption,
        key: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        // A key of another length is never cut or filled up.
        if key.len() != encryption.key_len() {
            return Err(Unspecified);
        }
        match encryption {
            ContentEncryption::A128CbcHs256 => self.open_cbc(key, hmac::HMAC_SHA256, &AES_128),
            ContentEncryption::A256CbcHs512 => self.open_cbc(key, hmac::HMAC_SHA512, &AES_256),
            ContentEncryption::A128Gcm => self.open_gcm(key, &AES_128_GCM),
            ContentEncryption::A256Gcm => self.open_gcm(key, &AES_256_GCM),
        }
    }

    fn open_cbc(
        &self,
        key: &[u8],
        digest: hmac::Algorithm,
        block_cipher: &'static cipher::Algorithm,
    ) -> Result<Vec<u8>, Unspecified> {
        let half = key.len() / 2;
        let (mac_key, encryption_key) = key.split_at_checked(half).ok_or(Unspecified)?;
        let iv = FixedLength::<16>::try_from(self.iv)?;

        // The tag is checked before anything is decrypted: whether the padding is right is seen by nobody who does
        // not already hold the key (RFC 7518 5.2.2.2).
        let aad_bits = u64::try_from(self.aad.len())
            .ok()
            .and_then(|bytes| bytes.checked_mul(8))
            .ok_or(Unspecified)?;
        let mut mac = hmac::Context::with_key(&hmac::Key::new(digest, mac_key));
        mac.update(self.aad);
        mac.update(self.iv);
        mac.update(self.ciphertext);
        mac.update(&aad_bits.to_be_bytes());
        let mac = mac.sign();
        let expected = mac.as_ref().get(..half).ok_or(Unspecified)?;
        verify_slices_are_equal(expected, self.tag)?;

        let mut buffer = self.ciphertext.to_vec();
        let key = UnboundCipherKey::new(block_cipher, encryption_key)?;
        let length = PaddedBlockDecryptingKey::cbc_pkcs7(key)?
            .decrypt(&mut buffer, DecryptionContext::Iv128(iv))?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    fn open_gcm(
        &self,
        key: &[u8],
        algorithm: &'static aead::Algorithm,
    ) -> Result<Vec<u8>, Unspecified> {
        // A shorter tag would be easier to guess (RFC 7518 5.3).
        if self.tag.len() != GCM_TAG_LEN {
            return Err(Unspecified);
        }
        let nonce = Nonce::try_assume_unique_for_key(self.iv)?;
        let mut buffer = self.ciphertext.to_vec();
        LessSafeKey::new(UnboundKey::new(algorithm, key)?).open_in_place_separate_tag(
            nonce,
            Aad::from(self.aad),
            self.tag,
            &mut buffer,
        )?;
        Ok(buffer)
    }
}
