//! Which Logout Tokens were processed before.
//!
//! 1. A token is remembered after its effect, never before, so that a retry can finish what failed (spec BCL-161).
//! 2. It is the same token if issuer, client, `jti`, `sid`, `sub` and `iat` are the same. An equal `jti` with another subject, or newly
//!    signed with a newer `iat`, is processed (spec BCL-162).
//! 3. A record lives until the token would be refused anyway. The table is bounded; what it lost is processed again, which is
//!    harmless: ending a session twice is ending it once (spec BCL-146, 163).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::session::StoreError;
use crate::types::{ClientId, Issuer, Jti, Sid, Subject};

mod memory;

pub use memory::MemoryReplay;

/// What makes two deliveries the same token (spec BCL-162). Copies nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey<'a> {
    issuer: &'a Issuer,
    client_id: &'a ClientId,
    jti: &'a Jti,
    sid: Option<&'a Sid>,
    subject: Option<&'a Subject>,
    iat: UnixTime,
}

impl<'a> ReplayKey<'a> {
    /// The key of a token with this `jti` and `iat`, verified for this OP and client.
    #[must_use]
    pub const fn new(
        issuer: &'a Issuer,
        client_id: &'a ClientId,
        jti: &'a Jti,
        iat: UnixTime,
    ) -> Self {
        Self {
            issuer,
            client_id,
            jti,
            sid: None,
            subject: None,
            iat,
        }
    }

    /// Adds the `sid` of the token.
    #[must_use]
    pub const fn with_sid(mut self, sid: Option<&'a Sid>) -> Self {
        self.sid = sid;
        self
    }

    /// Adds the `sub` of the token.
    #[must_use]
    pub const fn with_subject(mut self, subject: Option<&'a Subject>) -> Self {
        self.subject = subject;
        self
    }

    /// The OP.
    #[must_use]
    pub const fn issuer(&self) -> &'a Issuer {
        self.issuer
    }

    /// The client.
    #[must_use]
    pub const fn client_id(&self) -> &'a ClientId {
        self.client_id
    }

    /// The same key as 32 bytes, for a store outside this process: equal keys have equal digests on every node and in every
    /// version that reads this one's records. SHA-256 over the members with their lengths.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let members = [
            Some(self.issuer.as_str()),
            Some(self.client_id.as_str()),
            Some(self.jti.as_str()),
            self.sid.map(Sid::as_str),
            self.subject.map(Subject::as_str),
        ];
        for member in members {
            // Presence and length first, so that no two keys give the same bytes.
            let length = member.map_or(u64::MAX, |text| text.len() as u64);
            digest.update(&length.to_be_bytes());
            digest.update(member.unwrap_or_default().as_bytes());
        }
        digest.update(&self.iat.as_secs().to_be_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest.finish().as_ref()) {
            *to = *from;
        }
        bytes
    }
}

impl fmt::Debug for ReplayKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayKey")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Remembers which Logout Tokens were processed. A failing or forgetting store is never a reason to refuse a token
/// (spec BCL-163).
pub trait ReplayStore: Send + Sync + 'static {
    /// What can go wrong in this store.
    type Error: Error + Send + Sync + 'static;

    /// Whether this token was processed before.
    ///
    /// # Errors
    ///
    /// When the store cannot answer; the token is then processed.
    fn seen(&self, key: &ReplayKey<'_>) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Records that this token was processed; it can be forgotten from the given moment on.
    ///
    /// # Errors
    ///
    /// When the store cannot; the token may then be processed again.
    fn remember(
        &self,
        key: &ReplayKey<'_>,
        until: UnixTime,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`ReplayStore`] as a trait object. Implemented for every store; do not implement it by hand.
pub trait DynReplayStore: Send + Sync + 'static {
    /// See [`ReplayStore::seen`].
    fn seen_dyn<'a>(&'a self, key: &'a ReplayKey<'a>) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// See [`ReplayStore::remember`].
    fn remember_dyn<'a>(
        &'a self,
        key: &'a ReplayKey<'a>,
        until: UnixTime,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl<R: ReplayStore> DynReplayStore for R {
    fn seen_dyn<'a>(&'a self, key: &'a ReplayKey<'a>) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async { self.seen(key).await.map_err(StoreError::new) })
    }

    fn remember_dyn<'a>(
        &'a self,
        key: &'a ReplayKey<'a>,
        until: UnixTime,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.remember(key, until).await.map_err(StoreError::new) })
    }
}

macro_rules! forward {
    ([$($generics:tt)*] $pointer:ty, $error:ty, $seen:ident, $remember:ident) => {
        impl<$($generics)*> ReplayStore for $pointer {
            type Error = $error;

            async fn seen(&self, key: &ReplayKey<'_>) -> Result<bool, Self::Error> {
                (**self).$seen(key).await
            }

            async fn remember(
                &self,
                key: &ReplayKey<'_>,
                until: UnixTime,
            ) -> Result<(), Self::Error> {
                (**self).$remember(key, until).await
            }
        }
    };
}

forward!([R: ReplayStore] Arc<R>, R::Error, seen, remember);
forward!([] Arc<dyn DynReplayStore>, StoreError, seen_dyn, remember_dyn);

#[cfg(test)]
mod tests;
