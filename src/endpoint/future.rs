//! The futures of the endpoint, by name.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use pin_project_lite::pin_project;

use super::body::LogoutBody;

type Answer = Response<Full<Bytes>>;

/// The answer of [`LogoutService`](super::LogoutService).
pub struct LogoutFuture(State);

enum State {
    Ready(Option<Answer>),
    Working(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl LogoutFuture {
    pub(super) const fn ready(answer: Answer) -> Self {
        Self(State::Ready(Some(answer)))
    }

    pub(super) fn boxed(work: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self(State::Working(Box::pin(work)))
    }
}

impl Future for LogoutFuture {
    type Output = Result<Answer, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // Polled again after the answer: a mistake of the caller that must not cost more than the one task.
            State::Ready(answer) => answer
                .take()
                .map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer))),
            State::Working(work) => work.as_mut().poll(context).map(Ok),
        }
    }
}

impl fmt::Debug for LogoutFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutFuture")
    }
}

pin_project! {
    /// The answer of [`LogoutMiddleware`](super::LogoutMiddleware).
    #[derive(Debug)]
    pub struct LogoutLayerFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<F> {
        Own { #[pin] future: LogoutFuture },
        Inner { #[pin] future: F },
    }
}

impl<F> LogoutLayerFuture<F> {
    pub(super) const fn own(future: LogoutFuture) -> Self {
        Self {
            kind: Kind::Own { future },
        }
    }

    pub(super) const fn inner(future: F) -> Self {
        Self {
            kind: Kind::Inner { future },
        }
    }
}

impl<F, B, E> Future for LogoutLayerFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<LogoutBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().kind.project() {
            KindProjection::Own { future } => match ready!(future.poll(context)) {
                Ok(response) => Ok(response.map(LogoutBody::own)),
                Err(never) => match never {},
            },
            KindProjection::Inner { future } => {
                ready!(future.poll(context)).map(|response| response.map(LogoutBody::inner))
            }
        })
    }
}
