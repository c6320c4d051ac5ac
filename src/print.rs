//! Keyed fingerprints: what tables are indexed by instead of strings that a stranger chose.

use std::hash::{DefaultHasher, Hasher};

/// A keyed fingerprint of 128 bits. Two strings with one print are not met with.
pub(crate) type Print = [u64; 2];

/// The print of what a keyed hasher was fed.
///
/// The second half is the hash of the same and one byte more. To a keyed hash that is another text, so the halves know nothing of each
/// other, and what is long is read only once.
pub(crate) fn print(mut fed: DefaultHasher) -> Print {
    let first = fed.finish();
    fed.write_u8(u8::MAX);
    [first, fed.finish()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn no_half_of_any_text_is_a_half_of_another_one() {
        let keyed = RandomState::new();
        let halves = (0..10_000).flat_map(|number| {
            let mut hasher = keyed.build_hasher();
            hasher.write("x".repeat(number % 50).as_bytes());
            hasher.write(number.to_string().as_bytes());
            print(hasher)
        });
        assert_eq!(halves.collect::<HashSet<_>>().len(), 20_000);
    }

    #[test]
    fn another_key_gives_another_print() {
        let [one, other] = [RandomState::new(), RandomState::new()].map(|keyed| {
            let mut hasher = keyed.build_hasher();
            hasher.write(b"a session id");
            print(hasher)
        });
        assert_ne!(one[0], other[0]);
        assert_ne!(one[1], other[1]);
    }
}
