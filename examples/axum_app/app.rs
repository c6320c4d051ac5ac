//! The application: its sessions, the provider it trusts, the logout endpoint, the guard, and a few pages.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response as AnyResponse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Extension, Json, Router, ServiceExt};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tower::{Service, ServiceBuilder};
use tower_backchannel_logout::endpoint::{LogoutBody, LogoutLayer, LogoutService};
use tower_backchannel_logout::guard::{LiveSession, SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::jose::{Algorithm, ClientSecret};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::AnyRegistry;

use crate::shared::decryption;
use crate::shared::events::{PageEvent, session_events};
use crate::shared::relying_party::{RelyingParty, Settings};
use crate::shared::shutdown::Shutdown;

type App = Arc<RelyingParty>;
type Session = Option<Extension<LiveSession>>;

/// Everything this application serves.
pub(crate) fn service(
    settings: Settings,
    store: AnyRegistry,
    shutdown: Shutdown,
) -> Result<
    impl Service<Request, Response = AnyResponse, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static,
    Box<dyn Error + Send + Sync>,
> {
    // The provider whose Logout Tokens count, and how it signs them. Its keys are found by discovery.
    let mut client =
        Client::builder(&settings.client_id).with_algorithm(Algorithm::parse(&settings.alg)?);
    if let Some(secret) = settings.signing_secret() {
        client = client.with_client_secret(ClientSecret::parse(secret)?);
    }
    client = decryption::add_keys(client, &settings)?;
    let provider = Provider::builder(&settings.issuer)
        .with_client(client.build()?)
        .build()?;

    // The endpoint the provider posts to: it ends sessions of that store.
    let logout = LogoutService::new(Logout::builder(store.clone(), provider).build());

    // The guard around everything that trusts a session.
    let app: App = Arc::new(RelyingParty::new(settings, store.clone(), shutdown)?);
    let cookie = SessionCookie::parse(app.session_cookie.name())?;
    let rejecting = Arc::clone(&app);
    let guard = SessionGuardLayer::new(store, cookie)
        .with_response(move |rejection, head| rejecting.rejected(rejection, head.uri().path()));

    let pages = Router::new()
        .route("/", get(home))
        .route("/me", get(me))
        .route("/events", get(events))
        .layer(guard)
        // Outside of the guard: whoever comes with the cookie of an ended session can sign in again.
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/logout", post(sign_out))
        .with_state(app);
    // In front of all routes, so that nothing else answers the provider. As one of them, by `route_service`, it works too.
    Ok(ServiceBuilder::new()
        .map_response(|response: Response<LogoutBody<Body>>| response.map(Body::new))
        .layer(LogoutLayer::new("/backchannel-logout", logout)?)
        .service(pages))
}

/// Serves until it is time to stop, and then what is still going on.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    shutdown: Shutdown,
) -> std::io::Result<()>
where
    S: Service<Request, Response = AnyResponse, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (mut stop, mut drained) = (shutdown.clone(), shutdown);
    let server = axum::serve(listener, service.into_make_service())
        .with_graceful_shutdown(async move { stop.requested().await });
    tokio::select! {
        outcome = server.into_future() => outcome,
        () = drained.drained() => Ok(()),
    }
}

/// `GET /`: who is signed in.
async fn home(State(app): State<App>, session: Session) -> Response<String> {
    app.home(session.as_ref().map(|Extension(session)| session))
}

/// `GET /me`: the claims of the session.
async fn me(State(app): State<App>, session: Session) -> AnyResponse {
    match session {
        Some(Extension(session)) => Json(app.me(&session)).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// `GET /events`: tells the page when its session ends.
async fn events(State(app): State<App>, session: Session) -> AnyResponse {
    let Some(Extension(session)) = session else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let events = session_events(session.ended(), app.shutdown.clone());
    let events = events.map(|event| {
        Ok::<_, Infallible>(match event {
            PageEvent::Connected => Event::default().comment("connected"),
            PageEvent::KeepAlive => Event::default().comment("still here"),
            PageEvent::LoggedOut => Event::default().event("logged_out").data("signed out"),
        })
    });
    ([(CACHE_CONTROL, "no-store")], Sse::new(events)).into_response()
}

/// `GET /login`: off to the provider.
async fn login(State(app): State<App>, headers: HeaderMap) -> AnyResponse {
    match app.begin_login(&headers).await {
        Ok(begun) => redirect(StatusCode::FOUND, &begun.location, &begun.set_cookie),
        Err(error) => app.login_problem(&error).into_response(),
    }
}

/// `GET /callback`: back from the provider.
async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> AnyResponse {
    match app.finish_login(&headers, &query.unwrap_or_default()).await {
        Ok(set_cookie) => redirect(StatusCode::SEE_OTHER, "/", &set_cookie),
        Err(error) => app.login_problem(&error).into_response(),
    }
}

/// `POST /logout`: signs out here, not at the provider.
async fn sign_out(State(app): State<App>, headers: HeaderMap) -> AnyResponse {
    match app.sign_out(&headers).await {
        Ok(set_cookie) => redirect(StatusCode::SEE_OTHER, "/", &set_cookie),
        Err(error) => app.login_problem(&error).into_response(),
    }
}

fn redirect(status: StatusCode, location: &str, set_cookie: &str) -> AnyResponse {
    let headers = [
        (LOCATION, location),
        (SET_COOKIE, set_cookie),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers).into_response()
}
