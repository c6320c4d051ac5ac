//! Times as the database has them: whole seconds, far from where sums overflow.

use std::time::Duration;

use crate::clock::UnixTime;

/// Beyond any time that means something, and small enough to be added to another one.
const END: i64 = 1 << 60;

pub(super) fn to_sql(time: UnixTime) -> i64 {
    time.as_secs().clamp(-END, END)
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).map_or(END, |seconds| seconds.min(END))
}

/// The end of time is the end of time again: a session without an end stays one.
pub(super) const fn from_sql(seconds: i64) -> UnixTime {
    UnixTime::from_secs(if seconds >= END { i64::MAX } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_two_times_never_overflow_and_the_end_of_time_comes_back() {
        let end = to_sql(UnixTime::from_secs(i64::MAX));
        assert!(end.checked_add(seconds(Duration::MAX)).is_some());
        assert_eq!(from_sql(end), UnixTime::from_secs(i64::MAX));
        let begin = to_sql(UnixTime::from_secs(i64::MIN));
        assert!(begin.checked_sub(600).is_some());
        assert_eq!(from_sql(to_sql(UnixTime::from_secs(7))).as_secs(), 7);
    }
}
