//! What the builders of all shared stores have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::session::marks::MarkPolicy;

/// How often the log of notices is read, at least.
pub(crate) const DEFAULT_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How old what a local copy answers may be.
pub(crate) const DEFAULT_STALENESS: Duration = Duration::from_secs(1);

/// What a builder of a shared store holds for [`Remote`](super::Remote).
#[derive(Clone)]
pub(crate) struct RemoteOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: MarkPolicy,
    pub(crate) poll_interval: Duration,
    /// How many entries the local copy may have, if there is one.
    pub(crate) local_copy: Option<usize>,
    pub(crate) staleness: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            policy: MarkPolicy::default(),
            poll_interval: DEFAULT_POLL_INTERVAL,
            local_copy: None,
            staleness: DEFAULT_STALENESS,
        }
    }
}

impl RemoteOptions {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.poll_interval.is_zero() {
            return Err(ConfigError::new(
                "poll_interval",
                "is zero; the store would be asked without a pause",
            ));
        }
        if self.local_copy == Some(0) {
            return Err(ConfigError::new(
                "local_copy",
                "has room for nothing; leave it out to have none",
            ));
        }
        if self.local_copy.is_some() && self.staleness < self.poll_interval {
            return Err(ConfigError::new(
                "local_copy_staleness",
                "is shorter than the poll interval; make it twice as long, or poll more often",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions")
            .field("policy", &self.policy)
            .field("poll_interval", &self.poll_interval)
            .field("local_copy", &self.local_copy)
            .field("staleness", &self.staleness)
            .finish_non_exhaustive()
    }
}

/// The setters of a builder that has its [`RemoteOptions`] in the field `options`: one line in its `impl`.
#[allow(unused_macros, reason = "used by the public stores")]
macro_rules! remote_setters {
    () => {
        /// Where the time comes from. Default [`SystemClock`](crate::clock::SystemClock). The nodes have to agree about the time as well
        /// as they do for the tokens; the clock of the store's server decides nothing.
        pub fn with_clock(mut self, clock: impl $crate::clock::Clock) -> Self {
            self.options.clock = ::std::sync::Arc::new(clock);
            self
        }

        /// How long a mark lives. Default 10 minutes, the time a login may take. For stateless sessions, which are known by the
        /// marks alone, their longest lifetime: with less, a session that was logged out lives again. Set the same on every node.
        pub fn with_mark_lifetime(mut self, lifetime: ::std::time::Duration) -> Self {
            self.options.policy = self.options.policy.with_lifetime(lifetime);
            self
        }

        /// How far two clocks of one OP may be apart. Default 5 seconds. More ends sessions that began right after a logout. Set
        /// the same on every node.
        pub fn with_spread(mut self, spread: ::std::time::Duration) -> Self {
            self.options.policy = self.options.policy.with_spread(spread);
            self
        }

        /// How often a node with open connections reads what other nodes announced, besides listening for it. Default 500
        /// milliseconds. It is the longest time by which a lost notification delays the end of a connection; each node pays one small
        /// query for each interval, however many connections it has.
        pub fn with_poll_interval(mut self, interval: ::std::time::Duration) -> Self {
            self.options.poll_interval = interval;
            self
        }

        /// Answers requests of live sessions from a copy in this process, of at most this many sessions (at least 128; an estimated 400
        /// bytes each). Default off: every request asks the store, and a logout is in effect on every node when it is answered.
        ///
        /// With it, a session that was asked for before costs no round trip and no wait. What is given up: a logout that another node
        /// received is in effect here when its notice arrives, at once as a rule, and after
        /// [`with_local_copy_staleness`](Self::with_local_copy_staleness) at the latest, whatever breaks. What this node did itself it
        /// knows at once.
        pub fn with_local_copy(mut self, max_entries: usize) -> Self {
            self.options.local_copy = Some(max_entries);
            self
        }

        /// How old an answer of the local copy may be: a node that has not read for so long what other nodes announced asks the
        /// store for each request again. Default 1 second; at least the poll interval, better twice as long. If the store itself
        /// answers from a replica, what that is behind comes on top.
        pub fn with_local_copy_staleness(mut self, bound: ::std::time::Duration) -> Self {
            self.options.staleness = bound;
            self
        }
    };
}

#[allow(unused_imports, reason = "used by the public stores")]
pub(crate) use remote_setters;
