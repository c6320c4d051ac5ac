//! Late saves: tells the response of a request that its session could not be saved, because it ended meanwhile.
//!
//! Session middleware saves and answers in one task, with nothing between the two to carry a word from the store to the response.
//! This is that word.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static LAST: Cell<Option<Saved>>;
}

/// What became of an attempt to save a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It was written.
    Yes,
    /// The session is over: nothing of it was written, or nothing was left.
    Refused,
}

/// Notes what became of the latest attempt in this task, if somebody [watches](watch).
pub(crate) fn note(saved: Saved) {
    let _unwatched = LAST.try_with(|last| last.set(Some(saved)));
}

pin_project! {
    /// Resolves to what a future does, and to what became of the latest attempt to save a session inside of it.
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Watched<F> {
        #[pin]
        inner: TaskLocalFuture<Cell<Option<Saved>>, Reading<F>>,
    }
}

pin_project! {
    /// Reads the word in the last moment in which it can be read.
    struct Reading<F> {
        #[pin]
        future: F,
    }
}

/// Watches the saves inside of a future.
pub(crate) fn watch<F: Future>(future: F) -> Watched<F> {
    Watched {
        inner: LAST.scope(Cell::new(None), Reading { future }),
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = (F::Output, Option<Saved>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(context)
    }
}

impl<F: Future> Future for Reading<F> {
    type Output = (F::Output, Option<Saved>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let output = self.project().future.poll(context);
        output.map(|output| (output, LAST.with(Cell::get)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_attempt_counts_and_only_one_s_own() {
        note(Saved::Refused); // nobody watches
        assert_eq!(watch(async { 7 }).await, (7, None));
        let outer = watch(async {
            note(Saved::Refused);
            tokio::task::yield_now().await;
            let inner = watch(async { note(Saved::Yes) }).await;
            assert_eq!(inner, ((), Some(Saved::Yes)));
        });
        assert_eq!(outer.await, ((), Some(Saved::Refused)));
        let twice = watch(async {
            note(Saved::Refused);
            note(Saved::Yes);
        });
        assert_eq!(twice.await, ((), Some(Saved::Yes)));
    }
}
