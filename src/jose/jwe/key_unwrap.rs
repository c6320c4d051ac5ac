//! AES key unwrapping with its integrity check (RFC 3394 2.2.2).

use aws_lc_rs::cipher::{AES_192, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};
use zeroize::Zeroizing;

/// The longest content key and the check value.
const MAX_WRAPPED_LEN: usize = 64 + BLOCK;
const BLOCK: usize = 8;
/// The initial value (RFC 3394 2.2.3.1).
const CHECK_VALUE: [u8; BLOCK] = [0xa6; BLOCK];

/// Unwraps a content key. The cipher follows from the length of `key`.
pub(super) fn unwrap(key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    if wrapped.len() > MAX_WRAPPED_LEN {
        return Err(Unspecified);
    }
    let cipher = match key.len() {
        16 => &AES_128,
        // The library wraps with 128 and 256 bits alone.
        24 => return unwrap_with(&AES_192, key, wrapped),
        32 => &AES_256,
        _ => return Err(Unspecified),
    };
    let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
    let length = AesKek::new(cipher, key)?
        .unwrap(wrapped, &mut buffer)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// The same on top of the bare block cipher, by the index method of RFC 3394 2.2.2.
fn unwrap_with(
    cipher: &'static Algorithm,
    key: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    // At least two blocks of key data (RFC 3394 2).
    if wrapped.len() < 3 * BLOCK || !wrapped.len().is_multiple_of(BLOCK) {
        return Err(Unspecified);
    }
    let aes = DecryptingKey::ecb(UnboundCipherKey::new(cipher, key)?)?;
    let (check, data) = wrapped.split_at_checked(BLOCK).ok_or(Unspecified)?;
    let mut data = Zeroizing::new(data.to_vec());
    let mut step = u64::try_from(data.len() / BLOCK * 6).map_err(|_| Unspecified)?;
    // The register A in the first half, one block R[i] in the second.
    let mut pair = Zeroizing::new([0; 2 * BLOCK]);
    let (a, r) = pair.split_at_mut(BLOCK);
    a.copy_from_slice(check);
    r.fill(0);
    for _ in 0..6 {
        for block in data.rchunks_exact_mut(BLOCK) {
            let (a, r) = pair.split_at_mut(BLOCK);
            for (byte, counter) in a.iter_mut().zip(step.to_be_bytes()) {
                *byte ^= counter;
            }
            r.copy_from_slice(block);
            aes.decrypt(pair.as_mut_slice(), DecryptionContext::None)?;
            let (_, r) = pair.split_at(BLOCK);
            block.copy_from_slice(r);
            step = step.saturating_sub(1);
        }
    }
    let (a, _) = pair.split_at(BLOCK);
    verify_slices_are_equal(a, &CHECK_VALUE)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::cipher;

    fn bytes(range: std::ops::Range<u8>) -> Vec<u8> {
        range.collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn key_data() -> Vec<u8> {
        hex("00112233445566778899AABBCCDDEEFF")
    }

    #[test]
    fn the_vectors_of_rfc_3394_section_4_unwrap() {
        for (key_len, wrapped) in [
            (16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (24, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (32, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
        ] {
            let unwrapped = unwrap(&bytes(0..key_len), &hex(wrapped)).unwrap();
            assert_eq!(*unwrapped, key_data(), "{key_len}");
        }
    }

    #[test]
    fn unwrapping_over_the_bare_cipher_agrees_with_the_library_for_every_length() {
        for len in [16, 24, 32, 48, 64] {
            let plain: Vec<u8> = (0..len).collect();
            for (kek, bare, key_len) in [
                (&AES_128, &cipher::AES_128, 16),
                (&AES_256, &cipher::AES_256, 32),
            ] {
                let key = bytes(7..7 + key_len);
                let mut buffer = vec![0; plain.len() + 8];
                let wrapped = AesKek::new(kek, &key).unwrap().wrap(&plain, &mut buffer);
                let wrapped = wrapped.unwrap();
                assert_eq!(*unwrap_with(bare, &key, wrapped).unwrap(), plain);
                assert_eq!(*unwrap(&key, wrapped).unwrap(), plain);
            }
        }
    }

    #[test]
    fn more_than_the_longest_content_key_is_not_unwrapped() {
        for (kek, key_len) in [(&AES_128, 16), (&AES_256, 32)] {
            let key = bytes(7..7 + key_len);
            let mut buffer = [0; 80];
            let wrapped = AesKek::new(kek, &key).unwrap().wrap(&[1; 72], &mut buffer);
            assert!(unwrap(&key, wrapped.unwrap()).is_err(), "{key_len}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let wrapped = hex("96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D");
        for index in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[index] ^= 1;
            assert!(unwrap(&bytes(0..24), &changed).is_err(), "{index}");
        }
    }

    #[test]
    fn a_single_block_is_refused_although_its_check_value_is_right() {
        // RFC 3394 2: at least two blocks. Wrapped here by the same rounds, because no library does it.
        use aws_lc_rs::cipher::{EncryptingKey, UnboundCipherKey};
        let key = bytes(0..24);
        let aes = EncryptingKey::ecb(UnboundCipherKey::new(&AES_192, &key).unwrap());
        let aes = aes.unwrap();
        let mut pair = [[0xa6; 8], [7; 8]].concat();
        for step in 1..=6_u8 {
            aes.encrypt(&mut pair).unwrap();
            pair[7] ^= step;
        }
        assert!(unwrap(&key, &pair).is_err());
    }

    #[test]
    fn odd_lengths_are_errors() {
        for key_len in [16, 24, 32] {
            for len in [0, 1, 7, 8, 9, 15, 16, 17, 23, 25, 80, 1024] {
                let wrapped = vec![0; len];
                assert!(unwrap(&bytes(0..key_len), &wrapped).is_err(), "{len}");
            }
        }
        for key_len in [0, 15, 17, 33, 64] {
            assert!(unwrap(&bytes(0..key_len), &[0; 24]).is_err(), "{key_len}");
        }
    }
}
