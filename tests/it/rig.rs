//! What most tests stand on: a provider's mint, a test clock, a store and the endpoint.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutService};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::session::{
    EndedSession, LogoutRequest, NewSession, Registration, SessionIdentity, SessionRegistry,
    SessionStore, Terminated,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{LogoutTokenBuilder, TestClock, TokenMint};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const CLIENT: &str = "orders-web";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) fn issuer() -> Issuer {
    Issuer::parse(ISSUER).unwrap()
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse(CLIENT).unwrap()
}

/// One provider with static keys, one client, one clock.
#[derive(Clone)]
pub(crate) struct Op {
    pub(crate) mint: TokenMint,
    pub(crate) clock: TestClock,
}

impl Op {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new(NOW);
        Self {
            mint: TokenMint::new(ISSUER, CLIENT).with_clock(clock.clone()),
            clock,
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        let keys = tower_backchannel_logout::jose::JwkSet::parse(self.mint.jwks_json().as_bytes())
            .unwrap();
        Provider::builder(issuer())
            .with_client(Client::builder(client_id()).build().unwrap())
            .with_static_keys(keys)
            .build()
            .unwrap()
    }

    pub(crate) fn token(&self) -> LogoutTokenBuilder {
        self.mint.logout_token()
    }

    pub(crate) fn logout<S: SessionStore>(&self, store: S) -> Logout<S> {
        Logout::builder(store, [self.provider()])
            .with_clock(self.clock.clone())
            .build()
    }

    pub(crate) fn endpoint<S: SessionStore>(&self, store: S) -> LogoutService<S> {
        LogoutService::new(self.logout(store))
    }

    pub(crate) fn endpoint_with<S: SessionStore>(
        &self,
        store: S,
        config: EndpointConfig,
    ) -> LogoutService<S> {
        LogoutService::with_config(self.logout(store), config)
    }

    pub(crate) fn store(&self) -> MemoryStore {
        MemoryStore::builder()
            .with_clock(self.clock.clone())
            .build()
    }
}

/// Signs a customer in.
pub(crate) async fn sign_in(
    store: &MemoryStore,
    id: &str,
    sub: &str,
    sid: Option<&str>,
    iat: UnixTime,
) {
    let mut identity = SessionIdentity::new(issuer(), client_id(), Subject::parse(sub).unwrap())
        .with_id_token_iat(iat);
    if let Some(sid) = sid {
        identity = identity.with_sid(Sid::parse(sid).unwrap());
    }
    let expires = UnixTime::from_secs(NOW.as_secs() + 86_400);
    let session = NewSession::new(SessionId::parse(id).unwrap(), identity, expires);
    assert_eq!(
        store.register(session).await.unwrap(),
        Registration::Registered
    );
}

pub(crate) async fn is_live(store: &MemoryStore, id: &str) -> bool {
    store
        .status(&SessionId::parse(id).unwrap())
        .await
        .unwrap()
        .is_live()
}

pub(crate) type Answer = Response<Bytes>;

pub(crate) fn form(token: &str) -> Request<Full<Bytes>> {
    form_text(format!("logout_token={token}"))
}

pub(crate) fn form_text(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/backchannel-logout")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) async fn send<S: SessionStore, B>(
    endpoint: &LogoutService<S>,
    request: Request<B>,
) -> Answer
where
    LogoutService<S>:
        tower::Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone,
{
    let (head, body) = endpoint
        .clone()
        .oneshot(request)
        .await
        .unwrap()
        .into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// Asserts a refusal by its status and its description, and that the body has the shape of BCL 2.8.
#[track_caller]
pub(crate) fn assert_error(answer: &Answer, status: StatusCode, error: &str, description: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "error": error, "error_description": description })
    );
}

/// What a store of one method can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answer,
    Fail,
    Hang,
    Panic,
}

/// A store of one method that does as it is told and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct ScriptedStore {
    script: Arc<Mutex<Vec<Behaviour>>>,
    asked: Arc<Mutex<Vec<LogoutRequest>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the table is locked")]
pub(crate) struct StoreError;

impl ScriptedStore {
    /// Does each of these in turn, and the last one for ever.
    pub(crate) fn new(script: impl Into<Vec<Behaviour>>) -> Self {
        let mut script = script.into();
        script.reverse();
        Self {
            script: Arc::new(Mutex::new(script)),
            asked: Arc::default(),
        }
    }

    pub(crate) fn asked(&self) -> Vec<LogoutRequest> {
        self.asked.lock().unwrap().clone()
    }
}

impl SessionStore for ScriptedStore {
    type Error = StoreError;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, StoreError> {
        self.asked.lock().unwrap().push(request.clone());
        let behaviour = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 {
                script.pop()
            } else {
                script.last().copied()
            }
        };
        match behaviour {
            Some(Behaviour::Fail) => Err(StoreError),
            Some(Behaviour::Hang) => std::future::pending().await,
            Some(Behaviour::Panic) => panic!("the store panics"),
            Some(Behaviour::Answer) | None => {
                let session = EndedSession::new(SessionId::parse("one").unwrap());
                Ok(Terminated::new(vec![session]))
            }
        }
    }
}

/// Serves a service on a free port of the loopback, HTTP/1.1 and HTTP/2, until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn serve<S, B>(service: S) -> Served
where
    S: tower::Service<Request<hyper::body::Incoming>, Response = Response<B>>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Served { address, task }
}
