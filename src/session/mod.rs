//! The port to the application: what a store of sessions must be able to do.
//!
//! 1. [`SessionStore`] has one required method, [`terminate`](SessionStore::terminate). An application with a session
//!    table of its own implements just that.
//! 2. [`SessionRegistry`] is what the shipped stores add: sessions are registered at login, asked for on each request,
//!    and moved when their id rotates.
//! 3. A logout is a *mark*, not a delete: from the moment the mark is written, no session it reaches is live, and none
//!    can be registered (spec BCL-148, 149). The rules are those of [`marks`], for every store the same.
//! 4. A store chosen at run time is an [`AnyRegistry`], or an `Arc<dyn DynSessionRegistry>`; both are stores again.

pub(crate) mod cell;
mod dynamic;
mod identity;
pub mod marks;
mod record;
mod request;
mod store;

pub use dynamic::{AnyRegistry, DynSessionRegistry, DynSessionStore, StoreError};
pub use identity::SessionIdentity;
pub use record::{NewSession, Session};
pub use request::{LogoutRequest, LogoutTarget};
pub use store::{
    EndedSession, Rebinding, Registration, SessionRegistry, SessionStatus, SessionStore, Terminated,
};
