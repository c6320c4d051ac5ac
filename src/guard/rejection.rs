//! What the guard answers in the place of the application.

use std::fmt;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Why the guard did not let a request through.
///
/// Likely causes and what to do are on the page [`operation`](crate::guide::operation#the-guard) of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The session has ended.
    ///
    /// Code: `session_ended`.
    #[doc(alias = "session_ended")]
    SessionEnded,
    /// The store does not know the session: it never was, or ended so long ago that nothing of it is left.
    ///
    /// Code: `session_unknown`.
    #[doc(alias = "session_unknown")]
    SessionUnknown,
    /// The request presents a session that cannot be told for sure ([`Presented::Unusable`](super::Presented::Unusable)).
    ///
    /// Code: `session_unusable`.
    #[doc(alias = "session_unusable")]
    SessionUnusable,
    /// The store could not answer.
    ///
    /// Code: `store_failure`.
    #[doc(alias = "store_failure")]
    StoreFailure,
    /// The store did not answer in time.
    ///
    /// Code: `store_timeout`.
    #[doc(alias = "store_timeout")]
    StoreTimeout,
}

impl Rejection {
    /// The stable code of the reason, for logs and metrics (spec BCL-171).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SessionEnded => "session_ended",
            Self::SessionUnknown => "session_unknown",
            Self::SessionUnusable => "session_unusable",
            Self::StoreFailure => "store_failure",
            Self::StoreTimeout => "store_timeout",
        }
    }

    /// 401 when there is no live session, 503 when nobody could tell.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::SessionEnded | Self::SessionUnknown | Self::SessionUnusable => {
                StatusCode::UNAUTHORIZED
            }
            Self::StoreFailure | Self::StoreTimeout => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The default answer, to start from in
    /// [`with_response`](super::SessionGuardLayer::with_response): the status, `Cache-Control: no-store`, for 503 also
    /// `Retry-After: 5`, and no body.
    #[must_use]
    pub fn response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status();
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            fields.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionEnded => "the session has ended",
            Self::SessionUnknown => "the session is not known",
            Self::SessionUnusable => "the session cannot be told for sure",
            Self::StoreFailure => "the session store could not answer",
            Self::StoreTimeout => "the session store did not answer in time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_live_session_is_401_and_our_own_inability_is_503_with_retry_after() {
        for (rejection, status, retry, code) in [
            (Rejection::SessionEnded, 401, None, "session_ended"),
            (Rejection::SessionUnknown, 401, None, "session_unknown"),
            (Rejection::SessionUnusable, 401, None, "session_unusable"),
            (Rejection::StoreFailure, 503, Some("5"), "store_failure"),
            (Rejection::StoreTimeout, 503, Some("5"), "store_timeout"),
        ] {
            let response = rejection.response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(
                response
                    .headers()
                    .get(RETRY_AFTER)
                    .map(|v| v.to_str().unwrap()),
                retry
            );
            assert!(response.body().is_empty());
            assert_eq!(rejection.code(), code); // BCL-171
        }
    }
}
