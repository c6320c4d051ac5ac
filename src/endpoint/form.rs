//! Finds the one `logout_token` in an `application/x-www-form-urlencoded` text (BCL 2.5).

use std::borrow::Cow;

use crate::refusal::Refusal;

const FIELD: &str = "logout_token";

/// The value of the one `logout_token`; `None` when there is none (spec BCL-08). Other fields are ignored, repeated or
/// not, valid UTF-8 or not (spec BCL-09).
pub(super) fn logout_token(form: &[u8]) -> Result<Option<Cow<'_, str>>, Refusal> {
    // All bytes in one go, not up to the first hit: a processor looks at many at a time, and there is none to hit.
    let encoded = form
        .iter()
        .fold(false, |found, byte| found | matches!(byte, b'%' | b'+'));
    match str::from_utf8(form) {
        // Nothing to decode, since no token has such characters: then the fields are what stands there, and decoding them
        // byte by byte would cost more than the claims.
        Ok(text) if !encoded => the_one(plain_fields(text)),
        _ => the_one(form_urlencoded::parse(form)),
    }
}

fn plain_fields(form: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form.split('&').map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (name.into(), value.into())
    })
}

fn the_one<'a>(
    fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut found = None;
    for (name, value) in fields {
        // RFC 6749 3.2: a parameter must not occur twice, also not with one and the same value.
        if name == FIELD && found.replace(value).is_some() {
            return Err(Refusal::DuplicateParameter);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(form: &str) -> Result<Option<String>, Refusal> {
        logout_token(form.as_bytes()).map(|found| found.map(Cow::into_owned))
    }

    #[test]
    fn exactly_one_field_is_taken_whatever_stands_around_it() {
        // BCL-08, BCL-09
        for form in [
            "logout_token=a.b.c",
            "x=1&logout_token=a.b.c&x=2",
            "&&logout_token=a.b.c&",
            "%FF=%FF&logout_token=a.b.c&y=%",
            "logout%5Ftoken=a%2Eb.c",
            "logout_token[]=q&Logout_token=r&logout_token=a.b.c",
        ] {
            assert_eq!(token(form), Ok(Some("a.b.c".into())), "{form}");
        }
    }

    #[test]
    fn a_second_field_is_refused_also_with_an_equal_or_empty_value() {
        // BCL-08
        for form in [
            "logout_token=a&logout_token=a",
            "logout_token=a&logout_token=b",
            "logout_token=&logout_token=a",
            "logout_token=a&logout_token",
            "logout_token=a&logout%5ftoken=b",
        ] {
            assert_eq!(token(form), Err(Refusal::DuplicateParameter), "{form}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_plain_form_reads_the_same_as_with_decoding(form in "((logout_token|[a-zé=]{0,3})=?[a-c.é=]{0,3}&?){0,5}") {
            // BCL-08, BCL-09
            let decoded = the_one(form_urlencoded::parse(form.as_bytes()));
            proptest::prop_assert_eq!(logout_token(form.as_bytes()), decoded);
        }
    }

    #[test]
    fn no_field_is_no_token() {
        // BCL-08
        for form in ["", "&", "=a", "token=a", "logout_token%00=a"] {
            assert_eq!(token(form), Ok(None), "{form}");
        }
    }
}
