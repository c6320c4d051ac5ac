//! The server-sent events of one signed-in session.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;

use super::shutdown::Shutdown;

/// What a page is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageEvent {
    /// The page is connected.
    Connected,
    /// Nothing happened; the connection is kept alive.
    KeepAlive,
    /// The session is over. This is the last event.
    LoggedOut,
}

/// Events until the session ends, the page goes away or the program stops.
pub(crate) fn session_events(
    ended: impl Future<Output = ()> + Send + 'static,
    mut shutdown: Shutdown,
) -> ReceiverStream<PageEvent> {
    let (page, events) = mpsc::channel(2);
    tokio::spawn(async move {
        let mut ended = std::pin::pin!(ended);
        let mut ticks = interval(Duration::from_secs(15));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = PageEvent::Connected;
        loop {
            tokio::select! {
                biased;
                () = &mut ended => {
                    let _ = page.send(PageEvent::LoggedOut).await;
                    return;
                }
                () = shutdown.requested() => return,
                () = page.closed() => return,
                _ = ticks.tick() => if page.try_send(next).is_ok() {
                    next = PageEvent::KeepAlive;
                },
            }
        }
    });
    ReceiverStream::new(events)
}
