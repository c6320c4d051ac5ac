//! The public stores are newtypes around [`Remote`](super::Remote): one line makes one a store.

/// Implements both ports for `$store(Remote<$engine>)`.
#[allow(unused_macros, reason = "used by the public stores")]
macro_rules! forward_to_remote {
    ($store:ty, $error:ty) => {
        impl $crate::session::SessionStore for $store {
            type Error = $error;

            async fn terminate(
                &self,
                request: &$crate::session::LogoutRequest,
            ) -> Result<$crate::session::Terminated, $error> {
                self.0.terminate(request).await
            }

            async fn forget(
                &self,
                request: &$crate::session::LogoutRequest,
                terminated: &$crate::session::Terminated,
            ) -> Result<(), $error> {
                self.0.forget(request, terminated).await
            }
        }

        impl $crate::session::SessionRegistry for $store {
            async fn register(
                &self,
                session: $crate::session::NewSession,
            ) -> Result<$crate::session::Registration, $error> {
                self.0.register(session).await
            }

            async fn status(
                &self,
                id: &$crate::types::SessionId,
            ) -> Result<$crate::session::SessionStatus, $error> {
                self.0.status(id).await
            }

            fn status_now(
                &self,
                id: &$crate::types::SessionId,
            ) -> Option<$crate::session::SessionStatus> {
                self.0.status_now(id)
            }

            async fn extend(
                &self,
                id: &$crate::types::SessionId,
                expires_at: $crate::clock::UnixTime,
            ) -> Result<bool, $error> {
                self.0.extend(id, expires_at).await
            }

            async fn rebind(
                &self,
                old: &$crate::types::SessionId,
                new: &$crate::types::SessionId,
            ) -> Result<$crate::session::Rebinding, $error> {
                self.0.rebind(old, new).await
            }

            async fn unregister(&self, id: &$crate::types::SessionId) -> Result<bool, $error> {
                self.0.unregister(id).await
            }

            async fn is_logged_out(
                &self,
                identity: &$crate::session::SessionIdentity,
            ) -> Result<bool, $error> {
                self.0.is_logged_out(identity).await
            }

            fn is_logged_out_now(
                &self,
                identity: &$crate::session::SessionIdentity,
            ) -> Option<bool> {
                self.0.is_logged_out_now(identity)
            }

            /// Needs a tokio runtime with time enabled.
            fn ended(
                &self,
                id: &$crate::types::SessionId,
            ) -> impl ::std::future::Future<Output = ()> + Send + 'static {
                self.0.ended(id)
            }

            /// Needs a tokio runtime with time enabled.
            fn identity_ended(
                &self,
                identity: &$crate::session::SessionIdentity,
            ) -> impl ::std::future::Future<Output = ()> + Send + 'static {
                self.0.identity_ended(identity)
            }
        }
    };
}

#[allow(unused_imports, reason = "used by the public stores")]
pub(crate) use forward_to_remote;
