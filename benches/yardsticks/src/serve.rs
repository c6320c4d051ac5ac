//! The servers, each on one thread.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::signature::ParsedPublicKey;
use axum::Router;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower_backchannel_logout::clock::{Clock as _, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry as _,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::ordinary;
use crate::token::{CLIENT, ISSUER, SESSIONS, key, uuid, verifies};

pub const KINDS: [&str; 5] = ["limit", "echo", "ordinary", "hyper", "axum"];

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

/// The endpoint of this crate before a store with so many sessions.
pub fn endpoint(jwk: &str, sessions: usize) -> LogoutService<MemoryStore> {
    let store = MemoryStore::new();
    let issuer = Issuer::parse(ISSUER).expect("an issuer");
    let client = ClientId::parse(CLIENT).expect("a client id");
    let time = SystemClock::default().now();
    let end = time.saturating_add(Duration::from_secs(86_400));
    for number in 0..sessions {
        let subject = Subject::parse(uuid(number)).expect("a sub");
        let identity = SessionIdentity::new(issuer.clone(), client.clone(), subject)
            .with_sid(Sid::parse(uuid(number)).expect("a sid"))
            .with_id_token_iat(time);
        let id = SessionId::parse(format!("{number:022}")).expect("an id");
        let mut context = Context::from_waker(Waker::noop());
        let taken = pin!(store.register(NewSession::new(id, identity, end))).poll(&mut context);
        assert!(matches!(taken, Poll::Ready(Ok(Registration::Registered))));
    }
    LogoutService::new(Logout::builder(store, provider(jwk)).build())
}

/// Serves until it is stopped; prints the port once it accepts connections.
pub fn run(kind: &str, jwk: &str) {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let ready = || {
            println!("{port}");
            std::io::stdout().flush().expect("stdout");
        };
        match kind {
            "limit" => {
                ready();
                bare(listener, Some(Arc::new(key(jwk)))).await;
            }
            "echo" => {
                ready();
                bare(listener, None).await;
            }
            "ordinary" => {
                let router = ordinary::router(jwk);
                ready();
                axum::serve(NoDelay(listener), router)
                    .await
                    .expect("it serves");
            }
            "hyper" => {
                let endpoint = endpoint(jwk, SESSIONS);
                ready();
                loop {
                    let service = TowerToHyperService::new(endpoint.clone());
                    let stream = accept(&listener).await;
                    tokio::spawn(async move {
                        auto::Builder::new(TokioExecutor::new())
                            .serve_connection(stream, service)
                            .await
                    });
                }
            }
            "axum" => {
                let router =
                    Router::new().route_service("/backchannel-logout", endpoint(jwk, SESSIONS));
                ready();
                axum::serve(NoDelay(listener), router)
                    .await
                    .expect("it serves");
            }
            _ => panic!("one of {KINDS:?}"),
        }
    });
}

async fn accept(listener: &TcpListener) -> TokioIo<tokio::net::TcpStream> {
    let (stream, _) = listener.accept().await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    TokioIo::new(stream)
}

/// All servers send at once what they have.
struct NoDelay(TcpListener);

impl axum::serve::Listener for NoDelay {
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

async fn bare(listener: TcpListener, key: Option<Arc<ParsedPublicKey>>) {
    loop {
        let stream = accept(&listener).await;
        let key = key.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, key.clone()));
            hyper::server::conn::http1::Builder::new()
                .serve_connection(stream, service)
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
