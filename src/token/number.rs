//! `NumericDate`: seconds since the epoch as any JSON number (RFC 7519 2).

use std::time::Duration;

use crate::clock::UnixTime;

/// A moment as a token states it, exact to the last digit where it is compared.
///
/// Numbers beyond the range of 64 bits become the end or the beginning of time, so nothing wraps around (spec BCL-108).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumericDate {
    /// Whole seconds, rounded down.
    whole: i64,
    /// Whether it lies after that second.
    fraction: bool,
}

impl NumericDate {
    /// Reads the digits of a well-formed JSON number.
    pub(super) fn parse(number: &str) -> Self {
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)),
            None => (number, 0),
        };
        let (integer, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = integer
            .bytes()
            .chain(decimals.bytes())
            .map(|digit| digit & 0x0f);

        // How many of the digits stand in front of the point once the exponent has moved it.
        let mut in_front = i64::try_from(integer.len())
            .unwrap_or(i64::MAX)
            .saturating_add(exponent);
        let (mut whole, mut fraction) = (0_i64, false);
        for digit in digits {
            if in_front > 0 {
                whole = whole.saturating_mul(10).saturating_add(i64::from(digit));
            } else {
                fraction |= digit != 0;
            }
            in_front = in_front.saturating_sub(1);
        }
        while in_front > 0 && whole != 0 && whole != i64::MAX {
            whole = whole.saturating_mul(10);
            in_front -= 1;
        }
        match negative {
            false => Self { whole, fraction },
            // Rounded down, away from zero.
            true => Self {
                whole: whole.saturating_neg().saturating_sub(i64::from(fraction)),
                fraction,
            },
        }
    }

    pub(super) fn is_later_than(self, moment: UnixTime) -> bool {
        let moment = moment.as_secs();
        self.whole > moment || (self.whole == moment && self.fraction)
    }

    pub(super) fn is_earlier_than(self, moment: UnixTime) -> bool {
        self.whole < moment.as_secs()
    }

    /// Whether this lies more than `limit` after another moment. Of two moments within the same second both before and
    /// after, the benefit of the doubt.
    pub(super) fn is_later_by_more_than(self, limit: Duration, earlier: Self) -> bool {
        let bound = earlier.rounded_down().saturating_add(limit);
        self.is_later_than(bound) && !(self.whole == bound.as_secs() && earlier.fraction)
    }

    pub(super) const fn rounded_down(self) -> UnixTime {
        UnixTime::from_secs(self.whole)
    }

    pub(super) fn rounded_up(self) -> UnixTime {
        UnixTime::from_secs(self.whole.saturating_add(i64::from(self.fraction)))
    }
}

/// An exponent too large for 64 bits means the same as one of a billion.
fn parse_exponent(exponent: &str) -> i64 {
    const BEYOND: i64 = 1_000_000_000;
    match exponent.parse::<i64>() {
        Ok(exponent) => exponent.clamp(-BEYOND, BEYOND),
        Err(_) if exponent.starts_with('-') => -BEYOND,
        Err(_) => BEYOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(number: &str) -> (i64, bool) {
        let date = NumericDate::parse(number);
        (date.whole, date.fraction)
    }

    #[test]
    fn every_way_to_write_a_number_is_read_exactly() {
        // BCL-108
        for (number, expected) in [
            ("0", (0, false)),
            ("-0", (0, false)),
            ("1790000000", (1_790_000_000, false)),
            ("1790000000.0", (1_790_000_000, false)),
            ("1.79e9", (1_790_000_000, false)),
            ("1.79E+9", (1_790_000_000, false)),
            ("179000000e1", (1_790_000_000, false)),
            ("179000000000e-2", (1_790_000_000, false)),
            ("1790000000.75", (1_790_000_000, true)),
            (
                "1790000000.0000000000000000000000001",
                (1_790_000_000, true),
            ),
            ("17900000005e-1", (1_790_000_000, true)),
            ("1e-300", (0, true)),
            ("0e99999999999999999999", (0, false)),
            ("0.00e5", (0, false)),
            ("0.001e3", (1, false)),
            ("-1", (-1, false)),
            ("-1.5", (-2, true)),
            ("-1e-9", (-1, true)),
            ("9007199254740993", (9_007_199_254_740_993, false)),
            ("9223372036854775807", (i64::MAX, false)),
            ("9223372036854775808", (i64::MAX, false)),
            ("1e300", (i64::MAX, false)),
            ("1e99999999999999999999", (i64::MAX, false)),
            ("1e-99999999999999999999", (0, true)),
            ("-9223372036854775808", (-i64::MAX, false)),
            ("-1e300", (-i64::MAX, false)),
        ] {
            assert_eq!(parsed(number), expected, "{number}");
        }
    }

    #[test]
    fn comparisons_count_the_fraction() {
        // BCL-104, BCL-105
        let moment = UnixTime::from_secs(100);
        let later = |number: &str| NumericDate::parse(number).is_later_than(moment);
        assert!(!later("99.9") && !later("100") && later("100.1") && later("101"));
        let earlier = |number: &str| NumericDate::parse(number).is_earlier_than(moment);
        assert!(earlier("99") && earlier("99.9") && !earlier("100") && !earlier("100.1"));
        assert_eq!(NumericDate::parse("99.1").rounded_up(), moment);
        assert_eq!(NumericDate::parse("100").rounded_up(), moment);
        assert_eq!(NumericDate::parse("100.9").rounded_down(), moment);
    }

    #[test]
    fn distances_are_compared_with_the_limit_included() {
        // BCL-174
        let exceeds = |exp: &str, iat: &str| {
            NumericDate::parse(exp)
                .is_later_by_more_than(Duration::from_secs(10), NumericDate::parse(iat))
        };
        assert!(!exceeds("110", "100") && exceeds("111", "100"));
        assert!(exceeds("110.5", "100") && !exceeds("110.5", "100.5"));
        assert!(!exceeds("110", "100.5") && exceeds("111", "100.5"));
        assert!(!exceeds("-1e300", "1e300"));
    }

    proptest::proptest! {
        #[test]
        fn no_number_panics(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,25})?") {
            // BCL-108, BCL-173
            let date = NumericDate::parse(&number);
            proptest::prop_assert!(date.rounded_down() <= date.rounded_up());
        }

        #[test]
        fn whole_numbers_are_themselves(seconds in -(i64::MAX)..i64::MAX) {
            // BCL-108
            proptest::prop_assert_eq!(parsed(&seconds.to_string()), (seconds, false));
        }
    }
}
