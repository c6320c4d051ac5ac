//! What a client registers (Registration 2, BCL 2.2).

use std::fmt;

/// A client of a [`FakeProvider`](super::FakeProvider).
///
/// The default one is [`DEFAULT_ID`](Self::DEFAULT_ID) with [`DEFAULT_SECRET`](Self::DEFAULT_SECRET), `RS256`, any
/// `redirect_uri`, and no back-channel logout URL.
#[derive(Clone)]
pub struct ClientRegistration {
    pub(super) client_id: String,
    pub(super) secret: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) backchannel_logout_uri: Option<String>,
    pub(super) session_required: bool,
    pub(super) alg: String,
}

impl ClientRegistration {
    /// The `client_id` of the default client.
    pub const DEFAULT_ID: &'static str = "test-client";

    /// The secret of the default client; long enough for `HS512`.
    pub const DEFAULT_SECRET: &'static str =
        "a secret for tests that is long enough to be an HMAC key with SHA-512";

    /// A public client: it has no secret and must use PKCE.
    #[must_use]
    pub fn public(client_id: impl fmt::Display) -> Self {
        Self {
            client_id: client_id.to_string(),
            secret: None,
            redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            session_required: true,
            alg: "RS256".to_owned(),
        }
    }

    /// A confidential client: `client_secret_basic` and `client_secret_post` both work.
    #[must_use]
    pub fn confidential(client_id: impl fmt::Display, secret: impl Into<String>) -> Self {
        Self {
            secret: Some(secret.into()),
            ..Self::public(client_id)
        }
    }

    /// Allows this `redirect_uri`. As long as none is given, every one is allowed.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Where Logout Tokens go (`backchannel_logout_uri`): an `http` URL. Without one, none are sent.
    #[must_use]
    pub fn with_backchannel_logout_uri(mut self, uri: impl Into<String>) -> Self {
        self.backchannel_logout_uri = Some(uri.into());
        self
    }

    /// `backchannel_logout_session_required`: whether ID and Logout Tokens carry a `sid`. True by default, other than
    /// in the specification, as most providers send it.
    #[must_use]
    pub fn with_session_required(mut self, required: bool) -> Self {
        self.session_required = required;
        self
    }

    /// `id_token_signed_response_alg`; `RS256` by default.
    #[must_use]
    pub fn with_alg(mut self, alg: impl Into<String>) -> Self {
        self.alg = alg.into();
        self
    }

    /// Whether a redirect to this URI is allowed.
    pub(super) fn allows_redirect_to(&self, uri: &str) -> bool {
        !uri.is_empty()
            && (self.redirect_uris.is_empty() || self.redirect_uris.iter().any(|one| one == uri))
    }
}

impl Default for ClientRegistration {
    fn default() -> Self {
        Self::confidential(Self::DEFAULT_ID, Self::DEFAULT_SECRET)
    }
}

impl fmt::Debug for ClientRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRegistration")
            .field("client_id", &self.client_id)
            .field("alg", &self.alg)
            .field("backchannel_logout_uri", &self.backchannel_logout_uri)
            .finish_non_exhaustive()
    }
}
