//! A session as one line of text; `records.lua` says what is in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::time;
use crate::clock::UnixTime;
use crate::session::SessionIdentity;
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

/// What the Rust side needs of a line.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: SessionId,
    pub(super) identity: SessionIdentity,
    pub(super) expires_at: UnixTime,
}

/// Issuer, client, `sub` and `sid`; whatever is in them.
type Names<S> = (S, S, S, Option<S>);

pub(super) fn id_to_text(id: &SessionId) -> String {
    URL_SAFE_NO_PAD.encode(id.as_str())
}

pub(super) fn id_from_text(text: &str) -> Option<SessionId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(SessionId::reread(std::str::from_utf8(&bytes).ok()?))
}

pub(super) fn names_to_text(identity: &SessionIdentity) -> String {
    let names: Names<&str> = (
        identity.issuer().as_str(),
        identity.client_id().as_str(),
        identity.subject().as_str(),
        identity.sid().map(Sid::as_str),
    );
    // Text is always JSON; nothing in it can fail.
    serde_json::to_string(&names).unwrap_or_default()
}

/// The new id, if the line says that the session moved.
pub(super) fn moved_to(line: &str) -> Option<SessionId> {
    id_from_text(line.split(' ').nth(4)?)
}

pub(super) fn read(line: &str) -> Option<Record> {
    let mut words = line.splitn(8, ' ');
    let (_state, expires_at, iat) = (words.next()?, words.next()?, words.next()?);
    let (_last_refused, id) = (words.next()?, words.next()?);
    let (_finer, _coarser, names) = (words.next()?, words.next()?, words.next()?);
    let (issuer, client_id, subject, sid): Names<String> = serde_json::from_str(names).ok()?;
    let mut identity = SessionIdentity::new(
        Issuer::reread(&issuer),
        ClientId::reread(&client_id),
        Subject::reread(&subject),
    );
    if let Some(sid) = sid {
        identity = identity.with_sid(Sid::reread(&sid));
    }
    if iat != "-" {
        identity = identity.with_id_token_iat(time::from_text(iat)?);
    }
    Some(Record {
        id: id_from_text(id)?,
        identity,
        expires_at: time::from_text(expires_at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_a_name_comes_back() {
        for (name, sid) in [
            ("plain", None),
            ("with spaces - and\nlines", Some("a \"quoted\" \\ one")),
            ("größe \u{0} 🦀", Some("-")),
        ] {
            let mut identity = SessionIdentity::new(
                Issuer::parse("https://op.example/a").unwrap(),
                ClientId::parse(name).unwrap(),
                Subject::parse(name).unwrap(),
            );
            if let Some(sid) = sid {
                identity = identity
                    .with_sid(Sid::parse(sid).unwrap())
                    .with_id_token_iat(UnixTime::from_secs(-5));
            }
            let id = SessionId::parse(name).unwrap();
            let iat = identity.id_token_iat().map_or("-".into(), time::to_text);
            let (id_text, names) = (id_to_text(&id), names_to_text(&identity));
            let line = format!("live 7 {iat} - {id_text} x y {names}");
            let record = read(&line).unwrap();
            assert_eq!(record.id, id);
            assert_eq!(record.identity, identity);
            assert_eq!(record.expires_at, UnixTime::from_secs(7));
            assert_eq!(moved_to(&format!("moved 7 - 6 {id_text} - - -")), Some(id));
        }
        for line in [
            "",
            "live",
            "live x - - YQ x y []",
            "live 7 - - ! x y [\"a\",\"b\",\"c\",null]",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
