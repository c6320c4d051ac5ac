//! Rows as sessions.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{PostgresStoreError, unreadable};
use crate::session::{EndedSession, LogoutRequest, Session, SessionIdentity, Terminated};
use crate::store::remote::Look;
use crate::store::remote::time::from_seconds;
use crate::types::{ClientId, Issuer, SessionId, Sid, Subject};

/// The states of a row, see `schema.sql`.
const LIVE: i16 = 0;
const MOVED: i16 = 3;

pub(super) fn look(row: Option<&PgRow>) -> Result<Look, PostgresStoreError> {
    let Some(row) = row else {
        return Ok(Look::Unknown);
    };
    let state: i16 = row.try_get("state")?;
    if state == MOVED {
        return Ok(match row.try_get::<Option<&str>, _>("moved_to")? {
            Some(id) => Look::MovedTo(SessionId::reread(id)),
            None => Look::Ended,
        });
    }
    if state != LIVE || !row.try_get("is_live")? {
        return Ok(Look::Ended);
    }
    let identity = identity(
        Issuer::reread(row.try_get("issuer")?),
        ClientId::reread(row.try_get("client_id")?),
        row.try_get("sub")?,
        row.try_get("sid")?,
        row.try_get("iat")?,
    );
    let expires_at = from_seconds(row.try_get("expires_at")?);
    Ok(Look::Live(
        Session::new(identity).with_expires_at(expires_at),
    ))
}

fn identity(
    issuer: Issuer,
    client_id: ClientId,
    subject: &str,
    sid: Option<&str>,
    iat: Option<i64>,
) -> SessionIdentity {
    let mut identity = SessionIdentity::new(issuer, client_id, Subject::reread(subject));
    if let Some(sid) = sid {
        identity = identity.with_sid(Sid::reread(sid));
    }
    if let Some(iat) = iat {
        identity = identity.with_id_token_iat(from_seconds(iat));
    }
    identity
}

/// The report of a logout: four lists of one length. The sessions of a logout all have its issuer and client.
pub(super) fn terminated(
    row: &PgRow,
    request: &LogoutRequest,
) -> Result<Terminated, PostgresStoreError> {
    let ids: Vec<String> = row.try_get("ids")?;
    let subjects: Vec<String> = row.try_get("subs")?;
    let sids: Vec<Option<String>> = row.try_get("sids")?;
    let iats: Vec<Option<i64>> = row.try_get("iats")?;
    let count = ids.len();
    if [subjects.len(), sids.len(), iats.len()] != [count; 3] {
        return Err(unreadable("the lists of a report differ in length"));
    }
    let sessions = ids.iter().zip(&subjects).zip(sids.iter().zip(iats));
    let sessions = sessions.map(|((id, subject), (sid, iat))| {
        let (issuer, client_id) = (request.issuer().clone(), request.client_id().clone());
        let identity = identity(issuer, client_id, subject, sid.as_deref(), iat);
        EndedSession::new(SessionId::reread(id)).with_identity(identity)
    });
    let mut terminated = Terminated::new(sessions.collect());
    let newly_ended: i64 = row.try_get("newly_ended")?;
    terminated.newly_ended = usize::try_from(newly_ended).unwrap_or_default();
    Ok(terminated)
}
