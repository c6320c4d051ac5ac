//! The limits around every exchange, whatever client performs it.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AGE, CACHE_CONTROL, ETAG, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{BoxError, DynFetch, FetchBody};
use crate::types::check_url;

/// How long one GET may take and how much it may bring.
///
/// ```
/// use std::time::Duration;
/// use tower_backchannel_logout::fetch::FetchLimits;
///
/// let limits = FetchLimits::default().with_total(Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    pub(super) total: Duration,
    pub(super) read: Duration,
    pub(super) max_bytes: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(5),
            read: Duration::from_secs(3),
            max_bytes: 1024 * 1024,
        }
    }
}

impl FetchLimits {
    /// The time from the request to the last byte of the body. Default: 5 seconds.
    #[must_use]
    pub const fn with_total(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// The longest silence while the body arrives. Default: 3 seconds.
    #[must_use]
    pub const fn with_read(mut self, read: Duration) -> Self {
        self.read = read;
        self
    }

    /// The largest body in bytes, counted while it streams (spec BCL-79). Default: 1 MiB.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// Why a GET brought no document.
///
/// Likely causes and what to do are on the page [`operation`](crate::guide::operation#keys) of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The URL is not `https` (or `http` on a loopback host).
    ///
    /// Code: `url`.
    #[doc(alias = "url")]
    Url,
    /// No response arrived: name resolution, connection, TLS or proxy failed.
    ///
    /// Code: `connect`.
    #[doc(alias = "connect")]
    Connect,
    /// A time limit was over.
    ///
    /// Code: `timeout`.
    #[doc(alias = "timeout")]
    Timeout,
    /// The answer was a redirect; none is followed (spec BCL-84).
    ///
    /// Code: `redirect`.
    #[doc(alias = "redirect")]
    Redirect,
    /// The answer had this status instead of 200.
    ///
    /// Code: `status`.
    #[doc(alias = "status")]
    Status(u16),
    /// The body was larger than the limit.
    ///
    /// Code: `too_large`.
    #[doc(alias = "too_large")]
    TooLarge,
    /// The body ended early.
    ///
    /// Code: `interrupted`.
    #[doc(alias = "interrupted")]
    Interrupted,
}

impl FetchErrorKind {
    /// The stable code of the reason, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A [`FetchErrorKind`] and what the client said about it; the latter is for logs alone.
#[derive(Debug)]
pub(crate) struct FetchError {
    pub(crate) kind: FetchErrorKind,
    source: Option<BoxError>,
}

impl FetchError {
    fn because(kind: FetchErrorKind, source: BoxError) -> Self {
        Self {
            kind,
            source: Some(source),
        }
    }
}

impl From<FetchErrorKind> for FetchError {
    fn from(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for FetchError {
    /// The kind and the whole chain of causes: "connect" alone helps nobody whose certificate is not trusted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FetchErrorKind::Status(status) => write!(f, "status {status}")?,
            kind => f.write_str(kind.code())?,
        }
        let mut cause: Option<&(dyn Error + 'static)> =
            self.source.as_deref().map(|source| source as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// What a successful GET brought.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// 304: what we have is still right.
    NotModified(HeaderMap),
    /// 200 with a body within the limit.
    Document(Document),
}

/// A body and the fields that say how long it is good.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) etag: Option<HeaderValue>,
}

/// A client with limits around it.
#[derive(Clone)]
pub(crate) struct Fetcher {
    client: Arc<dyn DynFetch>,
    limits: FetchLimits,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    pub(crate) fn new(client: Arc<dyn DynFetch>, limits: FetchLimits) -> Self {
        Self { client, limits }
    }

    /// One GET within the limits; conditional when an `ETag` is given.
    pub(crate) async fn get(
        &self,
        url: &str,
        etag: Option<&HeaderValue>,
    ) -> Result<Fetched, FetchError> {
        check_url("url", url).map_err(|_| FetchErrorKind::Url)?;
        let mut request = Request::get(url)
            .header(ACCEPT, "application/json, application/jwk-set+json;q=0.9")
            .header(
                USER_AGENT,
                concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let request = request.body(()).map_err(|_| FetchErrorKind::Url)?;
        match timeout(self.limits.total, self.exchange(request, etag.is_some())).await {
            Ok(result) => result,
            Err(_) => Err(FetchErrorKind::Timeout.into()),
        }
    }

    async fn exchange(
        &self,
        request: Request<()>,
        conditional: bool,
    ) -> Result<Fetched, FetchError> {
        let response = self
            .client
            .fetch_boxed(request)
            .await
            .map_err(|source| FetchError::because(FetchErrorKind::Connect, source))?;
        let (head, body) = response.into_parts();
        match head.status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if conditional => {
                return Ok(Fetched::NotModified(freshness_fields(&head.headers)));
            }
            // Not even to the same host: a redirect could lead anywhere (BCL-84).
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                return Err(FetchErrorKind::Redirect.into());
            }
            status => return Err(FetchErrorKind::Status(status.as_u16()).into()),
        }
        Ok(Fetched::Document(Document {
            body: self.read(body).await?,
            etag: head.headers.get(ETAG).cloned(),
            headers: freshness_fields(&head.headers),
        }))
    }

    async fn read(&self, body: FetchBody) -> Result<Bytes, FetchError> {
        let limit = self.limits.max_bytes;
        if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(FetchErrorKind::TooLarge.into());
        }
        let mut body = pin!(body);
        let mut bytes = BytesMut::new();
        loop {
            let frame = match timeout(self.limits.read, body.frame()).await {
                Err(_) => return Err(FetchErrorKind::Timeout.into()),
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(Err(source))) => {
                    return Err(FetchError::because(FetchErrorKind::Interrupted, source));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            let data = frame.into_data().unwrap_or_default();
            if data.is_empty() {
                // A body that always has one more frame without bytes must not keep the time limit from its turn.
                yield_now().await;
            }
            if data.len() > limit.saturating_sub(bytes.len()) {
                return Err(FetchErrorKind::TooLarge.into());
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// The fields that say how long a response is good, and nothing else of what the server sent.
fn freshness_fields(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| **name == CACHE_CONTROL || **name == AGE)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
