//! One bounded GET: how keys and metadata of an OP come in.
//!
//! [`Fetch`] is the port. A client behind it only exchanges a request for a response; every rule is enforced here, for
//! every client alike:
//!
//! 1. The URL is `https`, or `http` on a loopback host (spec BCL-33).
//! 2. The exchange has a time limit as a whole, and one for each silence in between.
//! 3. The body is counted while it streams and cut at the size limit, so that one without an end does no harm.
//! 4. Only status 200 is success, and 304 when the request was conditional. No redirect is followed (spec BCL-84).
//! 5. The request carries no cookie and no credential.
//!
//! The shipped client is [`HttpClient`] (feature `client`, on by default); feature `reqwest` makes a
//! `reqwest::Client` usable. A client of your own is one method:
//!
//! ```
//! use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
//!
//! /// Serves a document that is compiled into the program.
//! struct Fixed;
//!
//! impl Fetch for Fixed {
//!     async fn fetch(&self, _: http::Request<()>) -> Result<http::Response<FetchBody>, BoxError> {
//!         Ok(http::Response::new(FetchBody::from(r#"{"keys":[]}"#)))
//!     }
//! }
//! ```
//!
//! # Security
//!
//! A client must not follow redirects by itself and must not add cookies or credentials: nobody behind it can tell.

mod bounded;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub use crate::types::BoxError;
pub(crate) use bounded::{Document, Fetched, Fetcher};
pub use bounded::{FetchErrorKind, FetchLimits};
#[cfg(feature = "client")]
pub use client::{HttpClient, HttpClientBuilder};

/// The HTTP client port: one GET, without redirects, cookies and credentials.
///
/// `Arc<dyn DynFetch>` implements it too, for a client that is chosen at run time.
pub trait Fetch: Send + Sync + 'static {
    /// Sends the request (a GET with all the fields it needs) and hands back the response as it comes. The body is
    /// read, limited and judged by the caller.
    ///
    /// # Errors
    ///
    /// Whatever kept a response from arriving. It is logged and never shown to the sender of a token.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the time limit is over; the connection should then be closed.
    fn fetch(
        &self,
        request: Request<()>,
    ) -> impl Future<Output = Result<Response<FetchBody>, BoxError>> + Send;
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The object-safe twin of [`Fetch`], implemented for every [`Fetch`].
pub trait DynFetch: Send + Sync + 'static {
    /// [`Fetch::fetch`] in a box.
    fn fetch_boxed(
        &self,
        request: Request<()>,
    ) -> BoxFuture<'_, Result<Response<FetchBody>, BoxError>>;
}

impl<F: Fetch> DynFetch for F {
    fn fetch_boxed(
        &self,
        request: Request<()>,
    ) -> BoxFuture<'_, Result<Response<FetchBody>, BoxError>> {
        Box::pin(self.fetch(request))
    }
}

impl Fetch for Arc<dyn DynFetch> {
    async fn fetch(&self, request: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        (**self).fetch_boxed(request).await
    }
}

/// The body of a response, still streaming.
pub struct FetchBody(UnsyncBoxBody<Bytes, BoxError>);

impl FetchBody {
    /// Wraps the body type of a client.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }
}

impl<T: Into<Bytes>> From<T> for FetchBody {
    fn from(bytes: T) -> Self {
        Self::new(Full::new(bytes.into()))
    }
}

impl fmt::Debug for FetchBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FetchBody(…)")
    }
}

impl Body for FetchBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
