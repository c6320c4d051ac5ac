//! How a [`Logout`] is put together.

use std::fmt;
use std::sync::Arc;

use super::parking::{Parking, ParkingLot};
use super::pipeline::{Inner, Logout};
use super::verifier::LogoutTokenVerifier;
use crate::clock::Clock;
use crate::event::{LogoutHook, SharedHook};
use crate::provider::Providers;
use crate::replay::{MemoryReplay, ReplayStore};

/// What a failing hook means for the answer to the OP (spec BCL-152).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a failure counts or it does not")]
pub enum OnHookFailure {
    /// The OP is answered `503` and repeats the request; the hook is then called again. The default.
    #[default]
    Fail,
    /// The failure is logged, and the OP is answered success: the sessions are ended.
    Ignore,
}

/// Builds a [`Logout`]; see [`Logout::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct LogoutBuilder<S, R = MemoryReplay> {
    store: S,
    replay: Box<dyn FnOnce(Arc<dyn Clock>) -> R + Send>,
    verifier: LogoutTokenVerifier,
    hook: Option<SharedHook>,
    on_hook_failure: OnHookFailure,
    refuse_repetitions: bool,
    stateless: bool,
    parking: Option<Parking>,
}

impl<S> LogoutBuilder<S> {
    pub(super) fn new(store: S, providers: Providers) -> Self {
        Self {
            store,
            replay: Box::new(|clock| MemoryReplay::new().with_clock(clock)),
            verifier: LogoutTokenVerifier::new(providers),
            hook: None,
            on_hook_failure: OnHookFailure::default(),
            refuse_repetitions: false,
            stateless: false,
            parking: Some(Parking::default()),
        }
    }
}

impl<S, R> LogoutBuilder<S, R> {
    /// Takes the time from another clock. The default is the clock of the system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.verifier = self.verifier.with_clock(clock);
        self
    }

    /// Remembers processed tokens elsewhere, for example in a store that all nodes share. The default is this
    /// process's memory.
    pub fn with_replay_store<T: ReplayStore>(self, replay: T) -> LogoutBuilder<S, T> {
        LogoutBuilder {
            store: self.store,
            replay: Box::new(|_| replay),
            verifier: self.verifier,
            hook: self.hook,
            on_hook_failure: self.on_hook_failure,
            refuse_repetitions: self.refuse_repetitions,
            stateless: self.stateless,
            parking: self.parking,
        }
    }

    /// Calls the application after each logout, before the OP is answered. The default is no hook.
    pub fn with_hook(mut self, hook: impl LogoutHook) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// What a failing hook means for the answer. The default is [`OnHookFailure::Fail`].
    pub const fn with_on_hook_failure(mut self, policy: OnHookFailure) -> Self {
        self.on_hook_failure = policy;
        self
    }

    /// Refuses a token that was processed before with `400` instead of answering it like the first time (spec BCL-164).
    /// The default is `false`.
    ///
    /// This breaks repetition: an OP whose first answer was lost on the way is told that its logout failed.
    pub const fn with_refuse_repetitions(mut self, refuse: bool) -> Self {
        self.refuse_repetitions = refuse;
        self
    }

    /// Says that the sessions of this application are not in its store (signed cookies, JWTs): that a logout matches none is then
    /// normal, and no warning. The default is `false`: a logout without a match nearly always means that logins are not registered.
    pub const fn with_stateless_sessions(mut self, stateless: bool) -> Self {
        self.stateless = stateless;
        self
    }

    /// Bounds the tokens that wait for the keys of their OP. The default is [`Parking::default`].
    pub fn with_parking(mut self, parking: Parking) -> Self {
        self.parking = Some(parking);
        self
    }

    /// Parks nothing: a token that cannot be verified now is lost unless the OP repeats it.
    pub fn without_parking(mut self) -> Self {
        self.parking = None;
        self
    }

    /// Puts it together.
    #[must_use]
    pub fn build(self) -> Logout<S, R> {
        Logout(Arc::new(Inner {
            store: self.store,
            replay: (self.replay)(self.verifier.shared_clock()),
            verifier: self.verifier,
            hook: self.hook,
            on_hook_failure: self.on_hook_failure,
            refuse_repetitions: self.refuse_repetitions,
            stateless: self.stateless,
            parking: self.parking.map(ParkingLot::new),
            without_sid: dashmap::DashSet::default(),
        }))
    }
}

impl<S, R> fmt::Debug for LogoutBuilder<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutBuilder")
            .field("verifier", &self.verifier)
            .field("on_hook_failure", &self.on_hook_failure)
            .field("refuse_repetitions", &self.refuse_repetitions)
            .field("stateless", &self.stateless)
            .field("parking", &self.parking)
            .finish_non_exhaustive()
    }
}
