//! The claims of a Logout Token, judged in the order of BCL 2.6.

use super::claims::{Audience, Claims, Events, time};
use super::number::NumericDate;
use super::{LogoutToken, TokenPolicy};
use crate::clock::UnixTime;
use crate::jose::Value;
use crate::refusal::Refusal;
use crate::session::LogoutTarget;
use crate::types::{ClientId, Issuer, Jti, Sid, Subject};

pub(super) fn validate(
    claims: &Claims<'_>,
    symmetric: bool,
    issuer: &Issuer,
    client_id: &ClientId,
    policy: &TokenPolicy,
    now: UnixTime,
) -> Result<LogoutToken, Refusal> {
    // Step 4: as an ID Token.
    if claims.iss.as_deref() != Some(issuer.as_str()) {
        return Err(Refusal::WrongIssuer);
    }
    check_audience(&claims.aud, symmetric, client_id, policy)?;
    check_azp(claims.azp, client_id)?;
    let times = Times::check(claims, policy, now)?;
    // Step 5.
    let target = target(claims, policy)?;
    // Step 6.
    let events = Events::parse(claims.events.ok_or(Refusal::EventsMissing)?)?;
    // Step 7. Presence, not value: "nonce": null is refused too.
    if claims.nonce.is_some() {
        return Err(Refusal::NoncePresent);
    }
    // BCL 2.4. Step 8, whether it was seen before, is for the caller.
    let jti = jti(claims.jti, policy)?;
    Ok(LogoutToken {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        target,
        issued_at: times.iat.rounded_up(),
        expires_at: times.exp.map(NumericDate::rounded_up),
        usable_until: times.usable_until(policy),
        jti,
        revoke_offline_access: events.revoke_offline_access,
        events: events.raw.into(),
    })
}

/// Spec BCL-85, 101, 102.
fn check_audience(
    aud: &Audience<'_>,
    symmetric: bool,
    client_id: &ClientId,
    policy: &TokenPolicy,
) -> Result<(), Refusal> {
    if !aud.contains(client_id.as_str()) {
        return Err(Refusal::WrongAudience);
    }
    // Core does not say whose secret would be the key of a token for several.
    if symmetric && aud.as_slice().len() > 1 {
        return Err(Refusal::UntrustedAudience);
    }
    let trusted = |audience: &str| audience == client_id.as_str() || policy.trusts(audience);
    let all_trusted = aud.as_slice().iter().all(|audience| trusted(audience));
    all_trusted.then_some(()).ok_or(Refusal::UntrustedAudience)
}

/// Spec BCL-103. Presence, not value: an `azp` that is no string is not this client.
fn check_azp(azp: Option<Value<'_>>, client_id: &ClientId) -> Result<(), Refusal> {
    let is_ours = |azp: Value<'_>| azp.as_text().is_some_and(|azp| azp == client_id.as_str());
    azp.is_none_or(is_ours)
        .then_some(())
        .ok_or(Refusal::WrongAzp)
}

struct Times {
    iat: NumericDate,
    exp: Option<NumericDate>,
}

impl Times {
    fn check(claims: &Claims<'_>, policy: &TokenPolicy, now: UnixTime) -> Result<Self, Refusal> {
        let earliest = now.saturating_sub(policy.leeway);
        let latest = now.saturating_add(policy.leeway);
        // Spec BCL-104: whether or not `exp` is there.
        let iat = time(claims.iat, Refusal::IatInvalid)?.ok_or(Refusal::IatMissing)?;
        if iat.is_later_than(latest) {
            return Err(Refusal::IatInFuture);
        }
        if iat.is_earlier_than(earliest.saturating_sub(policy.max_age)) {
            return Err(Refusal::TooOld);
        }
        // Spec BCL-105: `exp` is the first moment at which the token is no longer good.
        let exp = time(claims.exp, Refusal::ExpInvalid)?;
        if exp.is_some_and(|exp| !exp.is_later_than(earliest)) {
            return Err(Refusal::Expired);
        }
        // Spec BCL-106.
        if exp.is_none() && policy.require_exp {
            return Err(Refusal::ExpMissing);
        }
        // Spec BCL-174.
        if let (Some(exp), Some(limit)) = (exp, policy.max_lifetime)
            && exp.is_later_by_more_than(limit.saturating_add(policy.leeway), iat)
        {
            return Err(Refusal::LifetimeTooLong);
        }
        // Spec BCL-107.
        let nbf = time(claims.nbf, Refusal::NbfInvalid)?;
        if nbf.is_some_and(|nbf| nbf.is_later_than(latest)) {
            return Err(Refusal::NotYetValid);
        }
        Ok(Self { iat, exp })
    }

    /// The first second at which [`check`](Self::check) refuses this token for its age or its `exp`.
    fn usable_until(&self, policy: &TokenPolicy) -> UnixTime {
        let last_by_iat = self
            .iat
            .rounded_down()
            .saturating_add(policy.max_age)
            .saturating_add(policy.leeway);
        let by_iat = UnixTime::from_secs(last_by_iat.as_secs().saturating_add(1));
        match self.exp {
            Some(exp) => by_iat.min(exp.rounded_up().saturating_add(policy.leeway)),
            None => by_iat,
        }
    }
}

/// Spec BCL-110 to 112, 117.
fn target(claims: &Claims<'_>, policy: &TokenPolicy) -> Result<LogoutTarget, Refusal> {
    // An identifier that is there but is none spoils the token: guessing could end more than was asked.
    let subject = identifier(claims.sub, Refusal::InvalidSub, Subject::parse)?;
    let sid = identifier(claims.sid, Refusal::InvalidSid, Sid::parse)?;
    match (sid, subject) {
        (Some(sid), subject) => Ok(LogoutTarget::Session { sid, subject }),
        (None, None) => Err(Refusal::NoSubOrSid),
        (None, Some(_)) if policy.require_sid => Err(Refusal::SidMissing),
        (None, Some(subject)) => Ok(LogoutTarget::Subject(subject)),
    }
}

/// Spec BCL-109.
fn jti(claim: Option<Value<'_>>, policy: &TokenPolicy) -> Result<Option<Jti>, Refusal> {
    match identifier(claim, Refusal::JtiInvalid, Jti::parse)? {
        None if !policy.allow_missing_jti => Err(Refusal::JtiMissing),
        jti => Ok(jti),
    }
}

/// A non-empty string of at most 2048 bytes. JSON null is the same as absent: a real OP sends `"sub": null`.
fn identifier<T, E>(
    claim: Option<Value<'_>>,
    invalid: Refusal,
    parse: impl FnOnce(Box<str>) -> Result<T, E>,
) -> Result<Option<T>, Refusal> {
    let Some(value) = claim.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let text = value.as_text().ok_or(invalid)?;
    parse(text.into()).map(Some).map_err(|_| invalid)
}
