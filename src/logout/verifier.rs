//! From text to verified claims, with the keys fetched where that is needed.

use std::fmt;
use std::sync::Arc;

use super::error::{LogoutError, LogoutErrorKind};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::provider::{Client, Provider, Providers};
use crate::refusal::Refusal;
use crate::token::{LogoutToken, ParsedToken};

/// Where in the request the token stood (spec BCL-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// In the form, as BCL 2.5 demands.
    Body,
    /// In the query of a POST whose form has none. Only for clients that allow it.
    Query,
    /// In both. Only right where the query is ignored.
    Both,
}

/// Verifies Logout Tokens of the providers it knows, without HTTP and without sessions (BCL 2.6).
///
/// The unverified `iss` and `aud` only choose the provider and the client; nothing else happens before the signature
/// is verified with the keys of that provider (spec BCL-42, 70).
///
/// Cheap to clone: all clones share the providers and their keys.
#[derive(Clone)]
pub struct LogoutTokenVerifier {
    providers: Providers,
    clock: Arc<dyn Clock>,
}

impl LogoutTokenVerifier {
    /// A verifier for the given providers, by the clock of the system.
    #[must_use]
    pub fn new(providers: impl Into<Providers>) -> Self {
        Self { providers: providers.into(), clock: Arc::new(SystemClock) }
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The providers; they can be added and removed at any time.
    #[must_use]
    pub const fn providers(&self) -> &Providers {
        &self.providers
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Verifies a Logout Token as of now.
    ///
    /// # Errors
    ///
    /// [`LogoutErrorKind::Refused`] when the token is not acceptable, [`LogoutErrorKind::KeysUnavailable`] when that
    /// cannot be told now.
    pub async fn verify(&self, token: &str) -> Result<LogoutToken, LogoutError> {
        self.verify_at(token, TokenPlace::Body, self.clock.now()).await
    }

    pub(super) async fn verify_at(
        &self,
        raw: &str,
        place: TokenPlace,
        now: UnixTime,
    ) -> Result<LogoutToken, LogoutError> {
        todo!()
    }
}
