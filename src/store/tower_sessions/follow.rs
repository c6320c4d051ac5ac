//! What happens to a session when tower-sessions creates, saves, loads or deletes its record.

use super::identity::{self, Entry};
use super::{BackchannelSessionStore, Records, Version, key};
use crate::event::late::{self, Saved};
use crate::session::{
    NewSession, Rebinding, Registration, SessionIdentity, SessionRegistry, SessionStatus,
};
use crate::types::{SessionId, Sid};

impl<S, R, V> BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    /// A session without an id gets one: an anonymous one, a login, or one whose id rotates.
    pub(super) async fn created(&self, record: &mut V::Record) -> Result<(), V::Error> {
        // After a flush the record still has the id that has just ended, and would be created under it again.
        V::renew_id(record);
        let Some(entry) = Entry::read(V::data(record)).map_err(failed::<V>)? else {
            self.inner().create_record(record).await?;
            late::note(Saved::Yes);
            return Ok(());
        };
        let live = match &entry.bound {
            None => self.begin(record, &entry.identity).await?,
            Some(old) => self.arrive(record, &entry.identity, old).await?,
        };
        // A record in memory that was refused is bound to no id, so that its next save is refused as well.
        let bound = if live {
            key::<V>(V::id(record))
        } else {
            SessionId::reread("refused")
        };
        identity::bind(V::data_mut(record), &bound);
        conclude(live);
        Ok(())
    }

    /// A login: the record first, because that settles the id. Nobody knows it yet, and until it is registered nobody can load it.
    async fn begin(
        &self,
        record: &mut V::Record,
        identity: &SessionIdentity,
    ) -> Result<bool, V::Error> {
        self.inner().create_record(record).await?;
        let id = V::id(record);
        let new = NewSession::new(key::<V>(id), identity.clone(), V::expires_at(record));
        let registered = self.registry().register(new).await;
        self.keep_if(
            registered.map(|registered| registered == Registration::Registered),
            id,
        )
        .await
    }

    /// The end of a rotation: the session that waits is taken over, if it still waits.
    async fn arrive(
        &self,
        record: &mut V::Record,
        identity: &SessionIdentity,
        old: &SessionId,
    ) -> Result<bool, V::Error> {
        let waiting = self.waiting(old);
        let waits = self.ask(&waiting).await.map_err(failed::<V>)?;
        if !is_live_as(&waits, identity) {
            return Ok(false);
        }
        self.inner().create_record(record).await?;
        let id = V::id(record);
        let moved = async {
            let new = key::<V>(id);
            Ok(
                self.registry().rebind(&waiting, &new).await? == Rebinding::Rebound
                    && self.registry().extend(&new, V::expires_at(record)).await?,
            )
        };
        self.keep_if(moved.await, id).await
    }

    /// Leaves a record that was just created only if its session is live for sure.
    async fn keep_if(&self, live: Result<bool, R::Error>, id: V::Id) -> Result<bool, V::Error> {
        if !matches!(live, Ok(true)) {
            self.discard(id).await;
        }
        live.map_err(failed::<V>)
    }

    /// A session that has an id is written again.
    pub(super) async fn saved(&self, record: &V::Record) -> Result<(), V::Error> {
        let id = V::id(record);
        let at = key::<V>(id);
        let status = self.ask(&at).await.map_err(failed::<V>)?;
        let Some(entry) = Entry::read(V::data(record)).map_err(failed::<V>)? else {
            if status.is_live() {
                // The identity was taken out: a local logout.
                let ended = self.registry().unregister(&at).await;
                ended.map_err(failed::<V>)?;
            }
            self.inner().save_record(record).await?;
            late::note(Saved::Yes);
            return Ok(());
        };
        let mut begun = false;
        let live = match (is_live_as(&status, &entry.identity), &entry.bound) {
            (true, bound) => bound.as_ref().is_none_or(|bound| *bound == at),
            // It was live when it was loaded, and is not any more: a late save.
            (false, Some(_)) => false,
            (false, None) => {
                begun = self
                    .begin_under(&at, &entry.identity, record, &status)
                    .await?;
                begun
            }
        };
        if !live {
            conclude(false);
            return Ok(());
        }
        if let Err(error) = self.inner().save_record(record).await {
            return self.not_written(&at, &entry.identity, begun, error).await;
        }
        // The last word: stores write what is gone, so what ended meanwhile may have come back.
        let live = self.registry().extend(&at, V::expires_at(record)).await;
        let live = live.map_err(failed::<V>)?;
        if !live {
            self.discard(id).await;
        }
        conclude(live);
        Ok(())
    }

    /// The store failed. Some fail to write what is gone (the one in Redis): then it was a late save, and no failure.
    async fn not_written(
        &self,
        at: &SessionId,
        identity: &SessionIdentity,
        begun: bool,
        error: V::Error,
    ) -> Result<(), V::Error> {
        let status = self.ask(at).await.map_err(failed::<V>)?;
        if !is_live_as(&status, identity) {
            conclude(false);
            return Ok(());
        }
        if begun {
            // A login that cannot be saved is none.
            let ended = self.registry().unregister(at).await;
            ended.map_err(failed::<V>)?;
        }
        Err(error)
    }

    /// A login under an id that exists: of an anonymous session, or as somebody else.
    async fn begin_under(
        &self,
        at: &SessionId,
        identity: &SessionIdentity,
        record: &V::Record,
        before: &SessionStatus,
    ) -> Result<bool, V::Error> {
        let new = NewSession::new(at.clone(), identity.clone(), V::expires_at(record));
        let registered = self.registry().register(new).await.map_err(failed::<V>)?;
        if registered == Registration::Registered {
            return Ok(true);
        }
        if before.is_live() {
            // Whoever was signed in before wanted to be somebody else: that one goes, too.
            let ended = self.registry().unregister(at).await;
            self.discard(V::id(record)).await;
            ended.map_err(failed::<V>)?;
        }
        Ok(false)
    }

    pub(super) async fn loaded(&self, id: &V::Id) -> Result<Option<V::Record>, V::Error> {
        let Some(mut record) = self.inner().load_record(id).await? else {
            return Ok(None);
        };
        let entry = match Entry::read(V::data(&record)) {
            Ok(None) => return Ok(Some(record)),
            Ok(Some(entry)) => entry,
            Err(error) => {
                tracing::warn!(reason = "session_unreadable", %error, "session not loaded");
                return Ok(None);
            }
        };
        let at = key::<V>(*id);
        let status = self.ask(&at).await.map_err(failed::<V>)?;
        if is_live_as(&status, &entry.identity) {
            identity::bind(V::data_mut(&mut record), &at);
            return Ok(Some(record));
        }
        if !status.is_live() {
            self.discard(*id).await;
        }
        Ok(None)
    }

    pub(super) async fn deleted(&self, id: &V::Id) -> Result<(), V::Error> {
        let left = self.leave(&key::<V>(*id)).await;
        // Also when the registry is down: without its record nobody has the session.
        let deleted = self.inner().delete_record(id).await;
        left.map_err(failed::<V>).and(deleted)
    }

    /// The registry's answer, without a future where it has one at hand.
    pub(super) async fn ask(&self, id: &SessionId) -> Result<SessionStatus, R::Error> {
        match self.registry().status_now(id) {
            Some(status) => Ok(status),
            None => self.registry().status(id).await,
        }
    }
}

/// Whether this very login is live; compared without a copy.
fn is_live_as(status: &SessionStatus, identity: &SessionIdentity) -> bool {
    matches!(status, SessionStatus::Live(session) if session.issuer() == identity.issuer()
        && session.client_id() == identity.client_id()
        && session.subject() == identity.subject().as_str()
        && session.sid() == identity.sid().map(Sid::as_str)
        && session.id_token_iat() == identity.id_token_iat())
}

fn conclude(live: bool) {
    if !live {
        tracing::debug!(reason = "session_ended", "session not saved");
    }
    late::note(if live { Saved::Yes } else { Saved::Refused });
}

fn failed<V: Version>(error: impl std::fmt::Display) -> V::Error {
    V::backend_error(format!("back-channel logout: {error}"))
}
