//! The two versions of tower-sessions-core: one source, written once for each.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use serde::ser::Error as _;
use serde_json::Value;

use super::identity::{Data, Entry, IDENTITY_KEY};
use super::{BackchannelSessionStore, IdentityInSession};
use crate::clock::UnixTime;
use crate::session::{SessionIdentity, SessionRegistry};

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

mod sealed {
    /// Nobody else has a version of tower-sessions.
    #[expect(unnameable_types, reason = "this is what seals a trait")]
    pub trait Sealed {}
}

use sealed::Sealed;

/// A version of `tower-sessions-core`: [`V0_14`] or [`V0_15`]. The compiler finds it by the store that is wrapped.
pub trait Version: Sealed + Debug + Send + Sync + 'static {
    /// `tower_sessions::Session`.
    type Session: Send + Sync + 'static;
    /// `tower_sessions::session::Error`.
    type SessionError: Error + Send + Sync + 'static;
    /// `tower_sessions::session::Id`.
    type Id: Copy + Display + FromStr + Debug + Send + Sync + 'static;
    /// `tower_sessions::session::Record`.
    type Record: Send + Sync + 'static;
    /// `tower_sessions::session_store::Error`.
    type Error: Error + Send + Sync + 'static;

    #[doc(hidden)]
    fn random() -> [u8; 16];
    #[doc(hidden)]
    fn id(record: &Self::Record) -> Self::Id;
    #[doc(hidden)]
    fn renew_id(record: &mut Self::Record);
    #[doc(hidden)]
    fn data(record: &Self::Record) -> &Data;
    #[doc(hidden)]
    fn data_mut(record: &mut Self::Record) -> &mut Data;
    #[doc(hidden)]
    fn expires_at(record: &Self::Record) -> UnixTime;
    #[doc(hidden)]
    fn backend_error(text: String) -> Self::Error;
    #[doc(hidden)]
    fn session_error(text: &str) -> Self::SessionError;
    #[doc(hidden)]
    fn id_of(session: &Self::Session) -> Option<Self::Id>;
    #[doc(hidden)]
    fn identity(
        session: &Self::Session,
    ) -> BoxFuture<'_, Result<Option<SessionIdentity>, Self::SessionError>>;
    #[doc(hidden)]
    fn insert_identity<'a>(
        session: &'a Self::Session,
        identity: &'a SessionIdentity,
    ) -> BoxFuture<'a, Result<(), Self::SessionError>>;
    #[doc(hidden)]
    fn cycle_id(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>>;
    #[doc(hidden)]
    fn save(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>>;
    #[doc(hidden)]
    fn flush(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>>;
}

/// A tower-sessions store of one version. Implemented for each; do not implement it by hand.
pub trait Records<V: Version>: Debug + Send + Sync + 'static {
    #[doc(hidden)]
    fn create_record<'a>(
        &'a self,
        record: &'a mut V::Record,
    ) -> BoxFuture<'a, Result<(), V::Error>>;
    #[doc(hidden)]
    fn save_record<'a>(&'a self, record: &'a V::Record) -> BoxFuture<'a, Result<(), V::Error>>;
    #[doc(hidden)]
    fn load_record<'a>(
        &'a self,
        id: &'a V::Id,
    ) -> BoxFuture<'a, Result<Option<V::Record>, V::Error>>;
    #[doc(hidden)]
    fn delete_record<'a>(&'a self, id: &'a V::Id) -> BoxFuture<'a, Result<(), V::Error>>;
}

/// Everything that names a type of one version.
macro_rules! version {
    ($(#[$doc:meta])* $name:ident: $core:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub struct $name;

        impl Sealed for $name {}

        impl Version for $name {
            type Session = $core::Session;
            type SessionError = $core::session::Error;
            type Id = $core::session::Id;
            type Record = $core::session::Record;
            type Error = $core::session_store::Error;

            fn random() -> [u8; 16] {
                $core::session::Id::default().0.to_le_bytes()
            }

            fn id(record: &Self::Record) -> Self::Id {
                record.id
            }

            fn renew_id(record: &mut Self::Record) {
                record.id = Self::Id::default();
            }

            fn data(record: &Self::Record) -> &Data {
                &record.data
            }

            fn data_mut(record: &mut Self::Record) -> &mut Data {
                &mut record.data
            }

            fn expires_at(record: &Self::Record) -> UnixTime {
                // Up, not down: the wrapped store knows the exact moment, and the registry must not be the first to forget.
                let started = i64::from(record.expiry_date.nanosecond() > 0);
                UnixTime::from_secs(record.expiry_date.unix_timestamp().saturating_add(started))
            }

            fn backend_error(text: String) -> Self::Error {
                $core::session_store::Error::Backend(text)
            }

            fn session_error(text: &str) -> Self::SessionError {
                $core::session::Error::Store(Self::backend_error(text.to_owned()))
            }

            fn id_of(session: &Self::Session) -> Option<Self::Id> {
                session.id()
            }

            fn identity(
                session: &Self::Session,
            ) -> BoxFuture<'_, Result<Option<SessionIdentity>, Self::SessionError>> {
                Box::pin(async {
                    let value = session.get_value(IDENTITY_KEY).await?;
                    let entry = value.as_ref().map(Entry::parse).transpose();
                    let entry = entry.map_err(serde_json::Error::custom)?;
                    Ok(entry.map(|entry| entry.identity))
                })
            }

            fn insert_identity<'a>(
                session: &'a Self::Session,
                identity: &'a SessionIdentity,
            ) -> BoxFuture<'a, Result<(), Self::SessionError>> {
                Box::pin(async {
                    let old = session.get_value(IDENTITY_KEY).await?;
                    let old = old.as_ref().map(Entry::parse);
                    if old.is_some_and(|old| old.is_ok_and(|old| old.identity == *identity)) {
                        // It is the same login: what is known of its registration stays.
                        return Ok(());
                    }
                    let value: Value = Entry::login(identity.clone()).to_value();
                    session.insert_value(IDENTITY_KEY, value).await?;
                    Ok(())
                })
            }

            fn cycle_id(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>> {
                Box::pin(session.cycle_id())
            }

            fn save(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>> {
                Box::pin(session.save())
            }

            fn flush(session: &Self::Session) -> BoxFuture<'_, Result<(), Self::SessionError>> {
                Box::pin(session.flush())
            }
        }

        impl<S: $core::SessionStore> Records<$name> for S {
            fn create_record<'a>(
                &'a self,
                record: &'a mut $core::session::Record,
            ) -> BoxFuture<'a, $core::session_store::Result<()>> {
                self.create(record)
            }

            fn save_record<'a>(
                &'a self,
                record: &'a $core::session::Record,
            ) -> BoxFuture<'a, $core::session_store::Result<()>> {
                self.save(record)
            }

            fn load_record<'a>(
                &'a self,
                id: &'a $core::session::Id,
            ) -> BoxFuture<'a, $core::session_store::Result<Option<$core::session::Record>>> {
                self.load(id)
            }

            fn delete_record<'a>(
                &'a self,
                id: &'a $core::session::Id,
            ) -> BoxFuture<'a, $core::session_store::Result<()>> {
                self.delete(id)
            }
        }

        #[async_trait::async_trait]
        impl<S, R> $core::SessionStore for BackchannelSessionStore<S, R, $name>
        where
            S: $core::SessionStore,
            R: SessionRegistry,
        {
            async fn create(
                &self,
                record: &mut $core::session::Record,
            ) -> $core::session_store::Result<()> {
                self.created(record).await
            }

            async fn save(
                &self,
                record: &$core::session::Record,
            ) -> $core::session_store::Result<()> {
                self.saved(record).await
            }

            async fn load(
                &self,
                id: &$core::session::Id,
            ) -> $core::session_store::Result<Option<$core::session::Record>> {
                self.loaded(id).await
            }

            async fn delete(&self, id: &$core::session::Id) -> $core::session_store::Result<()> {
                self.deleted(id).await
            }
        }

        #[async_trait::async_trait]
        impl<S, R> $core::ExpiredDeletion for BackchannelSessionStore<S, R, $name>
        where
            S: $core::ExpiredDeletion,
            R: SessionRegistry,
        {
            async fn delete_expired(&self) -> $core::session_store::Result<()> {
                self.inner().delete_expired().await
            }
        }

        impl IdentityInSession for $core::Session {
            type Error = $core::session::Error;

            async fn insert_identity(&self, identity: &SessionIdentity) -> Result<(), Self::Error> {
                <$name as Version>::insert_identity(self, identity).await
            }

            async fn identity(&self) -> Result<Option<SessionIdentity>, Self::Error> {
                <$name as Version>::identity(self).await
            }
        }
    };
}

version! {
    /// `tower-sessions-core` 0.14: that of `axum-login` 0.18, `tower-sessions-redis-store` 0.16 and
    /// `tower-sessions-sqlx-store` 0.15.
    V0_14: tower_sessions_core_014
}

version! {
    /// `tower-sessions-core` 0.15: that of `tower-sessions` 0.15.
    V0_15: tower_sessions_core
}
