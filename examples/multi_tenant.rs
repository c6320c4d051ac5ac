//! Several providers and several clients on one path, added and removed while the application runs.
//!
//! ```sh
//! cargo run --example multi_tenant
//! ```
//!
//! Two tenants with a provider each share one endpoint and one store. A token of one never touches the other's sessions, even where
//! the customer has the same name. Then a tenant leaves, and its tokens are refused from that moment on.

use std::error::Error;

use axum::Router;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider, Providers};
use tower_backchannel_logout::session::{NewSession, SessionIdentity, SessionRegistry};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{ClientRegistration, FakeProvider};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

const CLIENT: &str = ClientRegistration::DEFAULT_ID;

/// What the login callback of a tenant does.
async fn sign_in(
    op: &FakeProvider,
    store: &MemoryStore,
    cookie: &str,
    customer: &str,
) -> Result<SessionId, Box<dyn Error>> {
    let login = op.log_in(CLIENT, customer);
    let now = SystemClock::default().now();
    let subject = Subject::parse(login.sub.as_str())?;
    let identity = SessionIdentity::new(
        Issuer::parse(op.issuer())?,
        ClientId::parse(CLIENT)?,
        subject,
    )
    .with_sid(Sid::parse(login.sid.as_str())?)
    .with_id_token_iat(now);
    let id = SessionId::parse(cookie)?;
    let in_an_hour = now.saturating_add(std::time::Duration::from_secs(3600));
    let registered = store
        .register(NewSession::new(id.clone(), identity, in_an_hour))
        .await?;
    println!("  {customer} at {cookie}: {registered:?}");
    Ok(id)
}

fn tenant(op: &FakeProvider) -> Result<Provider, Box<dyn Error>> {
    let web = Client::builder(CLIENT).build()?;
    let app = Client::builder("mobile-app").build()?; // a second client of the same provider
    Ok(Provider::builder(op.issuer())
        .with_client(web)
        .with_client(app)
        .build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (north, south) = (FakeProvider::start().await, FakeProvider::start().await);
    let store = MemoryStore::new();
    let providers = Providers::from([tenant(&north)?]);
    let logout = Logout::builder(store.clone(), providers.clone()).build();
    let app = Router::new().route_service("/backchannel-logout", LogoutService::new(logout));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/backchannel-logout", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    for op in [&north, &south] {
        op.register(ClientRegistration::default().with_backchannel_logout_uri(&url));
    }

    println!("a second tenant joins while the application runs");
    providers.insert(tenant(&south)?);
    let at_north = sign_in(&north, &store, "north", "alice").await?;
    let at_south = sign_in(&south, &store, "south", "alice").await?;

    println!("the provider of the north clears the sessions of its alice");
    let cleared = north.end_all_sessions_of("alice").await;
    let north_ended = !store.status(&at_north).await?.is_live();
    let south_untouched = store.status(&at_south).await?.is_live();
    println!("  north ended: {north_ended}, south untouched: {south_untouched}");

    println!("the tenant of the south leaves: its tokens are refused");
    providers.remove(south.issuer());
    let refused = south.end_all_sessions_of("alice").await;
    let answer = refused.first().ok_or("no delivery")?;
    println!("  answered {:?}: {}", answer.status(), answer.body());

    let delivered = cleared
        .first()
        .is_some_and(|delivery| delivery.status() == Some(200));
    if delivered && north_ended && south_untouched && answer.status() == Some(400) {
        Ok(())
    } else {
        Err("the story did not come true".into())
    }
}
