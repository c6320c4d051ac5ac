//! The session in a cookie: found in requests, and recognised in responses.

use std::fmt;
use std::str;
use std::sync::Arc;

use http::HeaderValue;
use http::header::COOKIE;

use super::{Presented, RequestHead, SessionExtractor};
use crate::config::ConfigError;
use crate::types::SessionId;

type Reader = dyn Fn(&str) -> Presented + Send + Sync;

/// An extractor for sessions in a cookie (RFC 6265).
///
/// 1. Without [`with_reader`](Self::with_reader) the value of the cookie is the [`SessionId`].
/// 2. All `Cookie` fields and all cookies of this name count. If they do not have one and the same value, no session
///    can be told for sure, and the request is [`Unusable`](Presented::Unusable): a live session in front cannot hide
///    an ended one behind it, or the other way round.
/// 3. Names are found the way lenient parsers find them (white space around them, percent-encoded), so that no
///    spelling exists that the application reads and the guard does not.
/// 4. One pair of double quotes around the value is not part of it. An empty value is no session.
/// 5. A value that is not UTF-8 is `Unusable`, and so is, without a reader, one that holds a percent sign or anything
///    outside of RFC 6265's `cookie-octet`.
///
/// Prefer a name that starts with `__Host-`: then no other host and no other path can set a second cookie of that name.
///
/// ```
/// use tower_backchannel_logout::guard::SessionCookie;
///
/// let cookie = SessionCookie::parse("__Host-session")?;
/// # Ok::<(), tower_backchannel_logout::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SessionCookie {
    name: Arc<str>,
    reader: Option<Arc<Reader>>,
}

impl SessionCookie {
    /// The cookie of this name. Names are compared byte for byte.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `session_cookie` when it is not an RFC 6265 cookie name, or has a percent sign.
    pub fn parse(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        let name = name.as_ref();
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(ConfigError::new(
                "session_cookie",
                "is not a cookie name; use letters, digits, hyphens and underscores",
            ));
        }
        Ok(Self {
            name: Arc::from(name),
            reader: None,
        })
    }

    /// Reads the value of the cookie in another way: for signed and encrypted cookies, and for ids that are encoded.
    ///
    /// The reader gets the value without surrounding quotes, and answers as the application itself would: for a value
    /// whose signature is wrong, [`Nothing`](Presented::Nothing) if the application ignores it too.
    #[must_use]
    pub fn with_reader<F>(mut self, reader: F) -> Self
    where
        F: Fn(&str) -> Presented + Send + Sync + 'static,
    {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// The name of the cookie.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session a `Set-Cookie` field would give to the browser; `None` when it is about another cookie, or takes
    /// this one away.
    pub(super) fn set_by(&self, field: &HeaderValue) -> Option<Presented> {
        let mut parts = field.as_bytes().split(|byte| *byte == b';');
        let value = self.value_of(parts.next()?)?;
        if value.is_empty() || removes(parts) {
            return None;
        }
        Some(self.read(value))
    }

    /// The value in `name=value` if the name is the one of this cookie.
    fn value_of<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, rest) = pair.split_at_checked(at)?;
        if !same_name(trim(name), self.name.as_bytes()) {
            return None;
        }
        Some(unquote(trim(rest.strip_prefix(b"=")?)))
    }

    fn read(&self, value: &[u8]) -> Presented {
        if value.is_empty() {
            return Presented::Nothing;
        }
        let Ok(text) = str::from_utf8(value) else {
            return Presented::Unusable;
        };
        match &self.reader {
            Some(reader) => reader(text),
            // A parser that decodes or unescapes would see another id than we do: neither is taken.
            None if !value.iter().all(|byte| is_plain_value_byte(*byte)) => Presented::Unusable,
            None => match SessionId::parse(text) {
                Ok(id) => Presented::Id(id),
                Err(_) => Presented::Unusable,
            },
        }
    }
}

impl SessionExtractor for SessionCookie {
    fn extract(&self, head: &RequestHead<'_>) -> Presented {
        let mut found: Option<&[u8]> = None;
        for field in head.headers().get_all(COOKIE) {
            for pair in field.as_bytes().split(|byte| *byte == b';') {
                let Some(value) = self.value_of(pair) else {
                    continue;
                };
                if found.is_some_and(|first| first != value) {
                    return Presented::Unusable;
                }
                found = Some(value);
            }
        }
        found.map_or(Presented::Nothing, |value| self.read(value))
    }

    fn session_cookie(&self) -> Option<SessionCookie> {
        Some(self.clone())
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// RFC 6265 `token`, less the percent sign: a name that is written with one could be read as two names.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte)
}

/// RFC 6265 `cookie-octet`, less the percent sign.
fn is_plain_value_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\%".contains(&byte)
}

/// Without the white space that any parser might take away: ASCII, and what Unicode adds.
fn trim(bytes: &[u8]) -> &[u8] {
    let trimmed = bytes.trim_ascii();
    let ascii_ends = |end: Option<&u8>| end.is_none_or(u8::is_ascii);
    if ascii_ends(trimmed.first()) && ascii_ends(trimmed.last()) {
        return trimmed;
    }
    str::from_utf8(trimmed).map_or(trimmed, |text| text.trim().as_bytes())
}

fn unquote(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// Whether a name is this one, as it stands or once it is percent-decoded.
fn same_name(written: &[u8], name: &[u8]) -> bool {
    if written == name {
        return true;
    }
    if written.len() <= name.len() || !written.contains(&b'%') {
        return false;
    }
    let mut rest = written;
    for wanted in name {
        let decoded = match rest {
            [b'%', high, low, after @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => return false,
            },
            [byte, after @ ..] => {
                rest = after;
                *byte
            }
            [] => return false,
        };
        if decoded != *wanted {
            return false;
        }
    }
    rest.is_empty()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether the attributes of a `Set-Cookie` field delete the cookie: the last valid `Max-Age` counts (RFC 6265 5.3),
/// and it is zero or less. `Expires` alone is not looked at: such a field is taken for one that sets a session.
fn removes<'a>(attributes: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut removed = false;
    for attribute in attributes {
        let mut sides = attribute.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (sides.next(), sides.next()) else {
            continue;
        };
        if !name.trim_ascii().eq_ignore_ascii_case(b"max-age") {
            continue;
        }
        let (negative, digits) = match value.trim_ascii() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            removed = negative || digits.iter().all(|digit| *digit == b'0');
        }
    }
    removed
}

#[cfg(test)]
mod tests;
