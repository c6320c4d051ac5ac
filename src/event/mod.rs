//! What happened: the event a logout hook receives, live connections, and the figures that are counted.

mod hook;
pub(crate) mod hub;
pub(crate) mod measure;

pub(crate) use hook::SharedHook;
pub use hook::{BoxError, DynLogoutHook, LogoutEvent, LogoutHook};
