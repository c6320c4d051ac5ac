//! The claims, read in one pass and not yet judged.

use std::borrow::Cow;

use super::number::NumericDate;
use crate::jose::{Compact, Value, check_depth, read_object};
use crate::refusal::Refusal;

/// The event of a Logout Token (BCL 2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The members that a Logout Token is judged by. Every other claim is ignored (spec BCL-116).
pub(super) struct Claims<'a> {
    pub(super) iss: Option<Cow<'a, str>>,
    pub(super) aud: Audience<'a>,
    pub(super) azp: Option<Value<'a>>,
    pub(super) iat: Option<Value<'a>>,
    pub(super) exp: Option<Value<'a>>,
    pub(super) nbf: Option<Value<'a>>,
    pub(super) jti: Option<Value<'a>>,
    pub(super) sub: Option<Value<'a>>,
    pub(super) sid: Option<Value<'a>>,
    pub(super) events: Option<Value<'a>>,
    pub(super) nonce: Option<Value<'a>>,
}

impl<'a> Claims<'a> {
    pub(super) fn parse(compact: &'a Compact<'_>) -> Result<Self, Refusal> {
        let text = compact.payload()?;
        let [iss, aud, azp, iat, exp, nbf, jti, sub, sid, events, nonce] = read_object(
            text,
            &[
                "iss", "aud", "azp", "iat", "exp", "nbf", "jti", "sub", "sid", "events", "nonce",
            ],
        )?;
        check_depth(text)?;
        Ok(Self {
            iss: iss.and_then(Value::as_text),
            aud: Audience::parse(aud),
            azp,
            iat,
            exp,
            nbf,
            jti,
            sub,
            sid,
            events,
            nonce,
        })
    }
}

/// How many audiences a token may name. Each of them is held against each client before the signature is checked, so an
/// array as long as a token can be is not even read to its end (spec BCL-173).
const MAX_AUDIENCES: usize = 64;

/// Who the token is for: a string or a non-empty array of strings (Core 2). Anything else is nobody.
pub(super) enum Audience<'a> {
    Nobody,
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Audience<'a> {
    fn parse(aud: Option<Value<'a>>) -> Self {
        let Some(aud) = aud else {
            return Self::Nobody;
        };
        if let Some(one) = aud.as_text() {
            return Self::One(one);
        }
        aud.as_texts(MAX_AUDIENCES).map_or(Self::Nobody, Self::Many)
    }

    pub(super) fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Nobody => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(super) fn contains(&self, client: &str) -> bool {
        self.as_slice().iter().any(|audience| audience == client)
    }
}

/// A time claim: absent, or a number, or refused.
pub(super) fn time(
    claim: Option<Value<'_>>,
    invalid: Refusal,
) -> Result<Option<NumericDate>, Refusal> {
    let number = claim.map(|value| value.as_number().ok_or(invalid));
    Ok(number.transpose()?.map(NumericDate::parse))
}

/// What the `events` claim says beyond its being there.
pub(super) struct Events<'a> {
    pub(super) raw: &'a str,
    /// The hint of one OP (spec BCL-151).
    pub(super) revoke_offline_access: bool,
}

impl<'a> Events<'a> {
    /// An object with the logout event, whose value is an object too (BCL 2.6 step 6; spec BCL-113, 114).
    pub(super) fn parse(events: Value<'a>) -> Result<Self, Refusal> {
        let members = read_object(events.as_raw(), &[LOGOUT_EVENT, "revoke_offline_access"]);
        let [logout, revoke_offline_access] = members.map_err(|refusal| match refusal {
            Refusal::DuplicateMember => refusal,
            _ => Refusal::EventsInvalid,
        })?;
        if !logout.is_some_and(Value::is_object) {
            return Err(Refusal::EventsInvalid);
        }
        Ok(Self {
            raw: events.as_raw(),
            revoke_offline_access: revoke_offline_access.is_some_and(Value::is_true),
        })
    }
}
