//! The admin console: customers, their sessions, the deliveries; and the way to clear sessions.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, State as AppState};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response as AnyResponse};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::Op;
use super::authorize::is_from_here;
use super::deliveries::{Delivery, Outcome};
use super::state::{ACCOUNTS, Account, STORE, Session};
use crate::shared::page::{Page, Part, fill};

const PAGE: &str = include_str!("../pages/console.html");
const STYLE: &str = include_str!("../pages/console.css");
const SCRIPT: &str = include_str!("../pages/console.js");
const CUSTOMER: &str = include_str!("../pages/customer.html");
const SESSION: &str = include_str!("../pages/session.html");
const DELIVERY: &str = include_str!("../pages/delivery.html");
const APPLICATION: &str = include_str!("../pages/application.html");

/// `GET /`: the console.
pub(super) async fn console(AppState(op): AppState<Arc<Op>>) -> Response<String> {
    let customers: String = ACCOUNTS
        .iter()
        .map(|account| {
            let sessions = sessions(&op, account);
            let parts = [
                ("id", Part::Text(account.id)),
                ("name", Part::Text(account.name)),
                ("initials", Part::Text(account.initials)),
                ("path", Part::Text(&clear_path(account))),
                ("sessions", Part::Html(&sessions)),
            ];
            fill(CUSTOMER, &parts)
        })
        .collect();
    let applications: String = op
        .clients
        .iter()
        .map(|client| {
            let parts = [
                ("name", Part::Text(client.name.as_str())),
                ("url", Part::Text(&client.url)),
                ("backchannel", Part::Text(&client.backchannel_logout_uri)),
            ];
            fill(APPLICATION, &parts)
        })
        .collect();
    let names: Vec<String> = op
        .clients
        .iter()
        .map(|client| {
            let parts = [
                ("name", Part::Text(&client.name)),
                ("url", Part::Text(&client.url)),
            ];
            fill(
                "<a href=\"{{url}}\" target=\"_blank\" rel=\"noopener\">{{name}}</a>",
                &parts,
            )
        })
        .collect();
    let curl = format!("curl -X DELETE {}{}", op.issuer, clear_path(&ACCOUNTS[0]));
    let parts = [
        ("names", Part::Html(&names.join(" and "))),
        ("customers", Part::Html(&customers)),
        ("applications", Part::Html(&applications)),
        ("deliveries", Part::Html(&deliveries(&op))),
        ("curl", Part::Text(&curl)),
    ];
    let title = format!("Admin console \u{b7} {}", op.brand.name);
    let body = fill(PAGE, &parts);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        ..Page::new(&title, &body)
    };
    page.response(&op.brand)
}

/// `GET /admin/events`: the changing parts of the console, now and after each change.
pub(super) async fn events(
    AppState(op): AppState<Arc<Op>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (console, events) = mpsc::channel(1);
    let mut changed = op.changed.subscribe();
    let mut shutdown = op.shutdown.clone();
    tokio::spawn(async move {
        loop {
            changed.borrow_and_update();
            let event = Event::default().event("parts").data(parts(&op).to_string());
            if console.send(Ok(event)).await.is_err() {
                return;
            }
            tokio::select! {
                changed = changed.changed() => if changed.is_err() { return },
                () = console.closed() => return,
                () = shutdown.requested() => return,
            }
        }
    });
    Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::default())
}

/// `DELETE /admin/api/v1/identityStores/{store}/accounts/{account}/sessions`: signs a customer out everywhere.
pub(super) async fn clear_sessions(
    AppState(op): AppState<Arc<Op>>,
    Path((store, account)): Path<(String, String)>,
    headers: HeaderMap,
) -> AnyResponse {
    if !is_from_here(&op, &headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let account = Account::find(&account).filter(|_| store == STORE);
    let Some(account) = account else {
        let problem = json!({"error": "not_found"});
        return (StatusCode::NOT_FOUND, Json(problem)).into_response();
    };
    let ended = op.update(|state| state.end_all(account));
    // On a task of its own: the applications are told even when whoever asked goes away.
    let sessions = ended.len();
    let telling = tokio::spawn(async move { op.tell(account, &ended).await });
    let deliveries: Vec<Value> = telling
        .await
        .unwrap_or_default()
        .iter()
        .map(report)
        .collect();
    let answer = json!({
        "account": account.id,
        "endedSessions": sessions,
        "deliveries": deliveries,
    });
    Json(answer).into_response()
}

fn report(delivery: &Delivery) -> Value {
    let status = match delivery.outcome {
        Outcome::Answered(status) => status.into(),
        Outcome::UnderWay | Outcome::NoAnswer => Value::Null,
    };
    let took = delivery.took.as_secs_f64() * 1000.0;
    json!({"application": delivery.application, "status": status, "milliseconds": took})
}

fn clear_path(account: &Account) -> String {
    format!(
        "/admin/api/v1/identityStores/{STORE}/accounts/{}/sessions",
        account.id
    )
}

/// What changes, by the id of its element.
fn parts(op: &Op) -> Value {
    let mut parts: Map<String, Value> = ACCOUNTS
        .iter()
        .map(|account| {
            (
                format!("sessions-{}", account.id),
                sessions(op, account).into(),
            )
        })
        .collect();
    parts.insert("deliveries".to_owned(), deliveries(op).into());
    Value::Object(parts)
}

fn sessions(op: &Op, account: &Account) -> String {
    let items: String = op.read(|state| {
        let sessions = state.sessions_of(account);
        sessions
            .iter()
            .map(|session| session_item(op, session))
            .collect()
    });
    match items.as_str() {
        "" => "<li class=\"none\">No sessions</li>".to_owned(),
        _ => items,
    }
}

fn session_item(op: &Op, session: &Session) -> String {
    let applications: Vec<&str> = session
        .applications
        .keys()
        .filter_map(|id| op.client(id).map(|client| client.name.as_str()))
        .collect();
    let applications: String = applications
        .iter()
        .map(|name| {
            fill(
                "<span class=\"pill live\">{{name}}</span>",
                &[("name", Part::Text(name))],
            )
        })
        .collect();
    let parts = [
        ("since", Part::Html(&time(session.since))),
        ("sid", Part::Text(&session.sid)),
        ("applications", Part::Html(&applications)),
    ];
    fill(SESSION, &parts)
}

fn deliveries(op: &Op) -> String {
    let rows: String = op.read(|state| state.deliveries.iter().map(delivery_row).collect());
    match rows.as_str() {
        "" => "<tr role=\"row\"><td role=\"cell\" colspan=\"5\" class=\"none\">Nothing was delivered yet</td></tr>".to_owned(),
        _ => rows,
    }
}

fn delivery_row(delivery: &Delivery) -> String {
    let (kind, status) = match delivery.outcome {
        Outcome::UnderWay => ("", "under way".to_owned()),
        Outcome::NoAnswer => ("bad", "no answer".to_owned()),
        Outcome::Answered(200) => ("ok", "200 OK".to_owned()),
        Outcome::Answered(status) => ("bad", status.to_string()),
    };
    let took = match delivery.outcome {
        Outcome::UnderWay => "\u{2026}".to_owned(),
        _ => format!("{:.1} ms", delivery.took.as_secs_f64() * 1000.0),
    };
    let id = delivery.id.to_string();
    let parts = [
        ("id", Part::Text(id.as_str())),
        ("time", Part::Html(&time(delivery.sent_at))),
        ("application", Part::Text(&delivery.application)),
        ("name", Part::Text(delivery.account.name)),
        ("names", Part::Text(delivery.names)),
        ("kind", Part::Html(kind)),
        ("status", Part::Text(&status)),
        ("took", Part::Text(&took)),
    ];
    fill(DELIVERY, &parts)
}

/// A time of day; the page's script makes it local.
fn time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let day = since.as_secs() % 86_400;
    let (hours, minutes, seconds) = (day / 3600, day / 60 % 60, day % 60);
    let milliseconds = since.as_millis();
    format!("<time data-ms=\"{milliseconds}\">{hours:02}:{minutes:02}:{seconds:02} UTC</time>")
}
