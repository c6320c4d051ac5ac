//! How long an answer is fresh (spec BCL-81, RFC 9111 4.2 and 5.2.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};

/// Without a directive.
const DEFAULT: Duration = Duration::from_secs(600);
const MINIMUM: Duration = Duration::from_secs(60);
const MAXIMUM: Duration = Duration::from_secs(24 * 3600);

/// The time for which the response is fresh, within one minute and 24 hours.
pub(super) fn lifetime(headers: &HeaderMap) -> Duration {
    let Some(seconds) = max_age(headers) else {
        return DEFAULT;
    };
    // A cache on the way has kept it for this long already (RFC 9111 4.2.3).
    let age = headers
        .get(AGE)
        .and_then(|age| age.to_str().ok())
        .and_then(seconds_of)
        .unwrap_or(0);
    Duration::from_secs(seconds.saturating_sub(age)).clamp(MINIMUM, MAXIMUM)
}

/// The smallest `max-age`; 0 for `no-store`, `no-cache` and a value that is no number; `None` when nothing is said.
fn max_age(headers: &HeaderMap) -> Option<u64> {
    let mut smallest: Option<u64> = None;
    for field in headers.get_all(CACHE_CONTROL) {
        for directive in field.to_str().unwrap_or_default().split(',') {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), value.trim()),
                None => (directive.trim(), ""),
            };
            let seconds = if name.eq_ignore_ascii_case("max-age") {
                seconds_of(value.trim_matches('"')).unwrap_or(0)
            } else if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache")
            {
                0
            } else {
                continue;
            };
            smallest = Some(smallest.map_or(seconds, |smallest| smallest.min(seconds)));
        }
    }
    smallest
}

/// `delta-seconds`: digits alone; a number too large to hold is as good as the largest (RFC 9111 1.2.2).
fn seconds_of(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// When to refresh: after 80 to 90 per cent of the lifetime, a different share each time, so that the nodes of one
/// deployment do not all ask at once.
pub(super) fn refresh_after(lifetime: Duration, random: u64) -> Duration {
    let per_mille = 800_u32.saturating_add(u32::try_from(random % 101).unwrap_or(0));
    lifetime
        .checked_mul(per_mille)
        .map_or(lifetime, |scaled| scaled / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn seconds(fields: &[(HeaderName, &'static str)]) -> u64 {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            });
        lifetime(&headers).as_secs()
    }

    #[test]
    fn each_cache_control_directive_counts() {
        // BCL-81
        for (value, expected) in [
            ("max-age=3600", 3600),
            ("public, MAX-AGE=3600, must-revalidate", 3600),
            ("max-age=\"3600\"", 3600),
            ("max-age = 3600", 3600),
            ("max-age=59", 60),
            ("max-age=60", 60),
            ("max-age=61", 61),
            ("max-age=0", 60),
            ("max-age=86399", 86_399),
            ("max-age=86401", 86_400),
            ("max-age=99999999999999999999999999", 86_400),
            ("max-age=-1", 60),
            ("max-age=", 60),
            ("max-age", 60),
            ("max-age=3600, no-cache", 60),
            ("no-store, max-age=3600", 60),
            ("no-cache=\"set-cookie\"", 60),
            ("max-age=3600, max-age=120", 120),
            ("s-maxage=3600", 600),
            ("private", 600),
            ("x-max-age=3600", 600),
            ("", 600),
        ] {
            assert_eq!(seconds(&[(CACHE_CONTROL, value)]), expected, "{value}");
        }
        assert_eq!(seconds(&[]), 600);
        assert_eq!(
            seconds(&[(CACHE_CONTROL, "max-age=900"), (CACHE_CONTROL, "no-store")]),
            60
        );
    }

    #[test]
    fn the_time_spent_in_a_cache_on_the_way_is_taken_off() {
        // BCL-81
        let age = |age| seconds(&[(CACHE_CONTROL, "max-age=600"), (AGE, age)]);
        assert_eq!(age("100"), 500);
        assert_eq!(age("599"), 60);
        assert_eq!(age("99999"), 60);
        assert_eq!(age("soon"), 600);
    }

    #[test]
    fn a_refresh_is_due_ahead_of_expiry() {
        // BCL-81
        let hour = Duration::from_secs(3600);
        assert_eq!(refresh_after(hour, 0), Duration::from_secs(2880));
        assert_eq!(refresh_after(hour, 100), Duration::from_secs(3240));
        assert!(refresh_after(hour, u64::MAX) < hour);
    }
}
