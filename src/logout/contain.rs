//! Keeps a panic of the application's code from taking the answer with it (spec BCL-147).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The application's future panicked.
#[derive(Debug, thiserror::Error)]
#[error("panicked")]
pub(crate) struct Panicked;

pin_project! {
    /// Resolves to [`Panicked`] where the future inside panics. It is not polled again after that.
    pub(crate) struct Contain<F> {
        #[pin]
        future: F,
    }
}

pub(crate) const fn contain<F: Future>(future: F) -> Contain<F> {
    Contain { future }
}

impl<F: Future> Future for Contain<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
