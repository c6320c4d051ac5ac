//! Times as every engine keeps them: whole seconds, and none so far away that sums overflow or a double cannot count it.

use std::time::Duration;

use crate::clock::UnixTime;

/// Whatever is further away means "always" or "never", and is read as the end of time again. Up to here a double holds every whole
/// number: those of Redis' scripts are such.
const FURTHEST: i64 = 1 << 53;

pub(crate) fn to_seconds(time: UnixTime) -> i64 {
    time.as_secs().clamp(-FURTHEST, FURTHEST)
}

/// The whole seconds of a span of time.
pub(crate) fn span(duration: Duration) -> i64 {
    to_seconds(UnixTime::from_secs(0).saturating_add(duration))
}

pub(crate) const fn from_seconds(seconds: i64) -> UnixTime {
    UnixTime::from_secs(if seconds >= FURTHEST {
        i64::MAX
    } else if seconds <= -FURTHEST {
        i64::MIN
    } else {
        seconds
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_further_away_than_a_double_counts_are_the_ends_of_time() {
        for (time, seconds) in [
            (i64::MIN, -9_007_199_254_740_992),
            (-1, -1),
            (1_700_000_000, 1_700_000_000),
            ((1 << 53) - 1, 9_007_199_254_740_991),
            (i64::MAX, 9_007_199_254_740_992),
        ] {
            let time = UnixTime::from_secs(time);
            assert_eq!(to_seconds(time), seconds);
            assert_eq!(from_seconds(seconds), time);
        }
    }
}
