//! What happened: the event a logout hook receives, live connections, and the span of each logout.

mod hook;
pub(crate) mod hub;
#[cfg(feature = "tower-sessions")]
pub(crate) mod late;
mod span;

pub(crate) use hook::SharedHook;
pub use hook::{BoxError, DynLogoutHook, LogoutEvent, LogoutHook};
pub(crate) use span::LogoutSpan;
