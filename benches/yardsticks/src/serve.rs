//! The servers, each on one thread.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::signature::ParsedPublicKey;
use axum::body::Body;
use axum::routing::get;
use axum::serve::Listener;
use axum::{Router, ServiceExt};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, Service, ServiceBuilder, service_fn};
use tower_backchannel_logout::clock::{Clock as _, SystemClock};
use tower_backchannel_logout::endpoint::{LogoutBody, LogoutLayer, LogoutService};
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry as _,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::ordinary;
use crate::tls::Front;
use crate::token::{CLIENT, ISSUER, SESSIONS, key, uuid, verifies};

pub const KINDS: [&str; 7] = [
    "limit", "echo", "ordinary", "hyper", "axum", "route", "logged",
];

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

pub fn provider(jwk: &str) -> Provider {
    let keys = format!(r#"{{"keys":[{jwk}]}}"#);
    Provider::builder(ISSUER)
        .with_client(Client::builder(CLIENT).build().expect("a client"))
        .with_static_keys(JwkSet::parse(keys.as_bytes()).expect("a key set"))
        .build()
        .expect("a provider")
}

/// 100,000 sessions.
pub fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let issuer = Issuer::parse(ISSUER).expect("an issuer");
    let client = ClientId::parse(CLIENT).expect("a client id");
    let time = SystemClock::default().now();
    let end = time.saturating_add(Duration::from_secs(86_400));
    for number in 0..SESSIONS {
        let subject = Subject::parse(uuid(number)).expect("a sub");
        let identity = SessionIdentity::new(issuer.clone(), client.clone(), subject)
            .with_sid(Sid::parse(uuid(number)).expect("a sid"))
            .with_id_token_iat(time);
        let id = SessionId::parse(format!("{number:022}")).expect("an id");
        let mut context = Context::from_waker(Waker::noop());
        let taken = pin!(store.register(NewSession::new(id, identity, end))).poll(&mut context);
        assert!(matches!(taken, Poll::Ready(Ok(Registration::Registered))));
    }
    store
}

/// The endpoint of this crate before them.
pub fn endpoint(jwk: &str) -> LogoutService<MemoryStore> {
    LogoutService::new(Logout::builder(store(), provider(jwk)).build())
}

/// The endpoint in front of an application.
fn layer(jwk: &str) -> LogoutLayer<MemoryStore> {
    LogoutLayer::new("/backchannel-logout", endpoint(jwk)).expect("a path")
}

/// Serves on a port until it is stopped; prints the port once it accepts connections.
pub fn run(kind: &str, jwk: &str) {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let ready = |certificate: &str| {
            println!("{port} {certificate}");
            std::io::stdout().flush().expect("stdout");
        };
        serve(kind, jwk, NoDelay(listener), ready).await;
    });
}

/// Serves whatever connects; says when it begins, and with which certificate.
pub async fn serve(
    kind: &str,
    jwk: &str,
    listener: impl Listener<Addr: Debug>,
    ready: impl FnOnce(&str),
) {
    match kind {
        "limit" => {
            let key = Arc::new(key(jwk));
            ready("");
            bare(listener, Some(key)).await;
        }
        "echo" => {
            ready("");
            bare(listener, None).await;
        }
        "ordinary" => {
            let router = ordinary::router(jwk);
            ready("");
            axum::serve(listener, router).await.expect("it serves");
        }
        "hyper" => {
            let app = layer(jwk).layer(service_fn(page));
            ready("");
            hyper_app(listener, app).await;
        }
        // As `examples/axum_app` does it: the endpoint in front of the routes.
        "axum" | "logged" => {
            if kind == "logged" {
                log();
            }
            let router = Router::new().route("/", get(|| async { "a page" }));
            let app = ServiceBuilder::new()
                .map_response(|response: Response<LogoutBody<Body>>| response.map(Body::new))
                .layer(layer(jwk))
                .service(router);
            ready("");
            axum::serve(
                listener,
                ServiceExt::<Request<Body>>::into_make_service(app),
            )
            .with_graceful_shutdown(pending())
            .await
            .expect("it serves");
        }
        "route" => {
            let router = Router::new().route_service("/backchannel-logout", endpoint(jwk));
            ready("");
            axum::serve(listener, router).await.expect("it serves");
        }
        "tls" => {
            let (front, app) = (Front::new(), layer(jwk).layer(service_fn(page)));
            ready(&front.certificate);
            front.serve(listener, app).await;
        }
        _ => panic!("one of {KINDS:?}"),
    }
}

/// A line for each logout, as the examples write it unless told otherwise.
fn log() {
    let nowhere = std::fs::File::create("/dev/null").expect("Unix");
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(nowhere)
        .init();
}

/// HTTP/1.1 and HTTP/2 with time limits.
pub fn http() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    server
}

/// As `examples/hyper_app` does it: HTTP/1.1 and HTTP/2, time limits, an orderly end.
async fn hyper_app<S, B>(mut listener: impl Listener, app: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let server = http();
    let connections = GracefulShutdown::new();
    let service = TowerToHyperService::new(app);
    loop {
        let (stream, _) = listener.accept().await;
        let connection = server.serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connections.watch(connection.into_owned()));
    }
}

/// What stands behind the endpoint.
async fn page(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("a page")))
}

/// All servers send at once what they have.
struct NoDelay(TcpListener);

impl Listener for NoDelay {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = self.0.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        (stream, address)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn bare(mut listener: impl Listener, key: Option<Arc<ParsedPublicKey>>) {
    loop {
        let (stream, _) = listener.accept().await;
        let key = key.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| answer(request, key.clone()));
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    key: Option<Arc<ParsedPublicKey>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let good = match request.into_body().collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            form_urlencoded::parse(&body)
                .find(|(name, _)| name == "logout_token")
                .is_some_and(|(_, token)| key.is_none_or(|key| verifies(&key, &token)))
        }
        Err(_) => false,
    };
    let mut response = Response::new(Empty::new());
    if !good {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
