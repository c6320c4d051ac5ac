//! The browser's and the application's part of a login: code flow with PKCE, user info, RP-initiated logout.

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use form_urlencoded::{Serializer, parse};
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::client::ClientRegistration;
use super::server::{Reply, json, redirect, text};
use super::sessions::send_all;
use crate::testing::draft::DEFAULT_SUBJECT;
use crate::testing::keys::{base64url, random_id};

const SESSION_COOKIE: &str = "fake_op_session";

/// What a code stands for, until it is used once.
pub(super) struct Grant {
    client_id: String,
    redirect_uri: String,
    challenge: Option<String>,
    nonce: Option<String>,
    sid: String,
}

type Form = HashMap<String, String>;

fn form(bytes: &[u8]) -> Form {
    parse(bytes).into_owned().collect()
}

impl Shared {
    /// Core 3.1.2: approves at once. Problems that must not be sent to the redirect URI are answered 400.
    pub(super) fn authorize<B>(&self, request: &Request<B>) -> Response<Reply> {
        let query = form(request.uri().query().unwrap_or_default().as_bytes());
        let parameter = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        let Some(client) = self.client(parameter("client_id")) else {
            return text(StatusCode::BAD_REQUEST, "unknown client_id");
        };
        let redirect_uri = parameter("redirect_uri");
        if !client.allows_redirect_to(redirect_uri) {
            return text(
                StatusCode::BAD_REQUEST,
                "redirect_uri missing or not registered",
            );
        }
        let back = |members: &[(&str, &str)]| {
            let mut members = members.to_vec();
            members.push(("iss", &self.issuer));
            members.extend(query.get("state").map(|state| ("state", state.as_str())));
            redirect(&with_query(redirect_uri, &members))
        };
        if parameter("response_type") != "code" {
            return back(&[("error", "unsupported_response_type")]);
        }
        if !parameter("scope").split(' ').any(|scope| scope == "openid") {
            return back(&[("error", "invalid_scope")]);
        }
        let challenge = query.get("code_challenge").cloned();
        let plain = challenge.is_some() && parameter("code_challenge_method") != "S256";
        if plain || (challenge.is_none() && client.secret.is_none()) {
            return back(&[("error", "invalid_request")]);
        }
        let user = query.get("login_hint").map(String::as_str);
        let running = cookie(request.headers()).filter(|sid| {
            let session = self.session(sid);
            session.is_some_and(|session| user.is_none_or(|user| user == session.user))
        });
        let sid = running.unwrap_or_else(|| self.open_session(user.unwrap_or(DEFAULT_SUBJECT)));
        let code = random_id();
        let grant = Grant {
            client_id: client.client_id,
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            nonce: query.get("nonce").cloned(),
            sid: sid.clone(),
        };
        self.state().codes.insert(code.clone(), grant);
        let mut response = back(&[("code", &code)]);
        let cookie = format!("{SESSION_COOKIE}={sid}; Path=/; HttpOnly; SameSite=Lax");
        let cookie = HeaderValue::from_str(&cookie).expect("a sid is base64url");
        response.headers_mut().insert(SET_COOKIE, cookie);
        response
    }

    /// Core 3.1.3.
    pub(super) fn token(&self, headers: &HeaderMap, body: &[u8]) -> Response<Reply> {
        let form = form(body);
        let Some(client) = self.authenticate(headers, &form) else {
            return json(
                StatusCode::UNAUTHORIZED,
                &json!({ "error": "invalid_client" }),
            );
        };
        let answer = match form.get("grant_type").map(String::as_str) {
            Some("authorization_code") => self.redeem(&client, &form).ok_or("invalid_grant"),
            Some(_) => Err("unsupported_grant_type"),
            None => Err("invalid_request"),
        };
        let mut response = match answer {
            Ok(tokens) => json(StatusCode::OK, &tokens),
            Err(error) => json(StatusCode::BAD_REQUEST, &json!({ "error": error })),
        };
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
        response
    }

    fn redeem(&self, client: &ClientRegistration, form: &Form) -> Option<Value> {
        // Removed before it is checked: a code is good for one attempt.
        let grant = self.state().codes.remove(form.get("code")?)?;
        if grant.client_id != client.client_id || form.get("redirect_uri")? != &grant.redirect_uri {
            return None;
        }
        match (&grant.challenge, form.get("code_verifier")) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) => {
                let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
                if base64url(hash) != *challenge {
                    return None;
                }
            }
            _ => return None,
        }
        let login = self.join(&grant.sid, client, grant.nonce.as_deref())?;
        let access_token = random_id();
        let mut state = self.state();
        state.access_tokens.insert(access_token.clone(), login.sub);
        Some(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "openid",
            "id_token": login.id_token,
        }))
    }

    /// RFC 6749 2.3.1, and a bare `client_id` for a public client.
    fn authenticate(&self, headers: &HeaderMap, form: &Form) -> Option<ClientRegistration> {
        let (id, secret) = match headers.get(AUTHORIZATION) {
            Some(value) => {
                let (id, secret) = basic(value)?;
                (id, Some(secret))
            }
            None => (
                form.get("client_id")?.clone(),
                form.get("client_secret").cloned(),
            ),
        };
        self.client(&id).filter(|client| client.secret == secret)
    }

    /// Core 5.3, with `sub` alone.
    pub(super) fn user_info(&self, headers: &HeaderMap) -> Response<Reply> {
        let value = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        let state = self.state();
        match token.and_then(|token| state.access_tokens.get(token)) {
            Some(sub) => json(StatusCode::OK, &json!({ "sub": sub })),
            None => json(
                StatusCode::UNAUTHORIZED,
                &json!({ "error": "invalid_token" }),
            ),
        }
    }

    /// RP-Initiated Logout 1.0: the session is that of the `id_token_hint` or of the browser. The answer comes after
    /// all back-channel deliveries.
    pub(super) async fn end_session(&self, headers: &HeaderMap, input: &[u8]) -> Response<Reply> {
        let form = form(input);
        let hinted = form.get("id_token_hint").and_then(|token| sid_of(token));
        if let Some(sid) = hinted.or_else(|| cookie(headers)) {
            send_all(self.end_sid(&sid)).await;
        }
        match form.get("post_logout_redirect_uri") {
            Some(uri) => {
                let state = form.get("state").map(|state| ("state", state.as_str()));
                redirect(&with_query(uri, state.as_slice()))
            }
            None => text(StatusCode::OK, "you are signed out"),
        }
    }
}

fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let text = value.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both halves are form-encoded before they are joined (RFC 6749 2.3.1).
    let decoded = |text: &str| {
        let pair = format!("v={text}");
        parse(pair.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}

/// The `sid` claim of an ID Token, unverified: a forged hint only ends a session of a test.
fn sid_of(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("sid")?.as_str().map(str::to_owned)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, sid)| sid.to_owned())
}

fn with_query(uri: &str, members: &[(&str, &str)]) -> String {
    if members.is_empty() {
        return uri.to_owned();
    }
    let query = Serializer::new(String::new())
        .extend_pairs(members)
        .finish();
    let glue = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{glue}{query}")
}
