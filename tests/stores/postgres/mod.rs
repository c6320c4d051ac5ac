//! `PostgresStore` on real servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, LogoutTarget, NewSession, Rebinding, Registration, SessionIdentity,
    SessionRegistry, SessionStore, Terminated,
};
use tower_backchannel_logout::store::{
    PostgresStore, PostgresStoreBuilder, PostgresStoreError, PostgresStoreErrorKind,
};
use tower_backchannel_logout::testing::suite;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use crate::proxy::Proxy;
use crate::services::postgres::{Disk, Server, append};

mod announcements;
mod cleaning;
mod failures;
mod kills;
mod many;
mod migrations;
mod model;
mod plans;
mod races;
mod round_trips;
mod suites;

/// A prefix nobody else has.
fn prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("test{}_", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A pool as an application has it: lazy, and not larger than it needs.
fn pool_with(server: &Server, options: &[(&str, &str)]) -> PgPool {
    let connect: PgConnectOptions = server.url().parse().unwrap();
    let escaped = |value: &str| value.replace(' ', "\\ ");
    let options = options.iter().map(|(name, value)| (name, escaped(value)));
    PgPoolOptions::new()
        .max_connections(10)
        .connect_lazy_with(connect.options(options))
}

fn pool(server: &Server) -> PgPool {
    pool_with(server, &[])
}

/// A store with tables of its own, and the prefix of their names.
async fn store(pool: &PgPool) -> (PostgresStore, String) {
    configured(pool, |builder| builder).await
}

async fn configured(
    pool: &PgPool,
    configure: impl FnOnce(PostgresStoreBuilder) -> PostgresStoreBuilder,
) -> (PostgresStore, String) {
    let prefix = prefix();
    let builder = PostgresStore::builder(pool.clone()).with_table_prefix(&prefix);
    let store = configure(builder).build().unwrap();
    store.migrate().await.unwrap();
    (store, prefix)
}

/// Runs statements, with `{p}` for the prefix.
async fn run(pool: &PgPool, prefix: &str, statements: &str) {
    let text = statements.replace("{p}", prefix);
    pool.execute(sqlx::raw_sql(&text)).await.unwrap();
}

/// Asks for one number.
async fn number(pool: &PgPool, prefix: &str, query: &str) -> i64 {
    let text = query.replace("{p}", prefix);
    sqlx::query_scalar(&text).fetch_one(pool).await.unwrap()
}

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(now().as_secs())))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn now() -> UnixTime {
    SystemClock::default().now()
}

fn id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

fn issuer() -> Issuer {
    Issuer::parse("https://op.example").unwrap()
}

fn client_id() -> ClientId {
    ClientId::parse("shop").unwrap()
}

fn identity(subject: &str, sid: Option<&str>, iat: UnixTime) -> SessionIdentity {
    let subject = Subject::parse(subject).unwrap();
    let identity = SessionIdentity::new(issuer(), client_id(), subject).with_id_token_iat(iat);
    match sid {
        Some(sid) => identity.with_sid(Sid::parse(sid).unwrap()),
        None => identity,
    }
}

/// A session of a day, as of now.
fn session(name: &str, subject: &str, sid: Option<&str>, now: UnixTime) -> NewSession {
    let until = now.saturating_add(Duration::from_secs(86_400));
    NewSession::new(id(name), identity(subject, sid, now), until)
}

fn by_subject(subject: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_subject(issuer(), client_id(), Subject::parse(subject).unwrap(), now)
}

fn by_sid(sid: &str, now: UnixTime) -> LogoutRequest {
    LogoutRequest::for_sid(issuer(), client_id(), Sid::parse(sid).unwrap(), now)
}

fn by_both(sid: &str, subject: &str, now: UnixTime) -> LogoutRequest {
    let target = LogoutTarget::Session {
        sid: Sid::parse(sid).unwrap(),
        subject: Some(Subject::parse(subject).unwrap()),
    };
    LogoutRequest::new(issuer(), client_id(), target, now, now)
}

async fn begin(store: &PostgresStore, new: NewSession) {
    assert_eq!(store.register(new).await.unwrap(), Registration::Registered);
}

async fn is_live(store: &PostgresStore, name: &str) -> bool {
    store.status(&id(name)).await.unwrap().is_live()
}

fn names(terminated: &Terminated) -> Vec<&str> {
    let mut names: Vec<_> = terminated
        .sessions
        .iter()
        .map(|ended| ended.id.as_str())
        .collect();
    names.sort_unstable();
    names
}

fn kind<T: std::fmt::Debug>(answer: Result<T, PostgresStoreError>) -> PostgresStoreErrorKind {
    answer.unwrap_err().kind()
}
