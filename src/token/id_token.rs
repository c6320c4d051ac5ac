//! The login side: a Logout Token is no ID Token (BCL 4.1, spec BCL-119).

use crate::jose::{Compact, Value, read_object};

/// Why a token must not be taken as an ID Token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenRefusal {
    /// It is not a signed token in compact form with JSON claims.
    #[error("the ID token is not a well-formed signed JWT")]
    Malformed,
    /// It has an `events` claim: it is a Logout Token or another event.
    #[error("the ID token has an events claim; it is a logout token or another event")]
    HasEvents,
    /// Its `nonce` is not the one of this login. A Logout Token has none (BCL 2.4).
    #[error("the nonce of the ID token is not the one of this login")]
    WrongNonce,
}

/// Keeps a Logout Token from being taken as an ID Token at login: both are signed by the same key for the same audience.
///
/// Call it in the login callback with the signed ID Token (where it was encrypted, what was inside) and the `nonce` that the
/// authorization request sent.
/// It does not replace the verification of the ID Token; it adds what generic libraries leave out, the refusal of `events`,
/// and makes the `nonce` mandatory.
///
/// ```
/// use tower_backchannel_logout::token::{IdTokenRefusal, check_id_token};
///
/// // {"nonce":"n-1"} and {"events":{}}
/// assert_eq!(check_id_token("e30.eyJub25jZSI6Im4tMSJ9.AA", "n-1"), Ok(()));
/// assert_eq!(
///     check_id_token("e30.eyJldmVudHMiOnt9fQ.AA", "n-1"),
///     Err(IdTokenRefusal::HasEvents)
/// );
/// ```
///
/// # Errors
///
/// [`IdTokenRefusal`]; the login must then fail.
pub fn check_id_token(id_token: &str, expected_nonce: &str) -> Result<(), IdTokenRefusal> {
    let malformed = |_| IdTokenRefusal::Malformed;
    let compact = Compact::decode(id_token).map_err(malformed)?;
    let claims = compact.payload().map_err(malformed)?;
    let [events, nonce] = read_object(claims, &["events", "nonce"]).map_err(malformed)?;
    if events.is_some() {
        return Err(IdTokenRefusal::HasEvents);
    }
    match nonce.and_then(Value::as_text) {
        Some(nonce) if nonce == expected_nonce => Ok(()),
        _ => Err(IdTokenRefusal::WrongNonce),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn check(claims: &str) -> Result<(), IdTokenRefusal> {
        check_id_token(&format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(claims)), "n")
    }

    #[test]
    fn a_logout_token_is_not_taken_as_an_id_token() {
        // BCL-119
        assert_eq!(check(r#"{"nonce":"n"}"#), Ok(()));
        for claims in [
            r#"{"nonce":"n","events":{}}"#,
            r#"{"nonce":"n","events":null}"#,
            r#"{"nonce":"n","\u0065vents":[]}"#,
        ] {
            assert_eq!(check(claims), Err(IdTokenRefusal::HasEvents), "{claims}");
        }
    }

    #[test]
    fn the_nonce_of_this_login_is_required() {
        // BCL-119
        for claims in [
            "{}",
            r#"{"nonce":"m"}"#,
            r#"{"nonce":null}"#,
            r#"{"nonce":["n"]}"#,
        ] {
            assert_eq!(check(claims), Err(IdTokenRefusal::WrongNonce), "{claims}");
        }
    }

    #[test]
    fn what_is_no_signed_token_is_malformed() {
        // BCL-119
        for claims in ["[]", r#"{"nonce":"n","nonce":"n"}"#, ""] {
            assert_eq!(check(claims), Err(IdTokenRefusal::Malformed), "{claims}");
        }
        assert_eq!(check_id_token("", "n"), Err(IdTokenRefusal::Malformed));
    }
}
