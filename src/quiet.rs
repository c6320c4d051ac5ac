//! Says the same thing at most once in a while.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Shortest time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// Decides whether a warning that anybody can provoke, or an outage that every request meets, is worth another line.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    kept_back: u64,
}

impl Quiet {
    /// `Some` when it should be said now, with the number of times it was not since it was said last.
    pub(crate) fn ask(&self) -> Option<u64> {
        // Whoever would have to wait for the lock need not say it: somebody else is about to.
        let mut said = self.0.try_lock().ok()?;
        let now = Instant::now();
        let due = said
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if !due {
            said.kept_back = said.kept_back.saturating_add(1);
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_once_a_pause_and_counts_what_it_kept_back() {
        let quiet = Quiet::default();
        assert_eq!(quiet.ask(), Some(0));
        assert_eq!(quiet.ask(), None);
        tokio::time::advance(PAUSE - Duration::from_millis(1)).await;
        assert_eq!(quiet.ask(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(quiet.ask(), Some(2));
        tokio::time::advance(PAUSE).await;
        assert_eq!(quiet.ask(), Some(0));
    }
}
