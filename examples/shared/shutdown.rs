//! Stopping in order: SIGTERM (or Ctrl-C), then a short time for what is still going on.

use std::time::Duration;

use tokio::sync::watch;

/// How long requests in flight may take after the signal.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// Tells every part of the program that it is time to stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Stops at SIGTERM or Ctrl-C.
    pub(crate) fn on_signal() -> Self {
        let (sender, receiver) = watch::channel(false);
        // The handler is in place before this returns: a signal from now on is not the end of the process.
        let signal = termination();
        tokio::spawn(async move {
            signal.await;
            sender.send_replace(true);
            // Keeps the channel open for everybody who asks later.
            sender.closed().await;
        });
        Self(receiver)
    }

    /// Resolves once it is time to stop.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when the time for requests in flight is over.
    pub(crate) async fn drained(&mut self) {
        self.requested().await;
        tokio::time::sleep(DRAIN).await;
    }
}

#[cfg(unix)]
fn termination() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be handled");
    async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
fn termination() -> impl Future<Output = ()> {
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}
