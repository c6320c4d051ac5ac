//! A second opinion, written apart from the library: a JSON reader, and the rules of BCL 2.6 over it.

use super::subject::{CLIENT, ISSUER, NOW};

/// A JSON value. A text that is no Unicode (an escaped lone surrogate) is `Odd`.
#[derive(Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool,
    Number(String),
    Text(String),
    Odd,
    Array(Vec<Self>),
    Object(Vec<(Self, Self)>),
}

impl Json {
    /// Reads a whole text; `None` if it is no JSON or nests too deep for this reader.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut reader = Reader { rest: text };
        let value = reader.value(0)?;
        reader.skip();
        reader.rest.is_empty().then_some(value)
    }

    /// The value of a member that is there exactly once.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut named = members.iter().filter(|(key, _)| key.is(name));
        named.next().map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.text() == Some(text)
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    /// An object whose member names are texts, each there once.
    pub(crate) fn is_proper_object(&self) -> bool {
        let Self::Object(members) = self else {
            return false;
        };
        let mut names: Vec<_> = members.iter().map(|(name, _)| name.text()).collect();
        names.sort_unstable();
        let unique = names.windows(2).all(|pair| pair[0] != pair[1]);
        unique && !names.contains(&None)
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        self.skip();
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.skip();
        match self.rest.as_bytes().first()? {
            b'[' | b'{' if depth >= 128 => None,
            b'n' => self.eat("null").map(|()| Json::Null),
            b't' => self.eat("true").map(|()| Json::Bool),
            b'f' => self.eat("false").map(|()| Json::Bool),
            b'"' => self.string(),
            b'[' => self
                .list("[", "]", |it| it.value(depth + 1))
                .map(Json::Array),
            b'{' => {
                let member = |it: &mut Self| {
                    it.skip();
                    let name = it.string()?;
                    it.eat(":")?;
                    Some((name, it.value(depth + 1)?))
                };
                self.list("{", "}", member).map(Json::Object)
            }
            _ => self.digits(),
        }
    }

    fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.eat(open)?;
        let mut items = Vec::new();
        if self.eat(close).is_some() {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(close).is_some() {
                return Some(items);
            }
            self.eat(",")?;
        }
    }

    fn digits(&mut self) -> Option<Json> {
        let is_part = |c: char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
        let sound = digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(digits)
            && exponent.is_none_or(digits);
        self.rest = rest;
        sound.then(|| Json::Number(text.to_owned()))
    }

    fn string(&mut self) -> Option<Json> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let mut characters = self.rest.chars();
            let next = characters.next()?;
            self.rest = characters.as_str();
            match next {
                '"' => break,
                '\0'..='\u{1f}' => return None,
                '\\' => {
                    let escape = characters.next()?;
                    self.rest = characters.as_str();
                    units.push(match escape {
                        '"' | '\\' | '/' => escape as u16,
                        'b' => 8,
                        'f' => 12,
                        'n' => 10,
                        'r' => 13,
                        't' => 9,
                        'u' => {
                            let hex = self.rest.get(..4)?;
                            if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                                return None;
                            }
                            self.rest = &self.rest[4..];
                            u16::from_str_radix(hex, 16).ok()?
                        }
                        _ => return None,
                    });
                }
                other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            }
        }
        Some(String::from_utf16(&units).map_or(Json::Odd, Json::Text))
    }
}

/// Whether a header is good for a client that expects HS256 with the default policy.
pub(crate) fn header_is_good(header: &[u8]) -> bool {
    let Some(header) = Json::parse(header) else {
        return false;
    };
    let typ = match header.member("typ") {
        None => true,
        Some(typ) => typ.text().is_some_and(|typ| {
            ["jwt", "logout+jwt", "application/logout+jwt"]
                .contains(&typ.to_ascii_lowercase().as_str())
        }),
    };
    let nested = |cty: &Json| {
        cty.text().is_none_or(|cty| {
            ["jwt", "application/jwt"].contains(&cty.to_ascii_lowercase().as_str())
        })
    };
    header.is_proper_object()
        && header.member("alg").is_some_and(|alg| alg.is("HS256"))
        && typ
        && header.member("kid").is_none_or(|kid| kid.text().is_some())
        && !header.member("cty").is_some_and(nested)
        && !header.has("crit")
        && !header.has("b64")
}

/// Whether claims are good at `NOW` with the default policy; `None` where the time is too near a limit for the arithmetic
/// of this second opinion.
pub(crate) fn claims_are_good(claims: &[u8]) -> Option<bool> {
    let Some(claims) = Json::parse(claims) else {
        return Some(false);
    };
    if !claims.is_proper_object() {
        return Some(false);
    }
    let audience = claims.member("aud").is_some_and(|aud| {
        let only = matches!(aud.items(), [first, rest @ ..] if first.is(CLIENT) && rest.is_empty());
        aud.is(CLIENT) || only
    });
    let now = NOW.as_secs() as f64;
    let mut near = false;
    // Whether an optional time lies in a range; the lower end is open for `exp`, closed for `iat`, and both ends are left
    // to the unit tests.
    let mut within = |name: &str, low: f64, high: f64| match claims.member(name) {
        None => name != "iat",
        Some(value) => value.number().is_some_and(|time| {
            near |= (time - low).abs() < 2.0 || (time - high).abs() < 2.0;
            // Where there is no limit, a number beyond what a double holds is as good as any other.
            (time > low || low == f64::NEG_INFINITY) && (time < high || high == f64::INFINITY)
        }),
    };
    let times = within("iat", now - 360.0, now + 60.0)
        & within("exp", now - 60.0, f64::INFINITY)
        & within("nbf", f64::NEG_INFINITY, now + 60.0);
    let present = |name: &str| claims.member(name).filter(|value| **value != Json::Null);
    let name = |value: &Json| {
        value
            .text()
            .is_some_and(|t| !t.is_empty() && t.len() <= 2048)
    };
    let (sub, sid) = (present("sub"), present("sid"));
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let events = claims.member("events").is_some_and(|events| {
        events.is_proper_object() && matches!(events.member(event), Some(Json::Object(_)))
    });
    let good = audience
        && claims.member("iss").is_some_and(|iss| iss.is(ISSUER))
        && claims.member("azp").is_none_or(|azp| azp.is(CLIENT))
        && times
        && (sub.is_some() || sid.is_some())
        && sub.is_none_or(name)
        && sid.is_none_or(name)
        && events
        && !claims.has("nonce")
        && present("jti").is_some_and(name);
    (!near).then_some(good)
}
