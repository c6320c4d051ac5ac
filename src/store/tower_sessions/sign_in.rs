//! What the application calls: the login, a rotation that is meant as one, and the end of a session as a future.

use std::future::Future;
use std::pin::Pin;

use super::rotation::{Meaning, meant_as};
use super::{BackchannelSessionStore, Records, Version, key};
use crate::event::late::{self, Saved};
use crate::session::{Registration, SessionIdentity, SessionRegistry};

impl<S, R, V> BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    /// Signs the customer in: changes the id of the session (what was known before the login may be known to somebody else), says whose
    /// it is, saves it, and answers whether it is live. Look at the answer: with
    /// [`AlreadyLoggedOut`](Registration::AlreadyLoggedOut) the session has been emptied and nobody is signed in.
    ///
    /// Other data of the session stays. With axum-login, call it after `AuthSession::login` with its `session`.
    ///
    /// # Errors
    ///
    /// When the registry or the store cannot answer, or the session is not one of this store. The customer is not signed in.
    pub async fn sign_in(
        &self,
        session: &V::Session,
        identity: &SessionIdentity,
    ) -> Result<Registration, V::SessionError> {
        if V::id_of(session).is_some() {
            let before = V::identity(session).await;
            let same = before.is_ok_and(|before| before.as_ref() == Some(identity));
            let meaning = if same { Meaning::Move } else { Meaning::End };
            meant_as(meaning, V::cycle_id(session)).await?;
        }
        V::insert_identity(session, identity).await?;
        let (outcome, said) = late::watch(V::save(session)).await;
        outcome?;
        if said == Some(Saved::Yes) {
            return Ok(Registration::Registered);
        }
        meant_as(Meaning::End, V::flush(session)).await?;
        if said.is_none() {
            return Err(V::session_error("the session is not kept in this store"));
        }
        Ok(Registration::AlreadyLoggedOut)
    }

    /// Changes the id of a session, as `Session::cycle_id` does, and keeps its live connections: they follow the session to its new id.
    ///
    /// The new id counts once the response is written, within one minute.
    ///
    /// # Errors
    ///
    /// When the registry or the store cannot answer.
    pub async fn cycle_id(&self, session: &V::Session) -> Result<(), V::SessionError> {
        meant_as(Meaning::Move, V::cycle_id(session)).await
    }

    /// Resolves when the session ends: logged out by the OP or locally, or expired; at once when nobody is signed in with it. Ask before
    /// a change of its id.
    ///
    /// ```
    /// use tower_backchannel_logout::store::MemoryStore;
    /// use tower_backchannel_logout::store::tower_sessions::BackchannelSessionStore;
    /// use tower_sessions::Session;
    ///
    /// type Sessions = BackchannelSessionStore<tower_sessions::MemoryStore, MemoryStore>;
    ///
    /// async fn stream(sessions: Sessions, session: Session) {
    ///     let mut ended = sessions.session_ended(&session);
    ///     loop {
    ///         tokio::select! {
    ///             biased;
    ///             () = &mut ended => break, // say goodbye, close
    ///             _ = next_message() => { /* send it */ }
    ///         }
    ///     }
    /// }
    /// # async fn next_message() {}
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub fn session_ended(&self, session: &V::Session) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match V::id_of(session) {
            Some(id) => Box::pin(self.registry().ended(&key::<V>(id))),
            None => Box::pin(std::future::ready(())),
        }
    }
}
