//! The wrapper as a store of this crate: its registry, and then the records.

use std::future::Future;

use super::rotation::WAITING;
use super::{BackchannelSessionStore, Records, Version, record_id};
use crate::clock::UnixTime;
use crate::session::{
    LogoutRequest, NewSession, Rebinding, Registration, SessionIdentity, SessionRegistry,
    SessionStatus, SessionStore, Terminated,
};
use crate::types::SessionId;

impl<S, R, V> SessionStore for BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    type Error = R::Error;

    /// Ends the sessions in the registry, and then deletes their records. A record that cannot be deleted is no error: the session
    /// is over.
    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, R::Error> {
        let mut terminated = self.registry().terminate(request).await?;
        self.clean(&terminated).await;
        // What waited for a new id had left its old one before: it is ended, and none of the application's sessions.
        terminated
            .sessions
            .retain(|ended| !ended.id.as_str().starts_with(WAITING));
        terminated.newly_ended = terminated.newly_ended.min(terminated.sessions.len());
        Ok(terminated)
    }

    async fn forget(
        &self,
        request: &LogoutRequest,
        terminated: &Terminated,
    ) -> Result<(), R::Error> {
        self.registry().forget(request, terminated).await
    }
}

impl<S, R, V> SessionRegistry for BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    async fn register(&self, session: NewSession) -> Result<Registration, R::Error> {
        self.registry().register(session).await
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, R::Error> {
        self.registry().status(id).await
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        self.registry().status_now(id)
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, R::Error> {
        self.registry().extend(id, expires_at).await
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, R::Error> {
        self.registry().rebind(old, new).await
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, R::Error> {
        let mut ended = self.registry().unregister(id).await?;
        if !ended {
            // It may be on its way to another id.
            ended = self.registry().unregister(&self.waiting(id)).await?;
        }
        if let Some(id) = record_id::<V>(id) {
            self.discard(id).await;
        }
        Ok(ended)
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, R::Error> {
        self.registry().is_logged_out(identity).await
    }

    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        self.registry().is_logged_out_now(identity)
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        self.registry().ended(id)
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.registry().identity_ended(identity)
    }
}
