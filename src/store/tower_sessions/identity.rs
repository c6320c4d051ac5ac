//! The identity inside of a session: how it is written, and what of it is believed.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::clock::UnixTime;
use crate::session::SessionIdentity;
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

/// The key of a tower-sessions session that belongs to this crate: under it is whose session it is. Write it with
/// [`IdentityInSession::insert_identity`](super::IdentityInSession::insert_identity) alone.
pub const IDENTITY_KEY: &str = "tower-backchannel-logout";

pub(super) type Data = HashMap<String, Value>;

/// The session holds something under [`IDENTITY_KEY`] that is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session holds no readable identity under the key {IDENTITY_KEY:?}")]
pub(super) struct Unreadable;

/// What is under the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) identity: SessionIdentity,
    /// The id under which this identity was live when the session was loaded. None while it is a login that nobody has registered
    /// yet. It is written by the store alone, on each load: what was saved of it is not believed.
    pub(super) bound: Option<SessionId>,
}

impl Entry {
    pub(super) const fn login(identity: SessionIdentity) -> Self {
        Self {
            identity,
            bound: None,
        }
    }

    pub(super) fn read(data: &Data) -> Result<Option<Self>, Unreadable> {
        data.get(IDENTITY_KEY).map(Self::parse).transpose()
    }

    pub(super) fn parse(value: &Value) -> Result<Self, Unreadable> {
        let members = value.as_object().ok_or(Unreadable)?;
        let mut identity = SessionIdentity::new(
            Issuer::parse(required(members, "iss")?).map_err(|_| Unreadable)?,
            ClientId::parse(required(members, "client_id")?).map_err(|_| Unreadable)?,
            Subject::parse(required(members, "sub")?).map_err(|_| Unreadable)?,
        );
        if let Some(sid) = text(members, "sid")? {
            identity = identity.with_sid(Sid::parse(sid).map_err(|_| Unreadable)?);
        }
        if let Some(iat) = members.get("iat") {
            let iat = iat.as_i64().ok_or(Unreadable)?;
            identity = identity.with_id_token_iat(UnixTime::from_secs(iat));
        }
        let bound = text(members, "id")?.map(SessionId::parse).transpose();
        Ok(Self {
            identity,
            bound: bound.map_err(|_| Unreadable)?,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let identity = &self.identity;
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("iss", identity.issuer().as_str().into());
        put("client_id", identity.client_id().as_str().into());
        put("sub", identity.subject().as_str().into());
        if let Some(sid) = identity.sid() {
            put("sid", sid.as_str().into());
        }
        if let Some(iat) = identity.id_token_iat() {
            put("iat", iat.as_secs().into());
        }
        if let Some(bound) = &self.bound {
            put("id", bound.as_str().into());
        }
        Value::Object(members)
    }
}

/// Says under which id the identity in the data is registered.
pub(super) fn bind(data: &mut Data, id: &SessionId) {
    if let Some(Value::Object(members)) = data.get_mut(IDENTITY_KEY) {
        members.insert("id".to_owned(), id.as_str().into());
    }
}

fn required<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Unreadable> {
    text(members, name)?.ok_or(Unreadable)
}

/// Presence, not value: a member that is there and no string is a defect, and `null` is no way to leave a `sid` out.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Unreadable> {
    let member = members.get(name);
    member
        .map(|value| value.as_str().ok_or(Unreadable))
        .transpose()
}
