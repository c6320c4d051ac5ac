//! The customer's own logout at the provider (RP-Initiated Logout 1.0). It always asks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Op;
use super::authorize::{is_from_here, session_cookie};
use crate::shared::page::{Page, Part, fill, problem};

const PAGE: &str = include_str!("../pages/end_session.html");

type Fields = HashMap<String, String>;

/// `GET /end-session`: the question.
pub(super) async fn ask(
    State(op): State<Arc<Op>>,
    Query(request): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let name = session_cookie(&op)
        .read(&headers)
        .and_then(|cookie| op.read(|state| state.session(cookie).map(|s| s.account.name)));
    let Some(name) = name else {
        return leave(&op, &request);
    };
    let field = |name: &str| request.get(name).map_or("", String::as_str);
    let parts = [
        ("name", Part::Text(name)),
        ("client_id", Part::Text(field("client_id"))),
        ("uri", Part::Text(field("post_logout_redirect_uri"))),
        ("state", Part::Text(field("state"))),
    ];
    let title = format!("Sign out \u{b7} {}", op.brand.name);
    let targets: Vec<&str> = op
        .clients
        .iter()
        .map(|client| client.url.as_str())
        .collect();
    let body = fill(PAGE, &parts);
    let page = Page {
        form_targets: &targets.join(" "),
        ..Page::new(&title, &body)
    };
    page.response(&op.brand).into_response()
}

/// `POST /end-session`: the customer confirmed.
pub(super) async fn confirmed(
    State(op): State<Arc<Op>>,
    headers: HeaderMap,
    Form(request): Form<Fields>,
) -> Response {
    if !is_from_here(&op, &headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let cookie = session_cookie(&op);
    if let Some(value) = cookie.read(&headers)
        && let Some(session) = op.update(|state| state.end(value))
    {
        op.tell(session.account, &[session]).await;
    }
    let mut answer = leave(&op, &request);
    let set_cookie = cookie.remove().parse().expect("a cookie is a header");
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie);
    answer
}

/// Back to the application, if it named a registered address; else a page.
fn leave(op: &Op, request: &Fields) -> Response {
    let client = request.get("client_id").and_then(|id| op.client(id));
    let uri = client.map(|client| format!("{}/", client.url));
    match uri.filter(|uri| request.get("post_logout_redirect_uri") == Some(uri)) {
        Some(uri) => {
            let state = request.get("state").filter(|state| !state.is_empty());
            let query = state.map(|state| {
                let mut query = form_urlencoded::Serializer::new(String::new());
                format!("?{}", query.append_pair("state", state).finish())
            });
            let location = uri + &query.unwrap_or_default();
            (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
        }
        None => {
            let text = "You are signed out of the provider and of every application you used.";
            let heading = "You are signed out";
            problem(
                &op.brand,
                StatusCode::OK,
                heading,
                text,
                "/",
                "Admin console",
            )
            .into_response()
        }
    }
}
