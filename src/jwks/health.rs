//! What can be said about a key set without showing it.

use std::fmt;
use std::time::Duration;

use crate::fetch::FetchErrorKind;

/// Why an attempt to obtain keys failed.
///
/// Likely causes and what to do are on the page [`operation`](crate::guide::operation#keys) of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysErrorKind {
    /// A document could not be fetched.
    Fetch(FetchErrorKind),
    /// What came was not provider metadata: no JSON object, or without `issuer` or `jwks_uri` (Discovery 3).
    ///
    /// Code: `not_metadata`.
    #[doc(alias = "not_metadata")]
    NotMetadata,
    /// The metadata is that of another issuer (Discovery 4.3, spec BCL-32).
    ///
    /// Code: `wrong_issuer`.
    #[doc(alias = "wrong_issuer")]
    WrongIssuer,
    /// The `jwks_uri` of the metadata is not `https` (spec BCL-33).
    ///
    /// Code: `jwks_uri`.
    #[doc(alias = "jwks_uri")]
    JwksUri,
    /// What came was not a key set with a `keys` array (RFC 7517 5).
    ///
    /// Code: `not_a_key_set`.
    #[doc(alias = "not_a_key_set")]
    NotAKeySet,
    /// The key set has no key that can verify anything.
    ///
    /// Code: `no_usable_key`.
    #[doc(alias = "no_usable_key")]
    NoUsableKey,
    /// There is no tokio runtime to fetch on.
    ///
    /// Code: `no_runtime`.
    #[doc(alias = "no_runtime")]
    NoRuntime,
    /// The attempt was broken off: its runtime was shut down, or the client panicked.
    ///
    /// Code: `attempt_interrupted`.
    #[doc(alias = "attempt_interrupted")]
    Interrupted,
    /// No attempt was possible within the budget (spec BCL-75).
    ///
    /// Code: `budget`.
    #[doc(alias = "budget")]
    Budget,
}

impl KeysErrorKind {
    /// The stable code of the reason, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fetch(kind) => kind.code(),
            Self::NotMetadata => "not_metadata",
            Self::WrongIssuer => "wrong_issuer",
            Self::JwksUri => "jwks_uri",
            Self::NotAKeySet => "not_a_key_set",
            Self::NoUsableKey => "no_usable_key",
            Self::NoRuntime => "no_runtime",
            Self::Interrupted => "attempt_interrupted",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for KeysErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// There are no keys to verify with: our own inability, never the fault of a token (spec BCL-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the provider cannot be obtained ({kind})")]
pub struct KeysUnavailable {
    kind: KeysErrorKind,
}

impl KeysUnavailable {
    pub(crate) const fn new(kind: KeysErrorKind) -> Self {
        Self { kind }
    }

    /// Why the latest attempt failed.
    #[must_use]
    pub const fn kind(&self) -> KeysErrorKind {
        self.kind
    }
}

/// How a key set is doing. Holds no keys and no secrets; cheap enough for a health endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysHealth {
    /// How long ago the set was fetched or confirmed; `None` before the first success, and for a static set.
    pub age: Option<Duration>,
    /// The number of usable keys; 0 without a set.
    pub keys: usize,
    /// Whether a token can be verified now: there is a set and it is not older than `max_stale`.
    pub usable: bool,
    /// Why the latest attempt failed; `None` when it succeeded.
    pub last_error: Option<KeysErrorKind>,
    /// Attempts since the start, failed ones included.
    pub attempts: u64,
    /// Failed attempts since the start.
    pub failures: u64,
}

impl KeysHealth {
    /// That of a set that never changes.
    pub(crate) fn fixed(keys: usize) -> Self {
        Self {
            keys,
            usable: true,
            ..Self::default()
        }
    }
}

/// One line for a health page: `2 keys, 40 s old`, or `0 keys; last error: connect`.
impl fmt::Display for KeysHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.keys)?;
        if let Some(age) = self.age {
            write!(f, ", {} s old", age.as_secs())?;
        }
        if self.keys > 0 && !self.usable {
            f.write_str(", too old to use")?;
        }
        if let Some(error) = self.last_error {
            write!(f, "; last error: {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_of_keys_is_one_line() {
        let mut health = KeysHealth::fixed(2);
        assert_eq!(health.to_string(), "2 keys");
        health.age = Some(Duration::from_millis(40_900));
        assert_eq!(health.to_string(), "2 keys, 40 s old");
        health.usable = false;
        health.last_error = Some(KeysErrorKind::NoUsableKey);
        assert_eq!(
            health.to_string(),
            "2 keys, 40 s old, too old to use; last error: no_usable_key"
        );
    }
}
