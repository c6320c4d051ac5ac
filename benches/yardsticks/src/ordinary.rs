//! The endpoint as one writes it in an afternoon: axum, jsonwebtoken, a map behind a lock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Form, Router};
use http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::token::{CLIENT, ISSUER, SESSIONS, uuid};

#[derive(Deserialize)]
struct Body {
    logout_token: String,
}

#[derive(Deserialize)]
struct Claims {
    sid: Option<String>,
    sub: Option<String>,
    jti: String,
    events: HashMap<String, serde_json::Value>,
    nonce: Option<serde_json::Value>,
}

#[derive(Default)]
struct Sessions {
    subject_of_sid: HashMap<String, String>,
    sids_of_subject: HashMap<String, HashSet<String>>,
    seen: HashSet<String>,
}

struct App {
    key: DecodingKey,
    validation: Validation,
    sessions: Mutex<Sessions>,
}

pub fn router(jwk: &str) -> Router {
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(jwk).expect("a JWK");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[CLIENT]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    let mut sessions = Sessions::default();
    for number in 0..SESSIONS {
        let name = uuid(number);
        sessions.subject_of_sid.insert(name.clone(), name.clone());
        sessions
            .sids_of_subject
            .insert(name.clone(), HashSet::from([name]));
    }
    let app = App {
        key: DecodingKey::from_jwk(&jwk).expect("an RSA key"),
        validation,
        sessions: Mutex::new(sessions),
    };
    Router::new()
        .route("/backchannel-logout", post(logout))
        .with_state(Arc::new(app))
}

async fn logout(State(app): State<Arc<App>>, Form(body): Form<Body>) -> StatusCode {
    let Ok(token) = jsonwebtoken::decode::<Claims>(&body.logout_token, &app.key, &app.validation)
    else {
        return StatusCode::BAD_REQUEST;
    };
    let claims = token.claims;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    if claims.nonce.is_some() || !claims.events.contains_key(event) {
        return StatusCode::BAD_REQUEST;
    }
    let mut sessions = app.sessions.lock().expect("no panic");
    if !sessions.seen.insert(claims.jti) {
        return StatusCode::BAD_REQUEST;
    }
    match (claims.sid, claims.sub) {
        (Some(sid), _) => {
            if let Some(subject) = sessions.subject_of_sid.remove(&sid)
                && let Some(sids) = sessions.sids_of_subject.get_mut(&subject)
            {
                sids.remove(&sid);
            }
        }
        (None, Some(subject)) => {
            for sid in sessions
                .sids_of_subject
                .remove(&subject)
                .unwrap_or_default()
            {
                sessions.subject_of_sid.remove(&sid);
            }
        }
        (None, None) => return StatusCode::BAD_REQUEST,
    }
    StatusCode::OK
}
