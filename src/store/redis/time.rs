//! Times as the scripts count them.

use crate::clock::UnixTime;

/// The numbers of the scripts are doubles, which hold every whole number up to here. Whatever is further away means "always" or
/// "never", and is read as the end of time again.
const FURTHEST: i64 = 1 << 53;

pub(super) fn to_text(time: UnixTime) -> String {
    time.as_secs().clamp(-FURTHEST, FURTHEST).to_string()
}

pub(super) fn from_text(text: &str) -> Option<UnixTime> {
    let seconds = match text.parse().ok()? {
        FURTHEST.. => i64::MAX,
        ..=NEGATIVE_FURTHEST => i64::MIN,
        seconds => seconds,
    };
    Some(UnixTime::from_secs(seconds))
}

const NEGATIVE_FURTHEST: i64 = -FURTHEST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_further_away_than_a_double_counts_are_the_ends_of_time() {
        for (seconds, text) in [
            (i64::MIN, "-9007199254740992"),
            (-1, "-1"),
            (1_700_000_000, "1700000000"),
            ((1 << 53) - 1, "9007199254740991"),
            (i64::MAX, "9007199254740992"),
        ] {
            let time = UnixTime::from_secs(seconds);
            assert_eq!(to_text(time), text);
            assert_eq!(from_text(text), Some(time));
        }
        assert_eq!(from_text("never"), None);
    }
}
