//! The wrapper over a store and a registry that can be stopped at each step, made to fail, and counted.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::*;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::store::tower_sessions::{BackchannelSessionStore, IDENTITY_KEY};
use tower_backchannel_logout::testing::TestClock;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use super::ts::session::{Id, Record};
use super::ts::{self, Session, SessionStore as TowerStore, session_store};

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls that reached the store and the registry, in their order. One of them can be told to wait for something else first, and
/// each kind can be made to fail.
#[derive(Clone, Default)]
pub(crate) struct Steps(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    taken: Vec<&'static str>,
    act: Option<(usize, Act)>,
    failing: Vec<&'static str>,
}

impl Steps {
    async fn step(&self, name: &'static str) -> bool {
        let act = {
            let mut state = self.0.lock().unwrap();
            let nth = state.taken.len();
            state.taken.push(name);
            match &state.act {
                Some((at, _)) if *at == nth => state.act.take(),
                _ => None,
            }
        };
        if let Some((_, act)) = act {
            act.await;
        }
        !self.0.lock().unwrap().failing.contains(&name)
    }

    /// Does something right before a step, counted from now on.
    pub(crate) fn before(&self, nth: usize, act: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.0.lock().unwrap();
        state.taken.clear();
        state.act = Some((nth, Box::pin(act)));
    }

    /// What was not done, because there were not so many steps.
    pub(crate) fn left_over(&self) -> Option<Act> {
        self.0.lock().unwrap().act.take().map(|(_, act)| act)
    }

    /// The steps since the last time.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap().taken)
    }

    pub(crate) fn fail(&self, names: &[&'static str]) {
        self.0.lock().unwrap().failing = names.to_vec();
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steps")
    }
}

/// A store of tower-sessions behind the steps. It remembers every id it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    pub(crate) behind: S,
    pub(crate) steps: Steps,
    pub(crate) seen: Arc<Mutex<Vec<Id>>>,
}

fn down() -> session_store::Error {
    session_store::Error::Backend("the store is down".to_owned())
}

#[async_trait::async_trait]
impl<S: TowerStore> TowerStore for Gate<S> {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        if !self.steps.step("create").await {
            return Err(down());
        }
        self.behind.create(record).await?;
        self.seen.lock().unwrap().push(record.id);
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if !self.steps.step("save").await {
            return Err(down());
        }
        self.seen.lock().unwrap().push(record.id);
        self.behind.save(record).await
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.steps.step("load").await;
        self.behind.load(id).await
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        if !self.steps.step("delete").await {
            return Err(down());
        }
        self.behind.delete(id).await
    }
}

/// A registry behind the steps.
#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) behind: MemoryStore,
    steps: Steps,
}

#[derive(Debug, thiserror::Error)]
#[error("the registry is down")]
pub(crate) struct Down;

impl Registry {
    async fn step(&self, name: &'static str) -> Result<(), Down> {
        let goes_on = self.steps.step(name).await;
        goes_on.then_some(()).ok_or(Down)
    }
}

impl SessionStore for Registry {
    type Error = Down;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Down> {
        self.behind.terminate(request).await.map_err(|_| Down)
    }

    async fn forget(&self, request: &LogoutRequest, terminated: &Terminated) -> Result<(), Down> {
        let forgotten = self.behind.forget(request, terminated).await;
        forgotten.map_err(|_| Down)
    }
}

impl SessionRegistry for Registry {
    async fn register(&self, session: NewSession) -> Result<Registration, Down> {
        self.step("register").await?;
        self.behind.register(session).await.map_err(|_| Down)
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, Down> {
        self.step("status").await?;
        self.behind.status(id).await.map_err(|_| Down)
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, Down> {
        self.step("extend").await?;
        self.behind.extend(id, expires_at).await.map_err(|_| Down)
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, Down> {
        self.step("rebind").await?;
        self.behind.rebind(old, new).await.map_err(|_| Down)
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, Down> {
        self.step("unregister").await?;
        self.behind.unregister(id).await.map_err(|_| Down)
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, Down> {
        self.behind.is_logged_out(identity).await.map_err(|_| Down)
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        self.behind.ended(id)
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.behind.identity_ended(identity)
    }
}

pub(crate) type Sessions = BackchannelSessionStore<Gate<ts::Inner>, Registry, ts::Marker>;

/// One wrapper, and what is around and inside of it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) sessions: Sessions,
    pub(crate) steps: Steps,
    pub(crate) clock: TestClock,
}

pub(crate) async fn new_world() -> Option<World> {
    let steps = Steps::default();
    // The records of tower-sessions take their time from the system.
    let clock = TestClock::new(SystemClock::default().now());
    let inner = Gate {
        behind: ts::inner().await?,
        steps: steps.clone(),
        seen: Arc::default(),
    };
    let registry = Registry {
        behind: MemoryStore::builder().with_clock(clock.clone()).build(),
        steps: steps.clone(),
    };
    Some(World {
        sessions: Sessions::new(inner, registry).with_clock(clock.clone()),
        steps,
        clock,
    })
}

impl World {
    /// What the session layer makes of a cookie.
    pub(crate) fn session(&self, id: Option<Id>) -> Session {
        let expiry = ts::Expiry::OnInactivity(ts::cookie::time::Duration::hours(1));
        Session::new(id, Arc::new(self.sessions.clone()), Some(expiry))
    }

    /// A customer who is signed in: the id in the cookie.
    pub(crate) async fn signed_in(&self, identity: &SessionIdentity) -> Id {
        let session = self.session(None);
        session.insert("cart", "shoes").await.unwrap();
        let answer = self.sessions.sign_in(&session, identity).await.unwrap();
        assert_eq!(answer, Registration::Registered);
        self.steps.take();
        session.id().unwrap()
    }

    /// One who signed in after every logout there was.
    pub(crate) async fn signed_in_later(&self) -> Id {
        self.clock.advance(Duration::from_secs(60));
        self.signed_in(&self.customer("alice", "later")).await
    }

    /// An identity whose ID Token was issued now.
    pub(crate) fn customer(&self, sub: &str, sid: &str) -> SessionIdentity {
        identity(sub, sid, self.clock.now())
    }

    pub(crate) async fn logout(&self, request: &LogoutRequest) -> Terminated {
        let terminated = self.sessions.terminate(request).await.unwrap();
        self.sessions.forget(request, &terminated).await.unwrap();
        terminated
    }

    pub(crate) fn by_sub(&self, sub: &str) -> LogoutRequest {
        let sub = Subject::parse(sub).unwrap();
        LogoutRequest::for_subject(issuer(), client(), sub, self.clock.now())
    }

    pub(crate) fn by_sid(&self, sid: &str) -> LogoutRequest {
        by_sid_at(sid, self.clock.now())
    }

    pub(crate) async fn is_live(&self, id: Id) -> bool {
        let registry = &self.sessions.registry().behind;
        registry.status(&key(id)).await.unwrap().is_live()
    }

    /// What the store itself has under an id.
    pub(crate) async fn record(&self, id: Id) -> Option<Record> {
        self.sessions.inner().behind.load(&id).await.unwrap()
    }

    /// Who is signed in, as a request with this cookie finds it.
    pub(crate) async fn who(&self, id: Id) -> Option<String> {
        use tower_backchannel_logout::store::tower_sessions::IdentityInSession;
        let identity = self.session(Some(id)).identity().await.unwrap();
        identity.map(|identity| identity.subject().as_str().to_owned())
    }

    /// Passes if no cookie that was ever given out leads to anybody, and nothing of it is left in the store.
    pub(crate) async fn assert_nobody_is_signed_in(&self) {
        let seen = self.sessions.inner().seen.lock().unwrap().clone();
        assert!(!seen.is_empty());
        for id in seen {
            assert!(!self.is_live(id).await, "a session is live");
            let record = self.record(id).await;
            let signed_in = record.is_some_and(|record| record.data.contains_key(IDENTITY_KEY));
            assert!(!signed_in, "a record is left");
            assert_eq!(self.who(id).await, None);
        }
    }
}

pub(crate) fn key(id: Id) -> SessionId {
    SessionId::parse(id.to_string()).unwrap()
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

pub(crate) fn client() -> ClientId {
    ClientId::parse("shop").unwrap()
}

pub(crate) fn identity(sub: &str, sid: &str, iat: UnixTime) -> SessionIdentity {
    SessionIdentity::new(issuer(), client(), Subject::parse(sub).unwrap())
        .with_sid(Sid::parse(sid).unwrap())
        .with_id_token_iat(iat)
}

/// A logout that was decided at this moment.
pub(crate) fn by_sid_at(sid: &str, cut_off: UnixTime) -> LogoutRequest {
    LogoutRequest::for_sid(issuer(), client(), Sid::parse(sid).unwrap(), cut_off)
}

/// What has to happen at once: a test that would hang fails.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, future).await.expect("it hangs")
}

/// Whether a future is done, without waiting for it.
pub(crate) async fn is_done(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(50), future)
        .await
        .is_ok()
}
