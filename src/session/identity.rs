//! Whose session it is, as the ID Token said at login.

use crate::clock::UnixTime;
use crate::types::{ClientId, Issuer, Sid, Subject};

/// The claims of the ID Token that tie a session to the OP: what a Logout Token is compared with.
///
/// Stateless applications keep exactly this in their cookie or token.
///
/// ```
/// use tower_backchannel_logout::clock::UnixTime;
/// use tower_backchannel_logout::session::SessionIdentity;
/// use tower_backchannel_logout::{ClientId, Issuer, Sid, Subject};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = SessionIdentity::new(
///     Issuer::parse("https://op.example")?, // byte for byte as in the ID Token
///     ClientId::parse("orders-web")?,
///     Subject::parse("customer-1")?,
/// )
/// .with_sid(Sid::parse("session-1")?) // if the ID Token has one
/// .with_id_token_iat(UnixTime::from_secs(1_700_000_000)); // of the first ID Token
/// # let _ = identity;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionIdentity {
    issuer: Issuer,
    client_id: ClientId,
    subject: Subject,
    sid: Option<Sid>,
    id_token_iat: Option<UnixTime>,
}

impl SessionIdentity {
    /// An identity from the `iss`, the own `client_id` and the `sub` of the ID Token.
    #[must_use]
    pub const fn new(issuer: Issuer, client_id: ClientId, subject: Subject) -> Self {
        Self {
            issuer,
            client_id,
            subject,
            sid: None,
            id_token_iat: None,
        }
    }

    /// Adds the `sid` of the ID Token: a [`Sid`], or an `Option` of one as the claims have it. The default is none, as at an OP
    /// that does not name its sessions; a logout of one session then reaches this one by its `sub`, if the token has one.
    #[must_use]
    pub fn with_sid(mut self, sid: impl Into<Option<Sid>>) -> Self {
        self.sid = sid.into();
        self
    }

    /// Adds the `iat` of the *first* ID Token of this session (spec BCL-143). Keep it when tokens are refreshed.
    ///
    /// Without it every logout of the subject reaches the session, however old.
    #[must_use]
    pub const fn with_id_token_iat(mut self, iat: UnixTime) -> Self {
        self.id_token_iat = Some(iat);
        self
    }

    /// The OP that authenticated the customer.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// This RP's `client_id` at that OP.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The customer.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The session at the OP, if the OP names its sessions.
    #[must_use]
    pub const fn sid(&self) -> Option<&Sid> {
        self.sid.as_ref()
    }

    /// The `iat` of the first ID Token.
    #[must_use]
    pub const fn id_token_iat(&self) -> Option<UnixTime> {
        self.id_token_iat
    }
}
