//! The application: its sessions, the provider it trusts, the logout endpoint, the guard, and a few pages.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio_stream::StreamExt;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_backchannel_logout::endpoint::{LogoutLayer, LogoutService};
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
type Body = BoxBody<Bytes, Infallible>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Everything this application serves.
pub(crate) fn service(
    settings: Settings,
    store: AnyRegistry,
    shutdown: Shutdown,
) -> Result<
    impl Service<
        Request<Incoming>,
        Response = Response<
            impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
        >,
        Error = Infallible,
        Future: Send,
    > + Clone
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

    let inside = Arc::clone(&app);
    let guarded = guard.layer(service_fn(move |request| {
        ready(Ok::<_, Infallible>(members(&inside, &request)))
    }));
    let pages = service_fn(move |request: Request<Incoming>| -> Answer {
        let (app, guarded) = (Arc::clone(&app), guarded.clone());
        Box::pin(async move {
            match request.uri().path() {
                "/" | "/me" | "/events" => {
                    let answer = guarded.oneshot(request).await?;
                    Ok(answer.map(BodyExt::boxed))
                }
                // Outside of the guard: whoever comes with the cookie of an ended session can sign in again.
                _ => Ok(visitors(&app, request).await),
            }
        })
    });
    Ok(LogoutLayer::new("/backchannel-logout", logout)?.layer(pages))
}

/// Who is signed in, and when that ends. Here the guard has been passed.
fn members(app: &App, request: &Request<Incoming>) -> Response<Body> {
    let session = request.extensions().get::<LiveSession>();
    match (request.method(), request.uri().path(), session) {
        (&Method::GET | &Method::HEAD, "/", session) => text(app.home(session)),
        (&Method::GET, "/me", Some(session)) => json(&app.me(session)),
        (&Method::GET, "/events", Some(session)) => events(app, session),
        (&Method::GET, _, None) => status(StatusCode::UNAUTHORIZED),
        _ => not_allowed("GET"),
    }
}

/// Signing in and out.
async fn visitors(app: &App, request: Request<Incoming>) -> Response<Body> {
    let headers = request.headers();
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/login") => match app.begin_login(headers).await {
            Ok(begun) => redirect(StatusCode::FOUND, &begun.location, &begun.set_cookie),
            Err(error) => text(app.login_problem(&error)),
        },
        (&Method::GET, "/callback") => {
            let query = request.uri().query().unwrap_or_default();
            match app.finish_login(headers, query).await {
                Ok(set_cookie) => redirect(StatusCode::SEE_OTHER, "/", &set_cookie),
                Err(error) => text(app.login_problem(&error)),
            }
        }
        (&Method::POST, "/logout") => match app.sign_out(headers).await {
            Ok(set_cookie) => redirect(StatusCode::SEE_OTHER, "/", &set_cookie),
            Err(error) => text(app.login_problem(&error)),
        },
        (_, "/login" | "/callback") => not_allowed("GET"),
        (_, "/logout") => not_allowed("POST"),
        _ => status(StatusCode::NOT_FOUND),
    }
}

/// Tells the page when its session ends.
fn events(app: &App, session: &LiveSession) -> Response<Body> {
    let events = session_events(session.ended(), app.shutdown.clone());
    let events = events.map(|event| {
        Ok(Frame::data(Bytes::from_static(match event {
            PageEvent::Connected => b": connected\n\n",
            PageEvent::KeepAlive => b": still here\n\n",
            PageEvent::LoggedOut => b"event: logged_out\ndata: signed out\n\n",
        })))
    });
    let body = StreamBody::new(events).boxed();
    respond(
        Response::builder().header(CONTENT_TYPE, "text/event-stream"),
        body,
    )
}

fn text(page: Response<String>) -> Response<Body> {
    page.map(|text| Full::from(text).boxed())
}

fn json(value: &serde_json::Value) -> Response<Body> {
    let body = Full::from(value.to_string()).boxed();
    respond(
        Response::builder().header(CONTENT_TYPE, "application/json"),
        body,
    )
}

fn status(status: StatusCode) -> Response<Body> {
    respond(Response::builder().status(status), Empty::new().boxed())
}

fn not_allowed(methods: &str) -> Response<Body> {
    let head = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
    respond(head.header(ALLOW, methods), Empty::new().boxed())
}

fn redirect(status: StatusCode, location: &str, set_cookie: &str) -> Response<Body> {
    let head = Response::builder().status(status);
    let head = head
        .header(LOCATION, location)
        .header(SET_COOKIE, set_cookie);
    respond(head, Empty::new().boxed())
}

fn respond(head: http::response::Builder, body: Body) -> Response<Body> {
    let answer = head.header(CACHE_CONTROL, "no-store").body(body);
    answer.expect("these headers are fine")
}
