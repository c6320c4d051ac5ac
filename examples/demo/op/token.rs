//! The token endpoint: a code for an ID Token (Core 3.1.3).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::state::seconds;
use super::{Client, Op};
use crate::shared::cookies::random_id;

const ID_TOKEN_LIFETIME: u64 = 5 * 60;

/// `POST /token`.
pub(super) async fn token(
    State(op): State<Arc<Op>>,
    headers: HeaderMap,
    Form(request): Form<HashMap<String, String>>,
) -> Response {
    let Some(client) = authenticate(&op, &headers, &request) else {
        return error(StatusCode::UNAUTHORIZED, "invalid_client");
    };
    if request
        .get("grant_type")
        .is_none_or(|grant| grant != "authorization_code")
    {
        return error(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let code = request
        .get("code")
        .and_then(|code| op.update(|state| state.redeem(code)))
        .filter(|code| code.client_id == client.id)
        .filter(|code| request.get("redirect_uri") == Some(&code.redirect_uri))
        .filter(|code| {
            let verifier = request.get("code_verifier").map_or("", String::as_str);
            let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            challenge == code.code_challenge
        });
    let Some(code) = code else {
        return error(StatusCode::BAD_REQUEST, "invalid_grant");
    };

    // A session that was cleared while its code was on the way gives no token any more.
    let now = SystemTime::now();
    let session = op.update(|state| {
        let session = state.session_by_sid(&code.sid)?;
        session.applications.insert(client.id.clone(), now);
        Some(session.clone())
    });
    let Some(session) = session else {
        return error(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let mut claims = json!({
        "iss": op.issuer,
        "sub": session.account.id,
        "aud": client.id,
        "exp": seconds(now) + ID_TOKEN_LIFETIME,
        "iat": seconds(now),
        "auth_time": seconds(session.since),
        "sid": session.sid,
        "name": session.account.name,
    });
    if let Some(nonce) = code.nonce {
        claims["nonce"] = nonce.into();
    }
    let answer = json!({
        "access_token": random_id(),
        "token_type": "Bearer",
        "expires_in": ID_TOKEN_LIFETIME,
        "id_token": op.key.sign("JWT", &claims),
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// By HTTP Basic or in the form (RFC 6749, 2.3.1).
fn authenticate<'a>(
    op: &'a Op,
    headers: &HeaderMap,
    request: &HashMap<String, String>,
) -> Option<&'a Client> {
    let (id, secret) = match headers.get(header::AUTHORIZATION) {
        Some(header) => {
            let encoded = header.to_str().ok()?.strip_prefix("Basic ")?;
            let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
            let (id, secret) = pair.split_once(':')?;
            let decode = |text: &str| {
                let mut pairs = form_urlencoded::parse(text.as_bytes());
                pairs.next().map(|(name, _)| name.into_owned())
            };
            (decode(id)?, decode(secret)?)
        }
        None => (
            request.get("client_id")?.clone(),
            request.get("client_secret")?.clone(),
        ),
    };
    let client = op.client(&id)?;
    let equal = verify_slices_are_equal(client.secret.as_bytes(), secret.as_bytes());
    equal.ok().map(|()| client)
}

fn error(status: StatusCode, code: &str) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, Json(json!({"error": code}))).into_response()
}
