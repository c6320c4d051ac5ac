//! The endpoint in front of an application: one path is ours, everything else passes.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::body::LogoutBody;
use super::future::LogoutLayerFuture;
use super::service::LogoutService;
use crate::config::ConfigError;
use crate::event::BoxError;
use crate::replay::{MemoryReplay, ReplayStore};
use crate::session::SessionStore;

/// Serves the back-channel logout endpoint on one path and passes every other request on untouched.
///
/// Put it outside of everything that could answer in its place: CSRF protection, login redirects, the guard. `Router::layer` of axum puts
/// it behind the choice of a route; around the whole router, as in `examples/axum_app`, the request is spared that.
///
/// ```
/// use tower_backchannel_logout::config::ConfigError;
/// use tower_backchannel_logout::endpoint::{LogoutLayer, LogoutService};
/// use tower_backchannel_logout::logout::Logout;
/// use tower_backchannel_logout::store::MemoryStore;
///
/// fn with_endpoint(app: axum::Router, logout: Logout<MemoryStore>) -> Result<axum::Router, ConfigError> {
///     Ok(app.layer(LogoutLayer::new("/backchannel-logout", LogoutService::new(logout))?))
/// }
/// # let _ = with_endpoint;
/// ```
pub struct LogoutLayer<S, R = MemoryReplay> {
    path: Arc<str>,
    endpoint: LogoutService<S, R>,
}

impl<S, R> LogoutLayer<S, R> {
    /// Serves `endpoint` on exactly `path`, whatever the query (spec BCL-01). A trailing slash makes another path, which is
    /// the application's (spec BCL-12).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `path` when it does not begin with a slash or has a query or a fragment.
    pub fn new(path: &str, endpoint: LogoutService<S, R>) -> Result<Self, ConfigError> {
        if !path.starts_with('/') {
            return Err(ConfigError::new("path", "does not begin with a slash"));
        }
        if path.contains(['?', '#']) {
            return Err(ConfigError::new(
                "path",
                "has a query or a fragment; give the path alone",
            ));
        }
        Ok(Self {
            path: Arc::from(path),
            endpoint,
        })
    }
}

impl<S, R> Clone for LogoutLayer<S, R> {
    fn clone(&self) -> Self {
        Self {
            path: Arc::clone(&self.path),
            endpoint: self.endpoint.clone(),
        }
    }
}

impl<S, R> fmt::Debug for LogoutLayer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutLayer")
            .field("path", &self.path)
            .field("endpoint", &self.endpoint)
            .finish()
    }
}

impl<S, R, I> Layer<I> for LogoutLayer<S, R> {
    type Service = LogoutMiddleware<I, S, R>;

    fn layer(&self, inner: I) -> Self::Service {
        LogoutMiddleware {
            inner,
            path: Arc::clone(&self.path),
            endpoint: self.endpoint.clone(),
        }
    }
}

/// The service [`LogoutLayer`] makes.
pub struct LogoutMiddleware<I, S, R = MemoryReplay> {
    inner: I,
    path: Arc<str>,
    endpoint: LogoutService<S, R>,
}

impl<I: Clone, S, R> Clone for LogoutMiddleware<I, S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            path: Arc::clone(&self.path),
            endpoint: self.endpoint.clone(),
        }
    }
}

impl<I: fmt::Debug, S, R> fmt::Debug for LogoutMiddleware<I, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutMiddleware")
            .field("inner", &self.inner)
            .field("path", &self.path)
            .field("endpoint", &self.endpoint)
            .finish()
    }
}

impl<I, S, R, B, IB> Service<Request<B>> for LogoutMiddleware<I, S, R>
where
    I: Service<Request<B>, Response = Response<IB>>,
    IB: Body<Data = Bytes>,
    S: SessionStore,
    R: ReplayStore,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<LogoutBody<IB>>;
    type Error = I::Error;
    type Future = LogoutLayerFuture<I::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path() == &*self.path {
            LogoutLayerFuture::own(self.endpoint.call(request))
        } else {
            LogoutLayerFuture::inner(self.inner.call(request))
        }
    }
}
