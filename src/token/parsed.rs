//! A token that is well-formed and not yet believed.

use super::claims::{Claims, time};
use super::{LogoutToken, TokenPolicy, validate};
use crate::clock::UnixTime;
use crate::jose::{Algorithm, Compact, Header, JwkSet, Keys, verify_refreshed};
use crate::refusal::Refusal;
use crate::types::{ClientId, Issuer};

/// A signed token, taken apart. Until [`verify_signature`](Self::verify_signature) its claims only choose whose
/// configuration applies (spec BCL-42, 70).
///
/// The steps, in this order (spec BCL-172): `parse`, choose by `issuer` and `names_audience`, `check_header`,
/// `verify_signature`, `validate`.
pub(crate) struct ParsedToken<'a> {
    compact: &'a Compact<'a>,
    header: Header<'a>,
    claims: Claims<'a>,
}

impl<'a> ParsedToken<'a> {
    /// Reads header and payload: both are JSON objects with unique member names.
    pub(crate) fn parse(compact: &'a Compact<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            compact,
            header: Header::parse(compact)?,
            claims: Claims::parse(compact)?,
        })
    }

    /// The unverified `iss`, if it is a string.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    /// Whether the unverified `aud` names that client.
    pub(crate) fn names_audience(&self, client_id: &str) -> bool {
        self.claims.aud.contains(client_id)
    }

    /// The key the token names.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid()
    }

    /// The unverified `iat`, rounded down, if it is a number.
    pub(crate) fn iat(&self) -> Option<UnixTime> {
        let iat = time(self.claims.iat, Refusal::IatInvalid).ok()??;
        Some(iat.rounded_down())
    }

    /// Spec BCL-52 to 58.
    pub(crate) fn check_header(
        &self,
        expected: Algorithm,
        policy: &TokenPolicy,
    ) -> Result<(), Refusal> {
        self.header.check(expected)?;
        self.header.check_typ(policy.strict_typ)
    }

    /// Spec BCL-70 to 74, 78, 85. The header has been checked against the same algorithm.
    pub(crate) fn verify_signature(
        &self,
        expected: Algorithm,
        keys: Keys<'_>,
    ) -> Result<(), Refusal> {
        keys.verify(self.compact, expected, self.kid())
    }

    /// [`verify_signature`](Self::verify_signature) once more, with the keys that a refresh brought.
    pub(crate) fn verify_refreshed(
        &self,
        expected: Algorithm,
        seen: &JwkSet,
        newer: &JwkSet,
    ) -> Result<(), Refusal> {
        verify_refreshed(seen, newer, self.compact, expected, self.kid())
    }

    /// Spec BCL-100 to 117, against one reading of the clock. The signature has been verified.
    pub(crate) fn validate(
        self,
        issuer: &Issuer,
        client_id: &ClientId,
        policy: &TokenPolicy,
        now: UnixTime,
    ) -> Result<LogoutToken, Refusal> {
        // The one algorithm that was expected, or the header check would have refused it.
        let symmetric = self.header.algorithm().is_none_or(Algorithm::is_symmetric);
        validate::validate(&self.claims, symmetric, issuer, client_id, policy, now)
    }
}
