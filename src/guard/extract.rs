//! Which session a request presents: the question only the application can answer.

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::SessionCookie;
use crate::session::SessionIdentity;
use crate::types::SessionId;

/// What an extractor may look at: everything of a request but its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The head of a request.
    #[must_use]
    pub fn new<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// The target.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What layers outside of the guard left: for example the claims of a JWT that one of them has verified.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

impl fmt::Debug for RequestHead<'_> {
    // Header fields and targets hold credentials: neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}

/// What an extractor answers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Presented {
    /// No session: the request passes untouched.
    #[default]
    Nothing,
    /// A session the store knows by the RP's own key.
    Id(SessionId),
    /// A stateless session: whose it is, as a value that the application **has authenticated** (the signature of a
    /// cookie or JWT) says. It is compared with the marks of logouts alone (spec BCL-153).
    Identity(SessionIdentity),
    /// A session is presented that cannot be read without doubt: it is refused like one that ended. Answer this,
    /// not [`Nothing`](Self::Nothing), whenever a later part of the application might still see a session.
    Unusable,
}

/// Says which session a request presents.
///
/// Closures and functions `Fn(&RequestHead<'_>) -> Presented` are extractors; [`SessionCookie`] is one that ships.
///
/// ```
/// use tower_backchannel_logout::SessionId;
/// use tower_backchannel_logout::guard::{Presented, RequestHead};
///
/// /// A session id in a header field of its own, as a native app would send it.
/// fn from_header(head: &RequestHead<'_>) -> Presented {
///     let mut fields = head.headers().get_all("x-session").iter();
///     match (fields.next(), fields.next()) {
///         (None, _) => Presented::Nothing,
///         (Some(field), None) => match field.to_str().map(SessionId::parse) {
///             Ok(Ok(id)) => Presented::Id(id),
///             _ => Presented::Unusable,
///         },
///         // Two fields: nobody knows which of them the application would take.
///         (Some(_), Some(_)) => Presented::Unusable,
///     }
/// }
///
/// let request = http::Request::get("/").header("x-session", "s1").body(()).unwrap();
/// assert!(matches!(from_header(&RequestHead::new(&request)), Presented::Id(_)));
/// ```
///
/// # Security
///
/// The extractor and the application must agree. A session that the application finds and the extractor does not is
/// not guarded.
pub trait SessionExtractor: Send + Sync + 'static {
    /// The session of a request. Called once for each request; it must not wait.
    fn extract(&self, head: &RequestHead<'_>) -> Presented;

    /// The cookie the session travels in, if it does: the guard then lets no response set it for a session that ended
    /// (see [`SessionGuardLayer::with_session_cookie`](super::SessionGuardLayer::with_session_cookie)). The default is
    /// none.
    fn session_cookie(&self) -> Option<SessionCookie> {
        None
    }
}

impl<F> SessionExtractor for F
where
    F: Fn(&RequestHead<'_>) -> Presented + Send + Sync + 'static,
{
    fn extract(&self, head: &RequestHead<'_>) -> Presented {
        self(head)
    }
}
