//! What to register at the OP (BCL 2.2).

use serde::Serialize;

use crate::config::ConfigError;

/// The client metadata of Back-Channel Logout, as dynamic registration takes it (BCL 2.2). It serialises to its two members,
/// to be merged into the rest of the registration.
///
/// ```
/// use tower_backchannel_logout::provider::LogoutRegistration;
///
/// # fn main() -> Result<(), tower_backchannel_logout::config::ConfigError> {
/// let registration = LogoutRegistration::parse("https://rp.example/backchannel-logout")?
///     .with_session_required(true);
/// assert_eq!(
///     serde_json::to_string(&registration).unwrap(),
///     r#"{"backchannel_logout_uri":"https://rp.example/backchannel-logout","backchannel_logout_session_required":true}"#,
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogoutRegistration {
    backchannel_logout_uri: String,
    backchannel_logout_session_required: bool,
}

impl LogoutRegistration {
    /// The URL of this RP's endpoint, kept as it is, its query included.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `backchannel_logout_uri` when it is relative, has a fragment, or is neither `https` nor `http`
    /// (spec BCL-36).
    pub fn parse(url: impl Into<String>) -> Result<Self, ConfigError> {
        const FIELD: &str = "backchannel_logout_uri";
        let url = url.into();
        if url.contains('#') {
            return Err(ConfigError::new(FIELD, "has a fragment; remove it"));
        }
        let Ok(uri) = url.parse::<http::Uri>() else {
            return Err(ConfigError::new(
                FIELD,
                "is not a URL; write https://host/path",
            ));
        };
        if uri.host().is_none_or(str::is_empty) {
            return Err(ConfigError::new(
                FIELD,
                "is not an absolute URL; write https://host/path",
            ));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") => tracing::warn!(
                "the backchannel_logout_uri is plain http: tokens can be read on the way, and an OP takes it only for confidential clients"
            ),
            _ => {
                return Err(ConfigError::new(
                    FIELD,
                    "is not an https URL; write https://host/path",
                ));
            }
        }
        Ok(Self {
            backchannel_logout_uri: url,
            backchannel_logout_session_required: false,
        })
    }

    /// Whether the OP must name the session in each Logout Token (`sid`). Default: `false`, as in the specification. `true` is
    /// better where the OP supports it: a logout then ends one session and not all of the customer's.
    #[must_use]
    pub const fn with_session_required(mut self, required: bool) -> Self {
        self.backchannel_logout_session_required = required;
        self
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.backchannel_logout_uri
    }

    /// Whether the URL is plain `http`, which is allowed only for confidential clients where the OP agrees (BCL 2.2).
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        let scheme = self.backchannel_logout_uri.get(..5);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
    }
}
