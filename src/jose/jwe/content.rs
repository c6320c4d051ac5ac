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
        // A shorter tag would be easier to guess (RFC 7518 5.3). Stated here, and not left to the library.
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

#[cfg(test)]
mod tests {
    use super::*;

    const AAD: &[u8] = b"The second principle of Auguste Kerckhoffs";
    const IV: &str = "1af38c2dc2b96ffdd86694092341bc04";
    const PLAIN: &str = "A cipher system must not be required to be secret, and it must be able to fall into \
        the hands of the enemy without inconvenience";

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 7518 B.1 and B.3: the encryption, the ciphertext and the tag.
    fn appendix_b() -> [(ContentEncryption, Vec<u8>, Vec<u8>); 2] {
        [
            (
                ContentEncryption::A128CbcHs256,
                hex(
                    "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10\
                     f9aef71427e2fc6f9b3f399a221489f16362c703233609d45ac69864e3321cf82935ac4096c86e133314\
                     c54019e8ca7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427\
                     ade54b8851ffb598f7f80074b9473c82e2db",
                ),
                hex("652c3fa36b0a7c5b3219fab3a30bc1c4"),
            ),
            (
                ContentEncryption::A256CbcHs512,
                hex(
                    "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373bccb5\
                     84ad3e9279c2e6d12a1374b77f077553df829410446b36ebd97066296ae6427ea75c2e0846a11a09ccf5\
                     370dc80bfecbad28c73f09b3a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51\
                     950bbe2638d09dd7a4930930806d0703b1f6",
                ),
                hex("4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"),
            ),
        ]
    }

    fn key(encryption: ContentEncryption) -> Vec<u8> {
        (0..).take(encryption.key_len()).collect()
    }

    #[test]
    fn the_examples_of_rfc_7518_appendix_b_open() {
        // BCL-62
        for (encryption, ciphertext, tag) in appendix_b() {
            let sealed = Sealed {
                aad: AAD,
                iv: &hex(IV),
                ciphertext: &ciphertext,
                tag: &tag,
            };
            let opened = sealed.open(encryption, &key(encryption)).unwrap();
            assert_eq!(opened, PLAIN.as_bytes());
        }
    }

    #[test]
    fn a_tag_that_is_cut_or_longer_is_refused() {
        // BCL-62
        for (encryption, ciphertext, tag) in appendix_b() {
            let longer = [&tag[..], &[0]].concat();
            for tag in [&tag[..tag.len() - 1], &tag[..8], &[], &longer] {
                let iv = hex(IV);
                let sealed = Sealed {
                    aad: AAD,
                    iv: &iv,
                    ciphertext: &ciphertext,
                    tag,
                };
                assert!(sealed.open(encryption, &key(encryption)).is_err());
            }
        }
    }

    #[test]
    fn a_gcm_tag_that_is_cut_is_refused_although_its_bytes_are_right() {
        // BCL-62
        let key = [7; 32];
        let mut buffer = b"content".to_vec();
        let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let tag = sealing.seal_in_place_separate_tag(nonce, Aad::from(AAD), &mut buffer);
        let tag = tag.unwrap();
        let open = |tag: &[u8], iv: &[u8]| {
            let sealed = Sealed {
                aad: AAD,
                iv,
                ciphertext: &buffer,
                tag,
            };
            sealed.open(ContentEncryption::A256Gcm, &key)
        };
        assert_eq!(open(tag.as_ref(), &[1; 12]).unwrap(), b"content");
        for len in 0..16 {
            assert!(open(&tag.as_ref()[..len], &[1; 12]).is_err(), "{len}");
        }
        for iv in [&[][..], &[1; 11], &[1; 13], &[1; 16]] {
            assert!(open(tag.as_ref(), iv).is_err());
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for encryption in ContentEncryption::DEFAULT {
            let sealed = Sealed {
                aad: AAD,
                iv: &[0; 16],
                ciphertext: &[0; 16],
                tag: &[0; 16],
            };
            for length in [0, 1, encryption.key_len() - 1, encryption.key_len() + 1] {
                assert!(sealed.open(*encryption, &vec![0; length]).is_err());
            }
        }
    }
}
