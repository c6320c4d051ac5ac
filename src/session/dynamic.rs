//! Stores chosen at run time: an object-safe twin of each port, and the ports implemented for it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{
    LogoutRequest, NewSession, Rebinding, Registration, SessionIdentity, SessionRegistry,
    SessionStatus, SessionStore, Terminated,
};
use crate::clock::UnixTime;
use crate::types::SessionId;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What went wrong in a store whose type is not known here. The store's own error is its source.
#[derive(Debug, thiserror::Error)]
#[error("the session store failed")]
pub struct StoreError(#[source] Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the error of a store.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// A [`SessionRegistry`] chosen at run time. Cheap to clone; clones are the same store.
///
/// It is an `Arc<dyn DynSessionRegistry>` with a name, and better than the bare pointer where the store becomes part of a future: inside
/// an `async` block the compiler refuses that one as "not general enough".
///
/// ```
/// use tower_backchannel_logout::session::AnyRegistry;
/// use tower_backchannel_logout::store::MemoryStore;
///
/// let store = AnyRegistry::new(MemoryStore::new());
/// ```
#[derive(Clone)]
pub struct AnyRegistry(Arc<dyn DynSessionRegistry>);

impl AnyRegistry {
    /// Takes a store of any type.
    #[must_use]
    pub fn new(store: impl SessionRegistry) -> Self {
        Self(Arc::new(store))
    }

    fn as_ref(&self) -> &dyn DynSessionRegistry {
        &*self.0
    }
}

impl From<Arc<dyn DynSessionRegistry>> for AnyRegistry {
    fn from(store: Arc<dyn DynSessionRegistry>) -> Self {
        Self(store)
    }
}

impl fmt::Debug for AnyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyRegistry")
    }
}

/// [`SessionStore`] as a trait object. Implemented for every store; do not implement it by hand.
///
/// ```
/// use std::sync::Arc;
/// use tower_backchannel_logout::session::DynSessionStore;
/// use tower_backchannel_logout::store::MemoryStore;
///
/// let store: Arc<dyn DynSessionStore> = Arc::new(MemoryStore::new());
/// ```
pub trait DynSessionStore: Send + Sync + 'static {
    /// See [`SessionStore::terminate`].
    fn terminate_dyn<'a>(
        &'a self,
        request: &'a LogoutRequest,
    ) -> BoxFuture<'a, Result<Terminated, StoreError>>;

    /// See [`SessionStore::forget`].
    fn forget_dyn<'a>(
        &'a self,
        request: &'a LogoutRequest,
        terminated: &'a Terminated,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// [`SessionRegistry`] as a trait object. Implemented for every registry; do not implement it by hand.
pub trait DynSessionRegistry: DynSessionStore {
    /// See [`SessionRegistry::register`].
    fn register_dyn(&self, session: NewSession) -> BoxFuture<'_, Result<Registration, StoreError>>;

    /// See [`SessionRegistry::status`].
    fn status_dyn<'a>(
        &'a self,
        id: &'a SessionId,
    ) -> BoxFuture<'a, Result<SessionStatus, StoreError>>;

    /// See [`SessionRegistry::status_now`].
    fn status_now_dyn(&self, id: &SessionId) -> Option<SessionStatus>;

    /// See [`SessionRegistry::extend`].
    fn extend_dyn<'a>(
        &'a self,
        id: &'a SessionId,
        expires_at: UnixTime,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// See [`SessionRegistry::rebind`].
    fn rebind_dyn<'a>(
        &'a self,
        old: &'a SessionId,
        new: &'a SessionId,
    ) -> BoxFuture<'a, Result<Rebinding, StoreError>>;

    /// See [`SessionRegistry::unregister`].
    fn unregister_dyn<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// See [`SessionRegistry::is_logged_out`].
    fn is_logged_out_dyn<'a>(
        &'a self,
        identity: &'a SessionIdentity,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// See [`SessionRegistry::is_logged_out_now`].
    fn is_logged_out_now_dyn(&self, identity: &SessionIdentity) -> Option<bool>;

    /// See [`SessionRegistry::ended`].
    fn ended_dyn(&self, id: &SessionId) -> BoxFuture<'static, ()>;

    /// See [`SessionRegistry::identity_ended`].
    fn identity_ended_dyn(&self, identity: &SessionIdentity) -> BoxFuture<'static, ()>;
}

impl<S: SessionStore> DynSessionStore for S {
    fn terminate_dyn<'a>(
        &'a self,
        request: &'a LogoutRequest,
    ) -> BoxFuture<'a, Result<Terminated, StoreError>> {
        Box::pin(async { self.terminate(request).await.map_err(StoreError::new) })
    }

    fn forget_dyn<'a>(
        &'a self,
        request: &'a LogoutRequest,
        terminated: &'a Terminated,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            self.forget(request, terminated)
                .await
                .map_err(StoreError::new)
        })
    }
}

impl<S: SessionRegistry> DynSessionRegistry for S {
    fn register_dyn(&self, session: NewSession) -> BoxFuture<'_, Result<Registration, StoreError>> {
        Box::pin(async { self.register(session).await.map_err(StoreError::new) })
    }

    fn status_dyn<'a>(
        &'a self,
        id: &'a SessionId,
    ) -> BoxFuture<'a, Result<SessionStatus, StoreError>> {
        Box::pin(async { self.status(id).await.map_err(StoreError::new) })
    }

    fn status_now_dyn(&self, id: &SessionId) -> Option<SessionStatus> {
        self.status_now(id)
    }

    fn extend_dyn<'a>(
        &'a self,
        id: &'a SessionId,
        expires_at: UnixTime,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.extend(id, expires_at).await.map_err(StoreError::new) })
    }

    fn rebind_dyn<'a>(
        &'a self,
        old: &'a SessionId,
        new: &'a SessionId,
    ) -> BoxFuture<'a, Result<Rebinding, StoreError>> {
        Box::pin(async { self.rebind(old, new).await.map_err(StoreError::new) })
    }

    fn unregister_dyn<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async { self.unregister(id).await.map_err(StoreError::new) })
    }

    fn is_logged_out_dyn<'a>(
        &'a self,
        identity: &'a SessionIdentity,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async { self.is_logged_out(identity).await.map_err(StoreError::new) })
    }

    fn is_logged_out_now_dyn(&self, identity: &SessionIdentity) -> Option<bool> {
        self.is_logged_out_now(identity)
    }

    fn ended_dyn(&self, id: &SessionId) -> BoxFuture<'static, ()> {
        Box::pin(self.ended(id))
    }

    fn identity_ended_dyn(&self, identity: &SessionIdentity) -> BoxFuture<'static, ()> {
        Box::pin(self.identity_ended(identity))
    }
}

/// Implements the smaller port for a pointer to something that has it.
macro_rules! forward_store {
    ([$($generics:tt)*] $pointer:ty, $error:ty, $terminate:ident, $forget:ident) => {
        impl<$($generics)*> SessionStore for $pointer {
            type Error = $error;

            async fn terminate(&self,
                request: &LogoutRequest,) -> Result<Terminated, Self::Error> { self.as_ref().$terminate(request).await }

            async fn forget(&self,
                request: &LogoutRequest,
                terminated: &Terminated,) -> Result<(), Self::Error> { self.as_ref().$forget(request, terminated).await }
        }
    };
}

/// Implements the richer port for a pointer to something that has it.
macro_rules! forward_registry {
    ([$($generics:tt)*] $pointer:ty, $register:ident, $status:ident, $status_now:ident, $extend:ident, $rebind:ident,
        $unregister:ident, $is_logged_out:ident, $is_logged_out_now:ident, $ended:ident, $identity_ended:ident) => {
        impl<$($generics)*> SessionRegistry for $pointer {
            async fn register(&self,
                session: NewSession,) -> Result<Registration, Self::Error> { self.as_ref().$register(session).await }

            async fn status(&self,
                id: &SessionId,) -> Result<SessionStatus, Self::Error> { self.as_ref().$status(id).await }

            fn status_now(&self, id: &SessionId) -> Option<SessionStatus> { self.as_ref().$status_now(id) }

            async fn extend(&self,
                id: &SessionId,
                expires_at: UnixTime,) -> Result<bool, Self::Error> { self.as_ref().$extend(id, expires_at).await }

            async fn rebind(&self,
                old: &SessionId,
                new: &SessionId,) -> Result<Rebinding, Self::Error> { self.as_ref().$rebind(old, new).await }

            async fn unregister(&self,
                id: &SessionId,) -> Result<bool, Self::Error> { self.as_ref().$unregister(id).await }

            async fn is_logged_out(&self,
                identity: &SessionIdentity,) -> Result<bool, Self::Error> { self.as_ref().$is_logged_out(identity).await }

            fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
                self.as_ref().$is_logged_out_now(identity)
            }

            fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
                self.as_ref().$ended(id)
            }

            fn identity_ended(
                &self,
                identity: &SessionIdentity,
            ) -> impl Future<Output = ()> + Send + 'static {
                self.as_ref().$identity_ended(identity)
            }
        }
    };
}

forward_store!([S: SessionStore] Arc<S>, S::Error, terminate, forget);
forward_registry!([S: SessionRegistry] Arc<S>, register, status, status_now, extend, rebind, unregister, is_logged_out,
    is_logged_out_now, ended, identity_ended);
forward_store!([] Arc<dyn DynSessionStore>, StoreError, terminate_dyn, forget_dyn);
forward_store!([] Arc<dyn DynSessionRegistry>, StoreError, terminate_dyn, forget_dyn);
forward_registry!([] Arc<dyn DynSessionRegistry>, register_dyn, status_dyn, status_now_dyn, extend_dyn, rebind_dyn,
    unregister_dyn, is_logged_out_dyn, is_logged_out_now_dyn, ended_dyn, identity_ended_dyn);
forward_store!([] AnyRegistry, StoreError, terminate_dyn, forget_dyn);
forward_registry!([] AnyRegistry, register_dyn, status_dyn, status_now_dyn, extend_dyn, rebind_dyn, unregister_dyn,
    is_logged_out_dyn, is_logged_out_now_dyn, ended_dyn, identity_ended_dyn);
