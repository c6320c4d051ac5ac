//! Reads JSON objects in one pass: borrowed, every member as raw text, repeated names refused.
//!
//! Values stay raw text until a rule looks at them. So a wrong type is a matter of the rule that meets it, numbers lose
//! nothing, and cargo features of `serde_json` in other parts of a program change nothing here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::compact::count;
use crate::refusal::Refusal;

/// How deep arrays and objects may nest in a header or payload (spec BCL-51).
const MAX_DEPTH: usize = 128;

/// The raw text of one well-formed JSON value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    pub(crate) const fn as_raw(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The text, if this is a string; unescaped, and borrowed when there was nothing to unescape.
    pub(crate) fn as_text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            // An escaped lone surrogate is no Unicode text, so such a value is no string.
            serde_json::from_str::<String>(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The digits as they were written, if this is a number.
    pub(crate) fn as_number(self) -> Option<&'a str> {
        self.0
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then_some(self.0)
    }

    /// The elements, if this is an array.
    pub(crate) fn as_array(self) -> Option<Vec<Self>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(items.into_iter().map(|item| Self(item.get())).collect())
    }

    /// The elements, if this is an array of strings and of no more than so many.
    pub(crate) fn as_texts(self, at_most: usize) -> Option<Vec<Cow<'a, str>>> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        json.deserialize_seq(Texts { at_most }).ok()
    }
}

/// Reads one object and answers the members of the given names, in their order.
///
/// Every other member is skipped, but its name still counts: no name may occur twice, in whatever spelling (RFC 7515 4,
/// RFC 7519 4). Names are compared after unescaping.
pub(crate) fn read_object<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Value<'a>>; N], Refusal> {
    let mut found = [None; N];
    let mut repeated = false;
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Members {
        names,
        found: &mut found,
        repeated: &mut repeated,
    })
    .and_then(|()| json.end())
    .map_err(|_| Refusal::Malformed)?;
    if repeated {
        return Err(Refusal::DuplicateMember);
    }
    Ok(found)
}

/// Refuses text that nests too deep. The text is known to be JSON.
pub(crate) fn check_depth(text: &str) -> Result<(), Refusal> {
    if count(text, |byte| matches!(byte, b'{' | b'[')) <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::Malformed);
        }
    }
    Ok(())
}

struct Members<'o, 'a, const N: usize> {
    names: &'o [&'o str; N],
    found: &'o mut [Option<Value<'a>>; N],
    repeated: &'o mut bool,
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut others = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = Value(map.next_value::<&'de RawValue>()?.get());
            let known = self.names.iter().position(|known| *known == name);
            match known.and_then(|index| self.found.get_mut(index)) {
                Some(slot) => *self.repeated |= slot.replace(value).is_some(),
                None => others.push(name),
            }
        }
        // Sorted, so that a token with thousands of members costs no quadratic time.
        others.sort_unstable();
        *self.repeated |= others.windows(2).any(|pair| pair.first() == pair.last());
        Ok(())
    }
}

struct Texts {
    at_most: usize,
}

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a short array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            match Value(item.get()).as_text() {
                Some(text) if texts.len() < self.at_most => texts.push(text),
                _ => return Err(A::Error::custom("too long, or not a string")),
            }
        }
        Ok(texts)
    }
}

/// A member name, borrowed when it was written without escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<&str>, Refusal> {
        read_object(text, &["a"]).map(|[a]| a.map(Value::as_raw))
    }

    #[test]
    fn members_are_found_in_any_spelling_and_keep_their_raw_text() {
        // BCL-51
        assert_eq!(read(r#"{"b":1,"a": [1, 2] }"#), Ok(Some("[1, 2]")));
        assert_eq!(read(r#"{"\u0061":1.50e1}"#), Ok(Some("1.50e1")));
        assert_eq!(read(r#" {"A":1} "#), Ok(None));
        assert_eq!(read("{}"), Ok(None));
    }

    #[test]
    fn a_repeated_name_is_refused_whether_known_or_not_and_however_it_is_spelled() {
        // BCL-51
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":1,"a":1,"b":1}"#,
            r#"{"b":1,"c":2,"\u0062":1}"#,
            r#"{"":1,"":1}"#,
            // Not made up for by one more repetition.
            r#"{"a":1,"a":1,"a":1}"#,
            r#"{"a":1,"a":1,"b":1,"b":1}"#,
        ] {
            assert_eq!(read(text), Err(Refusal::DuplicateMember), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_malformed() {
        // BCL-51
        for text in [
            "",
            "[]",
            "null",
            "1",
            "\"a\"",
            "{",
            "{\"a\":1}x",
            "{\"a\":1}{}",
            "{\"a\":1,}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":NaN}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "\u{feff}{\"a\":1}",
        ] {
            assert_eq!(read(text), Err(Refusal::Malformed), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_on_both_sides() {
        // BCL-51, BCL-173
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_depth(&nested(128)), Ok(()));
        assert_eq!(check_depth(&nested(129)), Err(Refusal::Malformed));
        // As many more brackets beside the deepest ones change nothing, on either side.
        let beside = |depth: usize| format!("[[],{},{{}}]", nested(depth - 1));
        assert_eq!(check_depth(&beside(128)), Ok(()));
        assert_eq!(check_depth(&beside(129)), Err(Refusal::Malformed));
        assert_eq!(check_depth(&format!("[{}[]]", "[],".repeat(5000))), Ok(()));
        assert_eq!(
            check_depth(&format!("[\"\\\"{}\"]", "[".repeat(500))),
            Ok(())
        );
        let deep = format!("{{\"a\":{}}}", nested(100_000));
        assert!(read(&deep).is_ok(), "reading must not recurse");
        assert_eq!(check_depth(&deep), Err(Refusal::Malformed));
    }

    #[test]
    fn thousands_of_members_are_read_in_reasonable_time() {
        // BCL-173
        let many: Vec<String> = (0..10_000).map(|n| format!("\"{n}\":0")).collect();
        assert_eq!(read(&format!("{{{}}}", many.join(","))), Ok(None));
    }

    #[test]
    fn values_know_their_type_and_never_guess() {
        // BCL-111
        assert_eq!(Value(r#""x\u0041""#).as_text().as_deref(), Some("xA"));
        assert_eq!(Value(r#""\ud83d\ude00""#).as_text().as_deref(), Some("😀"));
        assert_eq!(Value(r#""\ud83d""#).as_text(), None);
        assert_eq!(Value("null").as_text(), None);
        assert_eq!(Value("[\"x\"]").as_text(), None);
        assert_eq!(Value("-1").as_number(), Some("-1"));
        assert_eq!(Value("true").as_number(), None);
        assert_eq!(Value("\"1\"").as_number(), None);
        assert!(Value("{}").as_array().is_none());
    }

    #[test]
    fn an_array_of_strings_is_read_up_to_its_limit_and_no_other() {
        // BCL-101, BCL-173
        let texts = |text| Value(text).as_texts(2).map(|texts| texts.join("|"));
        assert_eq!(texts("[]").as_deref(), Some(""));
        assert_eq!(texts(r#"["a"]"#).as_deref(), Some("a"));
        assert_eq!(texts(r#"[ "a" , "\u0062" ]"#).as_deref(), Some("a|b"));
        for bad in [
            r#"["a","b","c"]"#,
            r#"["a",1]"#,
            r#"["a",["b"]]"#,
            r#"["\ud800"]"#,
            r#""a""#,
            "null",
            r#"{"a":"b"}"#,
        ] {
            assert_eq!(texts(bad), None, "{bad}");
        }
    }
}
