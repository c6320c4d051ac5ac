//! A time limit that costs nothing where nothing has to be waited for.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

/// What the future comes to, or `None` when that takes longer. What is at hand, as the answer of a store in memory, needs no timer:
/// one is made when the future waits.
pub(crate) async fn within<F: Future>(
    limit: Duration,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    match at_hand(future.as_mut()).await {
        None => timeout(limit, future).await.ok(),
        output => output,
    }
}

/// The same, with the end of the time given.
pub(crate) async fn until<F: Future>(end: Instant, mut future: Pin<&mut F>) -> Option<F::Output> {
    match at_hand(future.as_mut()).await {
        None => timeout_at(end, future).await.ok(),
        output => output,
    }
}

async fn at_hand<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    #[test]
    fn what_is_at_hand_needs_no_runtime_and_no_time() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let answer = pin!(within(Duration::ZERO, pin!(ready(7)))).poll(&mut context);
        assert_eq!(answer, Poll::Ready(Some(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_counts_for_what_is_waited_for() {
        let begun = Instant::now();
        assert_eq!(within(LIMIT, pin!(pending::<()>())).await, None);
        assert_eq!(begun.elapsed(), LIMIT);
        assert_eq!(until(begun + LIMIT, pin!(pending::<()>())).await, None);
        assert!(begun.elapsed() <= LIMIT + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_taken() {
        let before = LIMIT - Duration::from_millis(1);
        assert_eq!(within(LIMIT, pin!(sleep(before))).await, Some(()));
        assert_eq!(
            until(Instant::now() + LIMIT, pin!(sleep(before))).await,
            Some(())
        );
    }
}
