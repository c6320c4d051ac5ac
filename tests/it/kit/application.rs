//! An application with the real endpoint, as its own developers would test it.
#![cfg(feature = "client")]

use std::time::Duration;

use axum::Router;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutService};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{Breakage, ClientRegistration, FakeProvider, Login};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

const ID: &str = ClientRegistration::DEFAULT_ID;

/// Starts the endpoint, and registers its URL at the provider.
async fn application(op: &FakeProvider) -> (MemoryStore, String) {
    configured(op, EndpointConfig::default()).await
}

async fn configured(op: &FakeProvider, config: EndpointConfig) -> (MemoryStore, String) {
    let client = Client::builder(ID).build().unwrap();
    let provider = Provider::builder(op.issuer())
        .with_client(client)
        .build()
        .unwrap();
    let store = MemoryStore::new();
    let logout = Logout::builder(store.clone(), [provider]).build();
    let service = LogoutService::with_config(logout, config);
    let router = Router::new().route_service("/backchannel-logout", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/backchannel-logout",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    op.register(ClientRegistration::default().with_backchannel_logout_uri(&url));
    (store, url)
}

/// What a login callback does.
async fn sign_in(op: &FakeProvider, store: &MemoryStore, cookie: &str, login: &Login) -> SessionId {
    let identity = SessionIdentity::new(
        Issuer::parse(op.issuer()).unwrap(),
        ClientId::parse(ID).unwrap(),
        Subject::parse(login.sub.as_str()).unwrap(),
    )
    .with_sid(Sid::parse(login.sid.as_str()).unwrap());
    let id = SessionId::parse(cookie).unwrap();
    let tomorrow = SystemClock::default()
        .now()
        .saturating_add(Duration::from_secs(86_400));
    let registered = store
        .register(NewSession::new(id.clone(), identity, tomorrow))
        .await;
    assert!(matches!(registered, Ok(Registration::Registered)));
    id
}

async fn is_live(store: &MemoryStore, id: &SessionId) -> bool {
    store.status(id).await.unwrap().is_live()
}

#[tokio::test]
async fn ending_one_session_at_the_provider_ends_that_one_in_the_application() {
    // BCL-13, BCL-141
    let op = FakeProvider::start().await;
    let (store, _) = application(&op).await;
    let (phone, laptop) = (op.log_in(ID, "alice"), op.log_in(ID, "alice"));
    let on_phone = sign_in(&op, &store, "phone", &phone).await;
    let on_laptop = sign_in(&op, &store, "laptop", &laptop).await;
    let deliveries = op.end_session(&phone.sid).await;
    assert_eq!(deliveries[0].status(), Some(200));
    assert!(!is_live(&store, &on_phone).await);
    assert!(is_live(&store, &on_laptop).await);
    op.rotate_keys();
    assert_eq!(op.end_all_sessions_of("alice").await[0].status(), Some(200));
    assert!(!is_live(&store, &on_laptop).await);
}

#[tokio::test]
async fn a_delivery_that_is_too_slow_is_refused_and_can_be_repeated() {
    // BCL-07
    let op = FakeProvider::start().await;
    let impatient = EndpointConfig::default().with_body_timeout(Duration::from_millis(20));
    let (store, _) = configured(&op, impatient).await;
    let login = op.log_in(ID, "alice");
    let session = sign_in(&op, &store, "cookie", &login).await;
    let pending = op.prepare_end_session(&login.sid);
    let slow = pending[0].send_slowly(Duration::from_secs(3600)).await;
    assert_eq!(slow.status(), Some(408));
    assert!(is_live(&store, &session).await);
    assert_eq!(pending[0].send().await.status(), Some(200));
    assert!(!is_live(&store, &session).await);
}

#[tokio::test]
async fn no_broken_token_ends_a_session() {
    // BCL-15
    let op = FakeProvider::start().await;
    let (store, url) = application(&op).await;
    let login = op.log_in(ID, "alice");
    let session = sign_in(&op, &store, "cookie", &login).await;
    for breakage in Breakage::ALL.iter().filter(|one| one.only_with.is_none()) {
        let token = breakage.apply(op.logout_token().sub(&login.sub).sid(&login.sid));
        let delivery = op.deliver(&token.sign(), &url).await;
        let too_large = breakage.name == "too_large";
        let expected = if too_large { 413 } else { 400 };
        assert_eq!(delivery.status(), Some(expected), "{breakage:?}");
    }
    assert!(is_live(&store, &session).await);
}
