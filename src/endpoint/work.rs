//! The carrying out of one request, whether or not somebody waits for its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::Instrument;

use super::response::Verdict;
use crate::event::LogoutSpan;
use crate::logout::LogoutErrorKind;
use crate::measure::{self, Started};

/// How long a logout may go on when nobody waits for it any more.
const OVERTIME: Duration = Duration::from_secs(30);

type Boxed = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// A logout that goes on by itself when it is dropped in the middle: the sender was told in time that we are late, or it hung up.
/// Either way it may never ask again.
pub(super) struct Work {
    future: Option<Boxed>,
    span: LogoutSpan,
    /// When the request began; `None` once its answer is counted.
    uncounted: Option<Started>,
}

impl Work {
    pub(super) fn new(
        future: impl Future<Output = Verdict> + Send + 'static,
        span: LogoutSpan,
        started: Started,
    ) -> Self {
        Self {
            future: Some(Box::pin(future)),
            span,
            uncounted: Some(started),
        }
    }

    /// It goes on for itself: the sender has its answer, and that is what is recorded.
    pub(super) fn go_on(mut self) {
        self.uncounted = None;
    }
}

impl Future for Work {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        // Taken out meanwhile: what panics is not polled again.
        let Some(mut future) = self.future.take() else {
            return Poll::Pending;
        };
        let verdict = future.as_mut().poll(context);
        if verdict.is_pending() {
            self.future = Some(future);
        }
        verdict
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let (Some(future), Ok(runtime)) = (self.future.take(), Handle::try_current()) else {
            return;
        };
        let (span, uncounted) = (self.span.clone(), self.uncounted);
        let task = overtime(future, span.clone(), uncounted).instrument(span.span());
        runtime.spawn(task);
    }
}

/// Holds its place among the requests in progress to the end, so that this is bounded too.
async fn overtime(future: Boxed, span: LogoutSpan, uncounted: Option<Started>) {
    let verdict = timeout(OVERTIME, future).await.unwrap_or_else(|_| {
        tracing::error!(outcome = "failed", reason = "deadline", "logout given up");
        Verdict::Logout(LogoutErrorKind::Deadline)
    });
    if let Some(started) = uncounted {
        let (outcome, reason) = (verdict.outcome(), verdict.reason());
        tracing::debug!(outcome, reason, "the sender hung up before its answer");
        span.conclude(outcome, reason);
        measure::request(outcome, reason, started);
    }
}
