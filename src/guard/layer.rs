//! The configuration of the guard.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::check::{Options, Sessions};
use super::{Rejection, RequestHead, SessionCookie, SessionExtractor, SessionGuard};

/// Puts a [`SessionGuard`] around a service: see the [module](super).
pub struct SessionGuardLayer<St, E> {
    store: Arc<St>,
    extractor: Arc<E>,
    options: Options,
}

impl<St, E: SessionExtractor> SessionGuardLayer<St, E> {
    /// Guards with the sessions of a store, and with an extractor that says which session a request presents.
    ///
    /// The store is a clone of the one the logout endpoint has, or an `Arc` of it.
    #[must_use]
    pub fn new(store: St, extractor: E) -> Self {
        let options = Options {
            cookie: extractor.session_cookie(),
            ..Options::default()
        };
        Self {
            store: Arc::new(store),
            extractor: Arc::new(extractor),
            options,
        }
    }
}

impl<St, E> SessionGuardLayer<St, E> {
    /// The cookie that no response may set for a session which ended while the handler ran. The default is the cookie
    /// of the extractor: for a [`SessionCookie`] itself, for closures none.
    ///
    /// The store is asked again only when a response sets this cookie. If the session of the request is then no longer
    /// live, or cannot be checked, the `Set-Cookie` fields of this name are taken out; those that delete the cookie
    /// (`Max-Age=0` or an empty value) and those that set another session which is live by itself (an id that rotated,
    /// a new login) stay. To tell these, the [reader](SessionCookie::with_reader) of the cookie is used.
    #[must_use]
    pub fn with_session_cookie(mut self, cookie: SessionCookie) -> Self {
        self.options.cookie = Some(cookie);
        self
    }

    /// Ends streaming response bodies once the session of their request ends, within one second with the shipped
    /// stores. The default is to leave bodies alone.
    ///
    /// Only bodies of unknown length are cut: all others are sent from memory. The end is a clean one (the last chunk
    /// of HTTP/1.1, `END_STREAM` of HTTP/2), except where the response has a `Content-Length`: there the transfer
    /// breaks off. A client that has to tell a cut from an end needs a last message; write it with
    /// [`LiveSession::ended`](super::LiveSession::ended) instead.
    ///
    /// A connection that was upgraded (WebSocket) is no body: its handler uses
    /// [`LiveSession::ended`](super::LiveSession::ended).
    #[must_use]
    pub fn with_ended_bodies(mut self) -> Self {
        self.options.end_bodies = true;
        self
    }

    /// How long the store may take, for each question. The default is one second; a store that takes longer is a store
    /// that failed. Needs tokio's timer, unless the store answers at once.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.options.time_limit = time_limit;
        self
    }

    /// Answers refused requests in the application's own way: a page, a redirect to the login, a problem document, a
    /// `Set-Cookie` that deletes the dead cookie. The default is [`Rejection::response`], and a good start.
    ///
    /// The answer must not be cacheable: keep the `Cache-Control` of the default.
    #[must_use]
    pub fn with_response<F>(mut self, respond: F) -> Self
    where
        F: Fn(Rejection, &RequestHead<'_>) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.options.respond = Some(Arc::new(respond));
        self
    }

    /// Passes requests whose session the store does not know, without a [`LiveSession`](super::LiveSession).
    ///
    /// # Security
    ///
    /// A store may know nothing of a session that ended long ago: such a request passes as well. Use it only if the
    /// same cookie also carries anonymous sessions, and if every handler takes the customer from the `LiveSession` and
    /// from nowhere else.
    #[must_use]
    pub fn dangerous_allow_unknown_sessions(mut self) -> Self {
        self.options.allow_unknown = true;
        self
    }

    /// Passes requests when the store cannot answer in time, without a [`LiveSession`](super::LiveSession). The default
    /// is to refuse them with 503.
    ///
    /// # Security
    ///
    /// While the store is down, sessions that ended are let in, and responses may set their cookie again.
    #[must_use]
    pub fn dangerous_allow_on_store_failure(mut self) -> Self {
        self.options.allow_on_store_failure = true;
        self
    }
}

impl<S, St, E> Layer<S> for SessionGuardLayer<St, E> {
    type Service = SessionGuard<S, St, E>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionGuard {
            inner,
            extractor: Arc::clone(&self.extractor),
            sessions: Arc::new(Sessions {
                store: Arc::clone(&self.store),
                options: self.options.clone(),
            }),
        }
    }
}

// By hand: neither the store nor the extractor has to be `Clone`.
impl<St, E> Clone for SessionGuardLayer<St, E> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            extractor: Arc::clone(&self.extractor),
            options: self.options.clone(),
        }
    }
}

impl<St, E> fmt::Debug for SessionGuardLayer<St, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGuardLayer")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
