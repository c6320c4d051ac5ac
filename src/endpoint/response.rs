//! Every answer the endpoint can give: the response catalogue (spec section 2).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body_util::Full;

use super::EndpointConfig;
use crate::logout::{LogoutErrorKind, LogoutOutcome};

/// Why HTTP refused a request, before there was a form to look at. What is wrong with the form or its token is a
/// [`Refusal`](crate::refusal::Refusal).
///
/// Likely causes and what to do are on the page [`operation`](crate::guide::operation#refused-requests) of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestRefusal {
    /// The method is not `POST` (spec BCL-02).
    ///
    /// Code: `method_not_allowed`.
    #[doc(alias = "method_not_allowed")]
    MethodNotAllowed,
    /// The body is not, or not only, a plain form (spec BCL-03..05).
    ///
    /// Code: `unsupported_media_type`.
    #[doc(alias = "unsupported_media_type")]
    UnsupportedMediaType,
    /// The body is larger than the limit (spec BCL-06).
    ///
    /// Code: `body_too_large`.
    #[doc(alias = "body_too_large")]
    BodyTooLarge,
    /// The body did not arrive in time, or was cut off (spec BCL-07).
    ///
    /// Code: `body_timeout`.
    #[doc(alias = "body_timeout")]
    BodyTimeout,
}

impl RequestRefusal {
    /// Every reason, for tests and for pre-registering metrics.
    pub const ALL: &'static [Self] = &[
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::BodyTimeout,
    ];

    /// The stable code of the reason, for logs and metrics (spec BCL-171).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
        }
    }

    /// A constant text, fit for `error_description`.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::MethodNotAllowed => "the method is not POST",
            Self::UnsupportedMediaType => "the body is not application/x-www-form-urlencoded",
            Self::BodyTooLarge => "the body is too large",
            Self::BodyTimeout => "the body did not arrive in time",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// What the endpoint decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done(LogoutOutcome),
    Request(RequestRefusal),
    Logout(LogoutErrorKind),
}

impl Verdict {
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::Done(outcome) => outcome.code(),
            Self::Request(_) | Self::Logout(LogoutErrorKind::Refused(_)) => "refused",
            Self::Logout(_) => "failed",
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Done(_) => "",
            Self::Request(refusal) => refusal.code(),
            Self::Logout(kind) => kind.code(),
        }
    }

    /// The answer. There is no `_` arm on purpose: a new kind has to be decided here.
    pub(super) fn response(
        self,
        config: &EndpointConfig,
        version: Version,
    ) -> Response<Full<Bytes>> {
        match self {
            // Ended, none matched, repeated: the same bytes, so that nobody learns about sessions (spec BCL-22).
            Self::Done(_) => answer(StatusCode::OK, Bytes::new()),
            Self::Request(refusal) => refused_request(refusal, version),
            Self::Logout(LogoutErrorKind::Refused(refusal)) => error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                refusal.description(),
            ),
            Self::Logout(
                kind @ (LogoutErrorKind::KeysUnavailable
                | LogoutErrorKind::StoreFailure
                | LogoutErrorKind::HookFailure
                | LogoutErrorKind::Deadline
                | LogoutErrorKind::Overloaded),
            ) => our_inability(kind, config),
        }
    }
}

fn refused_request(refusal: RequestRefusal, version: Version) -> Response<Full<Bytes>> {
    let mut response = match refusal {
        RequestRefusal::MethodNotAllowed => {
            let mut response = answer(refusal.status(), Bytes::new());
            set(&mut response, ALLOW, HeaderValue::from_static("POST"));
            response
        }
        RequestRefusal::BodyTimeout => answer(refusal.status(), Bytes::new()),
        _ => error(refusal.status(), "invalid_request", refusal.description()),
    };
    // The rest of the body is not wanted. HTTP/2 has no such field: there the stream is reset (RFC 9113 8.2.2).
    if matches!(
        refusal,
        RequestRefusal::BodyTooLarge | RequestRefusal::BodyTimeout
    ) && version < Version::HTTP_2
    {
        set(&mut response, CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn our_inability(kind: LogoutErrorKind, config: &EndpointConfig) -> Response<Full<Bytes>> {
    let status = if config.literal_400 {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = error(status, "temporarily_unavailable", kind.description());
    set(
        &mut response,
        RETRY_AFTER,
        whole_seconds(config.retry_after),
    );
    response
}

fn whole_seconds(duration: Duration) -> HeaderValue {
    HeaderValue::from(duration.as_secs())
}

/// A JSON error object (RFC 6749 5.2). Both texts are constants of this crate without quote and backslash.
fn error(
    status: StatusCode,
    error: &'static str,
    description: &'static str,
) -> Response<Full<Bytes>> {
    let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
    let mut response = answer(status, Bytes::from(body));
    set(
        &mut response,
        CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    set(
        &mut response,
        CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    response
}

fn set(response: &mut Response<Full<Bytes>>, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}
