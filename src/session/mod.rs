//! The port to the application: what a store of sessions must be able to do.
//!
//! 1. [`SessionStore`] has one required method, [`terminate`](SessionStore::terminate). An application with a session
//!    table of its own implements just that.
//! 2. [`SessionRegistry`] is what the shipped stores add: sessions are registered at login, asked for on each request,
//!    and moved when their id rotates.
//! 3. A logout is a *mark*, not a delete: from the moment the mark is written, no session it reaches is live, and none
//!    can be registered (spec BCL-148, 149).

mod identity;
mod record;
mod request;
mod store;

pub use identity::SessionIdentity;
pub use record::{NewSession, Session};
pub use request::{LogoutRequest, LogoutTarget};
pub use store::{
    EndedSession, Rebinding, Registration, SessionRegistry, SessionStatus, SessionStore, Terminated,
};
