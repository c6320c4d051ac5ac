//! The authorization endpoint: who are you? (Core 3.1.2)

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::{IntoResponse, Response as AnyResponse};

use super::state::{ACCOUNTS, Account, Code};
use super::{Client, Op};
use crate::shared::cookies::Cookie;
use crate::shared::page::{Page, Part, fill, problem};

const PAGE: &str = include_str!("../pages/sign_in.html");
const CHOICE: &str = include_str!("../pages/sign_in_choice.html");
const FIELDS: [&str; 6] = [
    "client_id",
    "redirect_uri",
    "code_challenge",
    "scope",
    "state",
    "nonce",
];

type Fields = HashMap<String, String>;

pub(super) fn session_cookie(op: &Op) -> Cookie {
    Cookie::new("provider", &op.issuer)
}

/// `GET /authorize`: straight back for a customer who is signed in, else the question.
pub(super) async fn authorize(
    State(op): State<Arc<Op>>,
    Query(request): Query<Fields>,
    headers: HeaderMap,
) -> AnyResponse {
    let Some(client) = known_client(&op, &request) else {
        return nobody_asked(&op).into_response();
    };
    let is = |name: &str, value: &str| request.get(name).is_some_and(|v| v == value);
    if !is("response_type", "code") {
        return back(&op, client, &request, "error", "unsupported_response_type");
    }
    let openid = request
        .get("scope")
        .is_some_and(|s| s.split(' ').any(|s| s == "openid"));
    if !openid || !is("code_challenge_method", "S256") || !request.contains_key("code_challenge") {
        return back(&op, client, &request, "error", "invalid_request");
    }
    let cookie = session_cookie(&op);
    let sid = cookie
        .read(&headers)
        .and_then(|cookie| op.read(|state| state.session(cookie).map(|s| s.sid.clone())));
    match sid {
        Some(sid) if !is("prompt", "login") => with_code(&op, client, &request, sid),
        _ if is("prompt", "none") => back(&op, client, &request, "error", "login_required"),
        _ => question(&op, client, &request).into_response(),
    }
}

/// `POST /sign-in`: the customer chose who they are.
pub(super) async fn sign_in(
    State(op): State<Arc<Op>>,
    headers: HeaderMap,
    Form(request): Form<Fields>,
) -> AnyResponse {
    let Some(client) = known_client(&op, &request) else {
        return nobody_asked(&op).into_response();
    };
    let account = request.get("account").and_then(|id| Account::find(id));
    let Some(account) = account.filter(|_| is_from_here(&op, &headers)) else {
        return back(&op, client, &request, "error", "access_denied");
    };
    let cookie = session_cookie(&op);
    let (value, sid) = op.update(|state| {
        // The browser changes hands: its old session is over.
        if let Some(old) = cookie.read(&headers) {
            state.end(old);
        }
        let value = state.begin(account);
        let sid = state.session(&value).map(|s| s.sid.clone());
        (value, sid.unwrap_or_default())
    });
    let mut answer = with_code(&op, client, &request, sid);
    let set_cookie = cookie.store(&value).parse().expect("a cookie is a header");
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie);
    answer
}

/// A form of this provider's own pages.
pub(super) fn is_from_here(op: &Op, headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .is_none_or(|origin| origin == op.issuer.as_str())
}

fn known_client<'a>(op: &'a Op, request: &Fields) -> Option<&'a Client> {
    let client = op.client(request.get("client_id")?)?;
    (request.get("redirect_uri") == Some(&client.redirect_uri())).then_some(client)
}

/// Without a registered pair of client and address the browser is sent nowhere (RFC 6749, 4.1.2.1).
fn nobody_asked(op: &Op) -> Response<String> {
    let heading = "Nobody asked for this sign-in";
    let text = "The application or the address to return to is not registered here.";
    let status = StatusCode::BAD_REQUEST;
    problem(&op.brand, status, heading, text, "/", "Admin console")
}

fn with_code(op: &Op, client: &Client, request: &Fields, sid: String) -> AnyResponse {
    let code = Code {
        client_id: client.id.clone(),
        redirect_uri: client.redirect_uri(),
        code_challenge: request.get("code_challenge").cloned().unwrap_or_default(),
        nonce: request.get("nonce").cloned(),
        sid,
        issued_at: SystemTime::now(),
    };
    let code = op.update(|state| state.issue(code));
    back(op, client, request, "code", &code)
}

fn back(op: &Op, client: &Client, request: &Fields, name: &str, value: &str) -> AnyResponse {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair(name, value)
        .append_pair("iss", &op.issuer);
    if let Some(state) = request.get("state") {
        query.append_pair("state", state);
    }
    let location = format!("{}?{}", client.redirect_uri(), query.finish());
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn question(op: &Op, client: &Client, request: &Fields) -> Response<String> {
    let fields: String = FIELDS
        .iter()
        .filter_map(|name| Some((*name, request.get(*name)?)))
        .map(|(name, value)| {
            let parts = [("name", Part::Text(name)), ("value", Part::Text(value))];
            fill(
                r#"<input type="hidden" name="{{name}}" value="{{value}}">"#,
                &parts,
            )
        })
        .collect();
    let choices: String = ACCOUNTS
        .iter()
        .map(|account| {
            let parts = [
                ("id", Part::Text(account.id)),
                ("name", Part::Text(account.name)),
                ("initials", Part::Text(account.initials)),
            ];
            fill(CHOICE, &parts)
        })
        .collect();
    let parts = [
        ("application", Part::Text(client.name.as_str())),
        ("fields", Part::Html(&fields)),
        ("choices", Part::Html(&choices)),
    ];
    let title = format!("Sign in \u{b7} {}", op.brand.name);
    // The form leads on to the application, and browsers hold redirects to the policy too.
    let body = fill(PAGE, &parts);
    let page = Page {
        form_targets: &client.url,
        ..Page::new(&title, &body)
    };
    page.response(&op.brand)
}
