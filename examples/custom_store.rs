//! An application with a session table of its own: one method makes it a store.
//!
//! ```sh
//! cargo run --example custom_store
//! ```
//!
//! A provider, an application and two customers, all in this process. The provider ends one of two sessions of a customer and then
//! all of them; the table shows what is left. A real table would be SQL; the rules are the same, and `MarkPolicy::selects` has them.

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tower_backchannel_logout::SessionId;
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::marks::MarkPolicy;
use tower_backchannel_logout::session::{EndedSession, LogoutRequest, SessionStore, Terminated};
use tower_backchannel_logout::testing::{ClientRegistration, Delivery, FakeProvider, Login};

/// One row: the application's own columns, and what the ID token said at login.
struct Row {
    cookie: String,
    basket: u32,
    issuer: String,
    client_id: String,
    sub: String,
    sid: Option<String>,
    iat: UnixTime,
}

/// The application's table. It needs no knowledge of logout.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<Vec<Row>>>);

impl SessionStore for Table {
    type Error = Infallible; // a database has its own

    /// `DELETE FROM sessions WHERE … RETURNING cookie`, in one transaction.
    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Infallible> {
        let policy = MarkPolicy::default();
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = rows.extract_if(.., |row| {
            row.issuer == request.issuer().as_str()
                && row.client_id == request.client_id().as_str()
                && policy.selects(request, &row.sub, row.sid.as_deref(), Some(row.iat))
        });
        let ids = ended.filter_map(|row| SessionId::parse(row.cookie).ok());
        Ok(Terminated::new(ids.map(EndedSession::new).collect()))
    }
}

impl Table {
    fn sign_in(&self, op: &FakeProvider, login: &Login, basket: u32) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cookie = format!("cookie-{}", rows.len());
        rows.push(Row {
            cookie,
            basket,
            issuer: op.issuer().to_owned(),
            client_id: ClientRegistration::DEFAULT_ID.to_owned(),
            sub: login.sub.clone(),
            sid: Some(login.sid.clone()),
            iat: SystemClock::default().now(),
        });
    }

    fn print(&self, title: &str) -> usize {
        println!("\n{title}");
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter() {
            println!("  {:10} basket {}", row.sub, row.basket);
        }
        rows.len()
    }
}

fn all_answered(deliveries: &[Delivery]) -> bool {
    !deliveries.is_empty()
        && deliveries
            .iter()
            .all(|delivery| delivery.status() == Some(200))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let op = FakeProvider::start().await;
    let table = Table::default();

    let client = Client::builder(ClientRegistration::DEFAULT_ID).build()?;
    let provider = Provider::builder(op.issuer()).with_client(client).build()?;
    let logout = Logout::builder(table.clone(), provider).build();
    let app = Router::new().route_service("/backchannel-logout", LogoutService::new(logout));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/backchannel-logout", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    op.register(ClientRegistration::default().with_backchannel_logout_uri(&url));

    let phone = op.log_in(ClientRegistration::DEFAULT_ID, "alice");
    let laptop = op.log_in(ClientRegistration::DEFAULT_ID, "alice");
    let other = op.log_in(ClientRegistration::DEFAULT_ID, "bob");
    for (basket, login) in [&phone, &laptop, &other].into_iter().enumerate() {
        table.sign_in(&op, login, u32::try_from(basket)? + 1);
    }
    let before = table.print("signed in:");

    let one = op.end_session(&phone.sid).await;
    let after_one = table.print("the provider ended one session of alice:");
    let all = op.end_all_sessions_of("alice").await;
    let after_all = table.print("the provider cleared all sessions of alice:");

    if (before, after_one, after_all) == (3, 2, 1) && all_answered(&one) && all_answered(&all) {
        Ok(())
    } else {
        Err("the story did not come true".into())
    }
}
