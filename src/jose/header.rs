//! The JOSE header of a signed token (RFC 7515 4).
//!
//! `jku`, `x5u`, `jwk`, `x5c` and `x5t` are not even read: keys never come from the token (spec BCL-57).

use std::borrow::Cow;

use super::json::{Value, check_depth, read_object};
use super::{Algorithm, Compact};
use crate::refusal::Refusal;

/// The members that matter. What a rule has to judge stays raw.
pub(crate) struct Header<'a> {
    alg: Option<Value<'a>>,
    typ: Option<Value<'a>>,
    kid: Option<Cow<'a, str>>,
    extended: bool,
    nested: bool,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(compact: &'a Compact<'_>) -> Result<Self, Refusal> {
        let text = compact.header()?;
        let [alg, typ, cty, kid, crit, b64] =
            read_object(text, &["alg", "typ", "cty", "kid", "crit", "b64"])?;
        check_depth(text)?;
        // A `kid` or `cty` of another type is no JOSE header, null included (RFC 7515 4.1.4, 4.1.10; spec BCL-56).
        let string = |value: Value<'a>| value.as_text().ok_or(Refusal::Malformed);
        let kid = kid.map(string).transpose()?;
        let cty = cty.map(string).transpose()?;
        Ok(Self {
            alg,
            typ,
            kid,
            // Presence, not value: no extension is implemented, so none can be understood (spec BCL-54).
            extended: crit.is_some() || b64.is_some(),
            nested: cty.is_some_and(|cty| {
                cty.eq_ignore_ascii_case("jwt") || cty.eq_ignore_ascii_case("application/jwt")
            }),
        })
    }

    /// The key the token names, if it names one.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm the token names, if it is one there is.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::named(&self.alg?.as_text()?)
    }

    /// Everything about the header but its `typ`: extensions, nesting, algorithm.
    pub(crate) fn check(&self, expected: Algorithm) -> Result<(), Refusal> {
        if self.extended {
            return Err(Refusal::UnsupportedCrit);
        }
        // A nested signed token (RFC 7519 5.2; spec BCL-58).
        if self.nested {
            return Err(Refusal::Malformed);
        }
        if self.algorithm() == Some(expected) {
            return Ok(());
        }
        match self.alg.and_then(Value::as_text) {
            Some(name) if name.eq_ignore_ascii_case("none") => Err(Refusal::AlgNone),
            _ => Err(Refusal::AlgNotAllowed),
        }
    }

    /// Whether `typ` is that of a Logout Token, or, unless `strict`, absent or that of any JWT (spec BCL-55).
    ///
    /// Media types are compared without regard to case (RFC 7515 4.1.9).
    pub(crate) fn check_typ(&self, strict: bool) -> Result<(), Refusal> {
        let accepted = match self.typ.map(Value::as_text) {
            None => !strict,
            Some(None) => false,
            Some(Some(typ)) => {
                typ.eq_ignore_ascii_case("logout+jwt")
                    || typ.eq_ignore_ascii_case("application/logout+jwt")
                    || (!strict && typ.eq_ignore_ascii_case("jwt"))
            }
        };
        accepted.then_some(()).ok_or(Refusal::WrongTyp)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn check(header: &str, strict: bool) -> Result<(), Refusal> {
        let token = format!("{}.e30.", URL_SAFE_NO_PAD.encode(header));
        let compact = Compact::decode(&token)?;
        let header = Header::parse(&compact)?;
        header.check(Algorithm::Rs256)?;
        header.check_typ(strict)
    }

    fn with(members: &str) -> Result<(), Refusal> {
        check(&format!("{{\"alg\":\"RS256\",{members}}}"), false)
    }

    #[test]
    fn alg_is_exactly_the_expected_one() {
        // BCL-38, BCL-52
        assert_eq!(check(r#"{"alg":"RS256"}"#, false), Ok(()));
        for header in [
            "{}",
            r#"{"alg":null}"#,
            r#"{"alg":256}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"rs256"}"#,
            r#"{"alg":"RS256 "}"#,
            r#"{"alg":""}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"PS256"}"#,
        ] {
            assert_eq!(
                check(header, false),
                Err(Refusal::AlgNotAllowed),
                "{header}"
            );
        }
    }

    #[test]
    fn an_unsigned_token_is_refused_however_none_is_spelled() {
        // BCL-53
        for name in ["none", "None", "nOnE", "NONE", "non\\u0065"] {
            let header = format!("{{\"alg\":\"{name}\"}}");
            assert_eq!(check(&header, false), Err(Refusal::AlgNone), "{header}");
        }
    }

    #[test]
    fn crit_and_b64_are_refused_by_presence() {
        // BCL-54
        for member in ["crit", "b64"] {
            for value in [
                "[\"exp\"]",
                "[\"b64\"]",
                "[]",
                "\"exp\"",
                "null",
                "false",
                "true",
            ] {
                let member = format!("\"{member}\":{value}");
                assert_eq!(with(&member), Err(Refusal::UnsupportedCrit), "{member}");
            }
        }
    }

    #[test]
    fn typ_is_compared_without_regard_to_case() {
        // BCL-55
        for (typ, default, strict) in [
            ("JWT", Ok(()), Err(Refusal::WrongTyp)),
            ("jwt", Ok(()), Err(Refusal::WrongTyp)),
            ("logout+jwt", Ok(()), Ok(())),
            ("Logout+JWT", Ok(()), Ok(())),
            ("application/logout+jwt", Ok(()), Ok(())),
            ("APPLICATION/LOGOUT+JWT", Ok(()), Ok(())),
        ] {
            let header = format!("{{\"alg\":\"RS256\",\"typ\":\"{typ}\"}}");
            assert_eq!(check(&header, false), default, "{typ}");
            assert_eq!(check(&header, true), strict, "{typ}");
        }
        assert_eq!(check(r#"{"alg":"RS256"}"#, false), Ok(()));
        assert_eq!(check(r#"{"alg":"RS256"}"#, true), Err(Refusal::WrongTyp));
    }

    #[test]
    fn any_other_typ_is_refused_in_both_modes() {
        // BCL-55, BCL-118
        for typ in [
            "\"at+jwt\"",
            "\"dpop+jwt\"",
            "\"secevent+jwt\"",
            "\"id_token+jwt\"",
            "\"JWE\"",
            "\"JOSE\"",
            "\"application/jwt\"",
            "\"logout+jwt \"",
            "\"\"",
            "1",
            "null",
            "true",
            "[\"logout+jwt\"]",
            "{}",
        ] {
            let header = format!("{{\"alg\":\"RS256\",\"typ\":{typ}}}");
            assert_eq!(check(&header, false), Err(Refusal::WrongTyp), "{typ}");
            assert_eq!(check(&header, true), Err(Refusal::WrongTyp), "{typ}");
        }
    }

    #[test]
    fn kid_is_a_string_if_it_is_there() {
        // BCL-56
        assert_eq!(with(r#""kid":"../../etc/passwd""#), Ok(()));
        for kid in ["1", "null", "{}", "[\"a\"]", "true"] {
            assert_eq!(
                with(&format!("\"kid\":{kid}")),
                Err(Refusal::Malformed),
                "{kid}"
            );
        }
    }

    #[test]
    fn key_material_in_the_header_is_not_looked_at() {
        // BCL-57
        assert_eq!(
            with(r#""jku":1,"x5u":null,"jwk":[],"x5c":"x","x5t":{},"zip":"DEF""#),
            Ok(())
        );
    }

    #[test]
    fn a_nested_token_is_malformed() {
        // BCL-58
        for cty in ["\"JWT\"", "\"jwt\"", "\"application/jwt\"", "1", "null"] {
            assert_eq!(
                with(&format!("\"cty\":{cty}")),
                Err(Refusal::Malformed),
                "{cty}"
            );
        }
        assert_eq!(with(r#""cty":"json""#), Ok(()));
    }

    #[test]
    fn a_repeated_member_is_refused_also_in_another_spelling() {
        // BCL-51
        for header in [
            r#"{"alg":"none","alg":"RS256"}"#,
            r#"{"alg":"RS256","\u0061lg":"none"}"#,
            r#"{"alg":"RS256","jwk":1,"jwk":2}"#,
        ] {
            assert_eq!(check(header, false), Err(Refusal::DuplicateMember));
        }
    }
}
