//! A store whose moods can be chosen, and the requests and handlers of the guard tests.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::Notify;
use tower::ServiceExt;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::guard::{GuardBody, SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::session::*;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_layer::Layer;
use tower_service::Service;

/// How the store answers questions.
#[derive(Clone)]
pub(crate) enum Mood {
    /// At once, like a store in memory.
    AtOnce,
    /// After having waited, like a store in a network.
    Waits,
    /// After this time.
    Takes(Duration),
    /// With an error.
    Fails,
    /// When the second is told, and it tells the first when it is asked. Then as `Waits`.
    Gate(Arc<Notify>, Arc<Notify>),
}

#[derive(Debug, thiserror::Error)]
#[error("the store is down")]
pub(crate) struct Down;

/// A store with moods around a real one.
pub(crate) struct Moody {
    pub(crate) inner: MemoryStore,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

impl Moody {
    pub(crate) fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            mood: Mutex::new(mood),
            asked: AtomicUsize::new(0),
        })
    }

    pub(crate) fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How many questions were asked so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn at_once(&self) -> bool {
        let at_once = matches!(*self.mood.lock().unwrap(), Mood::AtOnce);
        if at_once {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
        at_once
    }

    async fn question(&self) -> Result<(), Down> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::AtOnce => {}
            Mood::Waits => tokio::task::yield_now().await,
            Mood::Takes(time) => tokio::time::sleep(time).await,
            Mood::Fails => return Err(Down),
            Mood::Gate(asked, answer) => {
                self.feel(Mood::Waits);
                asked.notify_one();
                answer.notified().await;
            }
        }
        Ok(())
    }
}

impl SessionStore for Moody {
    type Error = Down;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Down> {
        self.inner.terminate(request).await.map_err(|_| Down)
    }
}

impl SessionRegistry for Moody {
    async fn register(&self, session: NewSession) -> Result<Registration, Down> {
        self.inner.register(session).await.map_err(|_| Down)
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, Down> {
        self.question().await?;
        self.inner.status(id).await.map_err(|_| Down)
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        self.at_once().then(|| self.inner.status_now(id).unwrap())
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, Down> {
        self.inner.extend(id, expires_at).await.map_err(|_| Down)
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, Down> {
        self.inner.rebind(old, new).await.map_err(|_| Down)
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, Down> {
        self.inner.unregister(id).await.map_err(|_| Down)
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, Down> {
        self.question().await?;
        self.inner.is_logged_out(identity).await.map_err(|_| Down)
    }

    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        self.at_once()
            .then(|| self.inner.is_logged_out_now(identity).unwrap())
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        self.inner.ended(id)
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.inner.identity_ended(identity)
    }
}

fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

fn client_id() -> ClientId {
    ClientId::parse("app").unwrap()
}

pub(crate) fn now() -> UnixTime {
    std::time::SystemTime::now().into()
}

pub(crate) fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

/// The customer of all tests, in the session of the OP with this `sid`.
pub(crate) fn identity(sid: &str) -> SessionIdentity {
    SessionIdentity::new(issuer(), client_id(), Subject::parse("customer").unwrap())
        .with_sid(Sid::parse(sid).unwrap())
        .with_id_token_iat(now())
}

/// Registers a session of the customer under an id.
pub(crate) async fn login<St: SessionRegistry>(store: &St, text: &str, sid: &str) {
    let end = now().saturating_add(Duration::from_secs(3600));
    let session = NewSession::new(id(text), identity(sid), end);
    let registered = store.register(session).await.unwrap();
    assert_eq!(registered, Registration::Registered);
}

/// The OP ends one of its sessions.
pub(crate) async fn logout<St: SessionRegistry>(store: &St, sid: &str) {
    let sid = Sid::parse(sid).unwrap();
    let request = LogoutRequest::for_sid(issuer(), client_id(), sid, now());
    store.terminate(&request).await.unwrap();
}

pub(crate) fn cookie() -> SessionCookie {
    SessionCookie::parse("id").unwrap()
}

pub(crate) fn guard(store: &Arc<Moody>) -> SessionGuardLayer<Arc<Moody>, SessionCookie> {
    SessionGuardLayer::new(Arc::clone(store), cookie())
}

pub(crate) type Answer<B> = Response<GuardBody<B>>;

/// One request with this session cookie, in process.
pub(crate) async fn ask<L, S, RB>(layer: &L, inner: S, session: Option<&str>) -> Answer<RB>
where
    L: Layer<S>,
    L::Service: Service<Request<()>, Response = Answer<RB>, Error = Infallible>,
{
    let mut request = Request::get("/account");
    if let Some(session) = session {
        request = request.header("cookie", format!("theme=dark; id={session}"));
    }
    let request = request.body(()).unwrap();
    layer.layer(inner).oneshot(request).await.unwrap()
}

/// The status of an answer, after the checks that hold for every refusal.
pub(crate) async fn refused(answer: Answer<Full<Bytes>>) -> u16 {
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let status = answer.status().as_u16();
    let retry = (status == 503).then(|| "5".parse().unwrap());
    assert_eq!(answer.headers().get("retry-after"), retry.as_ref());
    assert!(
        answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
    status
}

pub(crate) fn ok() -> Response<Full<Bytes>> {
    Response::new(Full::from("yours"))
}

/// What has to happen at once: a test that would hang fails.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, future).await.expect("it hangs")
}
