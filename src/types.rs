//! The words of the protocol as types: parsed once at the edge, trusted afterwards.
//!
//! Values that identify a person or a session are redacted in `Debug`: a log line can never leak one by accident.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::config::ConfigError;

/// An error of any type, as applications and HTTP clients have them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Longest `sub`, `sid` or `jti` that is taken, in bytes (spec BCL-111).
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 2048;

/// Why a string is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// It has no characters.
    #[error("the identifier is empty")]
    Empty,
    /// It has more than 2048 bytes.
    #[error("the identifier is longer than 2048 bytes")]
    TooLong,
}

/// The OP's identifier: an `https` URL without query and fragment, kept and compared byte for byte (BCL 2.6 step 4,
/// Discovery 3).
///
/// `https://op.example` and `https://op.example/` are two issuers. `http` is taken for loopback hosts alone, so that
/// an application can be tried on one machine.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// Takes an issuer as the OP publishes it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `issuer` when it is not an absolute `https` URL, has a query, a fragment or user
    /// information, or is `http` on a host other than loopback.
    pub fn parse(issuer: impl AsRef<str>) -> Result<Self, ConfigError> {
        let text = issuer.as_ref();
        check_url("issuer", text)?;
        if text.contains('?') {
            return Err(ConfigError::new(
                "issuer",
                "has a query; an issuer never has one (Discovery 3)",
            ));
        }
        Ok(Self(Arc::from(text)))
    }

    /// A value that was parsed before and then kept as text.
    #[allow(dead_code, reason = "the stores in memory keep it as it is")]
    pub(crate) fn reread(checked: &str) -> Self {
        Self(Arc::from(checked))
    }

    /// The issuer exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses what is not an absolute `https` URL (or `http` on a loopback host) without fragment and user information.
pub(crate) fn check_url(field: &'static str, text: &str) -> Result<(), ConfigError> {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return Err(ConfigError::new(
            field,
            "is not a URL; write https://host/path",
        ));
    };
    if text.contains('#') {
        return Err(ConfigError::new(field, "has a fragment; remove it"));
    }
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return Err(ConfigError::new(
            field,
            "is not an absolute URL; write https://host/path",
        ));
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(ConfigError::new(field, "holds user information; remove it"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        Some("http") => Err(ConfigError::new(
            field,
            "is plain http; use https (http is for loopback hosts only)",
        )),
        _ => Err(ConfigError::new(
            field,
            "is not an https URL; write https://host/path",
        )),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl FromStr for Issuer {
    type Err = ConfigError;

    fn from_str(issuer: &str) -> Result<Self, ConfigError> {
        Self::parse(issuer)
    }
}

impl AsRef<str> for Issuer {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({:?})", &*self.0)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `client_id` of this RP at the OP: the `aud` of its ID and Logout Tokens (BCL 2.4).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Takes a client identifier as the OP assigned it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `client_id` when it is empty or longer than 2048 bytes.
    pub fn parse(client_id: impl AsRef<str>) -> Result<Self, ConfigError> {
        let text = client_id.as_ref();
        match check_identifier(text) {
            Ok(()) => Ok(Self(Arc::from(text))),
            Err(IdentifierError::Empty) => Err(ConfigError::new(
                "client_id",
                "is empty; give the one that the provider assigned",
            )),
            Err(IdentifierError::TooLong) => {
                Err(ConfigError::new("client_id", "is longer than 2048 bytes"))
            }
        }
    }

    /// A value that was parsed before and then kept as text.
    #[allow(dead_code, reason = "the stores in memory keep it as it is")]
    pub(crate) fn reread(checked: &str) -> Self {
        Self(Arc::from(checked))
    }

    /// The client identifier exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = ConfigError;

    fn from_str(client_id: &str) -> Result<Self, ConfigError> {
        Self::parse(client_id)
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:?})", &*self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_identifier(text: &str) -> Result<(), IdentifierError> {
    match text.len() {
        0 => Err(IdentifierError::Empty),
        length if length > MAX_IDENTIFIER_BYTES => Err(IdentifierError::TooLong),
        _ => Ok(()),
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident($text:ty)) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($text);

        impl $name {
            /// Takes the value as it is: it is opaque, and compared byte for byte.
            ///
            /// # Errors
            ///
            /// [`IdentifierError`] when it is empty or longer than 2048 bytes.
            pub fn parse(value: impl Into<$text>) -> Result<Self, IdentifierError> {
                let value = value.into();
                check_identifier(&value)?;
                Ok(Self(value))
            }

            /// A value that was parsed before and then kept as text.
            #[allow(dead_code, reason = "not every identifier is kept as text")]
            pub(crate) fn reread(checked: &str) -> Self {
                Self(checked.into())
            }

            /// The value exactly as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

opaque! {
    /// The OP's name for a customer: the `sub` claim (Core 2).
    Subject(Box<str>)
}
opaque! {
    /// The OP's name for one session of a customer at the OP: the `sid` claim (BCL 2.1).
    Sid(Box<str>)
}
opaque! {
    /// The name of one Logout Token: the `jti` claim (BCL 2.4).
    Jti(Box<str>)
}
opaque! {
    /// The RP's own key of a session, for example the value of its cookie. It is a credential: whoever knows it *is*
    /// the customer, so it is never logged.
    SessionId(Arc<str>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_that_differ_by_a_slash_are_two_issuers() {
        // BCL-30
        let one = Issuer::parse("https://op.example").unwrap();
        let two = Issuer::parse("https://op.example/").unwrap();
        assert_ne!(one, two);
        assert_eq!(two.as_str(), "https://op.example/");
    }

    #[test]
    fn an_issuer_is_https_without_query_fragment_and_user_information() {
        // BCL-30
        for bad in [
            "",
            "op.example",
            "/op",
            "https://",
            "http://op.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "ftp://op.example",
            "https://op.example?x=1",
            "https://op.example?",
            "https://op.example/#f",
            "https://op.example#",
            "https://user@op.example",
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_hosts_alone() {
        // BCL-30
        for good in [
            "http://localhost:8080",
            "http://127.0.0.1:1/a",
            "http://[::1]:9/",
            "http://127.9.9.9",
        ] {
            assert!(Issuer::parse(good).is_ok(), "{good} was refused");
        }
    }

    #[test]
    fn settings_can_be_parsed_where_a_configuration_is_read() {
        let issuer: Issuer = "https://op.example".parse().unwrap();
        assert_eq!(issuer.as_str(), "https://op.example");
        assert_eq!("op".parse::<Issuer>().unwrap_err().field(), "issuer");
        assert!("orders-web".parse::<ClientId>().is_ok());
        assert_eq!("".parse::<ClientId>().unwrap_err().field(), "client_id");
    }

    #[test]
    fn identifiers_are_bounded_on_both_sides() {
        // BCL-111
        assert_eq!(Sid::parse(""), Err(IdentifierError::Empty));
        assert!(Sid::parse("x".repeat(2048)).is_ok());
        assert_eq!(Sid::parse("x".repeat(2049)), Err(IdentifierError::TooLong));
    }

    #[test]
    fn identifiers_that_name_a_person_or_session_are_redacted_in_debug() {
        // BCL-170
        let shown = format!(
            "{:?} {:?} {:?} {:?}",
            Subject::parse("marker").unwrap(),
            Sid::parse("marker").unwrap(),
            Jti::parse("marker").unwrap(),
            SessionId::parse("marker").unwrap()
        );
        assert!(!shown.contains("marker"), "{shown}");
    }
}
