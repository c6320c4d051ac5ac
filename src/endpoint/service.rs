//! The endpoint alone, as a service.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use http_body_util::Full;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::config::EndpointConfig;
use super::form::logout_token;
use super::future::LogoutFuture;
use super::receive::{check_head, read_body};
use super::response::Verdict;
use super::work::Work;
use crate::clock::later;
use crate::event::{BoxError, LogoutSpan};
use crate::logout::{Logout, LogoutErrorKind, TokenPlace};
use crate::measure::{self, InProgress, Started};
use crate::quiet::Quiet;
use crate::refusal::Refusal;
use crate::replay::{MemoryReplay, ReplayStore};
use crate::session::SessionStore;
use crate::within::until;

/// The back-channel logout endpoint. Mount it where the OP was told to send its requests (`backchannel_logout_uri`).
///
/// It does not look at the path. It is always ready: requests beyond the bound are answered `503`, not queued. Cheap to clone; all
/// clones share the bound on requests in progress. The future needs a tokio runtime with its timer.
///
/// # Cancel safety
///
/// A future that is dropped before the body has arrived has done nothing. From then on the logout is carried out whether or not
/// somebody waits for the answer: an OP that hung up, or a proxy that lost patience, may never ask again. It keeps its place among
/// the requests in progress for at most 30 seconds.
///
/// ```
/// use std::time::Duration;
/// use tower_backchannel_logout::endpoint::{EndpointConfig, LogoutService};
/// use tower_backchannel_logout::logout::Logout;
/// use tower_backchannel_logout::store::MemoryStore;
///
/// fn endpoint(logout: Logout<MemoryStore>) -> axum::Router {
///     let config = EndpointConfig::default().with_deadline(Duration::from_millis(1500));
///     let service = LogoutService::with_config(logout, config);
///     axum::Router::new().route_service("/backchannel-logout", service)
/// }
/// # let _ = endpoint;
/// ```
pub struct LogoutService<S, R = MemoryReplay> {
    shared: Arc<Shared<S, R>>,
}

struct Shared<S, R> {
    logout: Logout<S, R>,
    config: EndpointConfig,
    places: Arc<Semaphore>,
    overload: Quiet,
}

/// A place among the requests in progress.
struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: InProgress,
}

/// What is said about a request when it is over.
struct Record {
    span: LogoutSpan,
    started: Started,
}

impl<S, R> LogoutService<S, R> {
    /// An endpoint with the default limits.
    #[must_use]
    pub fn new(logout: Logout<S, R>) -> Self {
        Self::with_config(logout, EndpointConfig::default())
    }

    /// An endpoint with other limits.
    #[must_use]
    pub fn with_config(logout: Logout<S, R>, config: EndpointConfig) -> Self {
        let places = Semaphore::new(config.max_in_progress.min(Semaphore::MAX_PERMITS));
        Self {
            shared: Arc::new(Shared {
                logout,
                config,
                places: Arc::new(places),
                overload: Quiet::default(),
            }),
        }
    }

    /// What the endpoint calls.
    #[must_use]
    pub fn logout(&self) -> &Logout<S, R> {
        &self.shared.logout
    }
}

impl<S, R, B> Service<Request<B>> for LogoutService<S, R>
where
    S: SessionStore,
    R: ReplayStore,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = LogoutFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Always ready: excess is answered, not queued (spec BCL-21).
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> LogoutFuture {
        let record = Record {
            span: LogoutSpan::request(),
            started: Started::now(),
        };
        let (head, body) = request.into_parts();
        let at_once = |verdict| {
            let conclude = || conclude(verdict, &record, head.version, &self.shared);
            LogoutFuture::ready(record.span.span().in_scope(conclude))
        };
        if let Err(refusal) = check_head(&head, &self.shared.config) {
            return at_once(Verdict::Request(refusal));
        }
        let Ok(permit) = Arc::clone(&self.shared.places).try_acquire_owned() else {
            return at_once(Verdict::Logout(LogoutErrorKind::Overloaded));
        };
        let place = Place {
            _permit: permit,
            _counted: InProgress::new(),
        };
        let shared = Arc::clone(&self.shared);
        let span = record.span.span();
        // All that is needed of the head from here on: what waits is as small as it can be.
        let version = head.version;
        let query = head.uri.query().map(Box::from);
        drop(head);
        let work = async move {
            let verdict = answer(Arc::clone(&shared), query, body, place, &record).await;
            conclude(verdict, &record, version, &shared)
        };
        LogoutFuture::boxed(work.instrument(span))
    }
}

/// Reads the form and has it carried out, within the overall deadline.
async fn answer<S, R, B>(
    shared: Arc<Shared<S, R>>,
    query: Option<Box<str>>,
    body: B,
    place: Place,
    record: &Record,
) -> Verdict
where
    S: SessionStore,
    R: ReplayStore,
    B: Body,
    B::Error: Into<BoxError>,
{
    let started = Instant::now();
    let config = shared.config;
    let form = match read_body(body, &config, started).await {
        Ok(form) => form,
        Err(refusal) => return Verdict::Request(refusal),
    };
    let span = record.span.clone();
    let carrying_out = async move {
        let verdict = carry_out(&shared.logout, query.as_deref(), &form, &span).await;
        drop(place);
        verdict
    };
    let mut work = Work::new(carrying_out, record.span.clone(), record.started);
    match until(later(started, config.deadline), Pin::new(&mut work)).await {
        Some(verdict) => verdict,
        None => {
            work.go_on();
            Verdict::Logout(LogoutErrorKind::Deadline)
        }
    }
}

/// Finds the token and ends what it names.
async fn carry_out<S: SessionStore, R: ReplayStore>(
    logout: &Logout<S, R>,
    query: Option<&str>,
    form: &[u8],
    span: &LogoutSpan,
) -> Verdict {
    let query = query.unwrap_or_default().as_bytes();
    let (token, place) = match (logout_token(form), logout_token(query)) {
        (Err(refusal), _) => return Verdict::Logout(LogoutErrorKind::Refused(refusal)),
        (Ok(Some(token)), Ok(None)) => (token, TokenPlace::Body),
        (Ok(Some(token)), _) => (token, TokenPlace::Both),
        (Ok(None), Ok(Some(token))) => (token, TokenPlace::Query),
        // A repeated field in a query is no token: whether the query counts is only known from the token.
        (Ok(None), _) => (Cow::Borrowed(""), TokenPlace::Body),
    };
    if token.is_empty() {
        return Verdict::Logout(LogoutErrorKind::Refused(Refusal::MissingLogoutToken));
    }
    match logout.handle_from(&token, place, span).await {
        Ok(outcome) => Verdict::Done(outcome),
        Err(error) => {
            error.log();
            Verdict::Logout(error.kind())
        }
    }
}

fn conclude<S, R>(
    verdict: Verdict,
    record: &Record,
    version: Version,
    shared: &Shared<S, R>,
) -> Response<Full<Bytes>> {
    let (outcome, reason) = (verdict.outcome(), verdict.reason());
    record.span.conclude(outcome, reason);
    measure::request(outcome, reason, record.started);
    record
        .span
        .span()
        .in_scope(|| log(verdict, &shared.overload));
    verdict.response(&shared.config, version)
}

/// What is not logged where it is found out. Anybody can provoke these, so they are either quiet or seldom.
fn log(verdict: Verdict, overload: &Quiet) {
    let (outcome, reason) = (verdict.outcome(), verdict.reason());
    match verdict {
        Verdict::Request(_) => tracing::debug!(outcome, reason, "logout request refused"),
        Verdict::Logout(LogoutErrorKind::Overloaded) => match overload.ask() {
            Some(kept_back) => {
                tracing::warn!(outcome, reason, kept_back, "too many logout requests");
            }
            None => tracing::debug!(outcome, reason, "too many logout requests"),
        },
        Verdict::Logout(LogoutErrorKind::Deadline) => {
            tracing::warn!(outcome, reason, "logout answered before it was done");
        }
        Verdict::Logout(_) | Verdict::Done(_) => {}
    }
}

impl<S, R> Clone for LogoutService<S, R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, R> fmt::Debug for LogoutService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutService")
            .field("logout", &self.shared.logout)
            .field("config", &self.shared.config)
            .finish()
    }
}
