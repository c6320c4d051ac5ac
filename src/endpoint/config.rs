//! What can be set about the endpoint.

use std::time::Duration;

/// Limits and switches of the endpoint. The defaults suit every provider of spec section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    pub(super) max_body_bytes: usize,
    pub(super) body_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) max_in_progress: usize,
    pub(super) retry_after: Duration,
    pub(super) literal_400: bool,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(2),
            max_in_progress: 1024,
            retry_after: Duration::from_secs(5),
            literal_400: false,
        }
    }
}

impl EndpointConfig {
    /// Largest body, in bytes actually read. The default is 64 KiB (spec BCL-06).
    #[must_use]
    pub const fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// How long the body may take to arrive. The default is 1 second (spec BCL-07).
    #[must_use]
    pub const fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// How long a request may take in all. The default is 2 seconds: the shortest time limit of a known OP is 2.5
    /// (spec BCL-20).
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many requests may be in progress at once. The default is 1,024; more are answered `503` (spec BCL-21).
    #[must_use]
    pub const fn with_max_in_progress(mut self, requests: usize) -> Self {
        self.max_in_progress = requests;
        self
    }

    /// The `Retry-After` of a `503`, in whole seconds. The default is 5: one OP gives all its attempts 30 seconds in
    /// total (spec BCL-19).
    #[must_use]
    pub const fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = pause;
        self
    }

    /// Answers our own inability with `400` as BCL 2.8 has it, instead of `503`. The default is `false`: many OPs treat
    /// `400` as final, and the logout would be lost (spec BCL-19, decision D-f).
    #[must_use]
    pub const fn with_literal_400(mut self, literal: bool) -> Self {
        self.literal_400 = literal;
        self
    }
}
