//! How real providers differ from the default (section 8 of the specification of this crate).

/// A set of switches by the name of what needs it.
///
/// The default takes what every provider known to us sends as it is: without `exp` (Ory Hydra, older releases of others),
/// with `typ` absent or `JWT`, with `sub` alone, `sid` alone or both, with a `null` `sub` (Rauthy), with further events
/// (Keycloak), with an array of one as `aud`. A profile exists only where a switch has to be turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// What every provider but those below needs.
    #[default]
    Standard,
    /// Keycloak: never encrypts Logout Tokens, also not for a client whose ID Tokens are encrypted, so a token that is only
    /// signed is accepted even with decryption keys configured (spec BCL-60).
    Keycloak,
    /// Apereo CAS: puts the token into the query string of the POST (spec BCL-10). It then appears in access logs.
    ApereoCas,
    /// The strict profile (spec BCL-174, ASVS 10.5.5): `typ` must be `logout+jwt`, `exp` must be there and at most 120 seconds
    /// after `iat` (and the leeway). For an OP that is known to send such tokens; others are refused.
    Strict,
}
