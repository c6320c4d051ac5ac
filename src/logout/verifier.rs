//! From text to verified claims, with the keys fetched where that is needed.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::error::{LogoutError, LogoutErrorKind};
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::jose::{Compact, Encryption, Form, Keys, Opened};
use crate::jwks::{AfterMiss, KeysUnavailable, Miss, MissKind};
use crate::provider::{Client, Provider, Providers};
use crate::refusal::Refusal;
use crate::token::{LogoutToken, ParsedToken};

/// Where in the request the token stood (spec BCL-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// In the form, as BCL 2.5 demands.
    Body,
    /// In the query of a POST whose form has none. Only for clients that allow it.
    Query,
    /// In both. Only right where the query is ignored.
    Both,
}

/// When a token came in: the time its claims are judged at, and the moment that key refreshes are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(super) time: UnixTime,
    pub(super) instant: Instant,
}

impl Arrival {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self {
            time: clock.now(),
            instant: Instant::now(),
        }
    }
}

/// Verifies Logout Tokens of the providers it knows, without HTTP and without sessions (BCL 2.6).
///
/// The unverified `iss` and `aud` only choose the provider and the client; nothing else happens before the signature
/// is verified with the keys of that provider (spec BCL-42, 70).
///
/// Cheap to clone: all clones share the providers and their keys.
#[derive(Clone)]
pub struct LogoutTokenVerifier {
    providers: Providers,
    clock: Arc<dyn Clock>,
}

impl LogoutTokenVerifier {
    /// A verifier for the given providers, by the clock of the system.
    #[must_use]
    pub fn new(providers: impl Into<Providers>) -> Self {
        Self {
            providers: providers.into(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The providers; they can be added and removed at any time.
    #[must_use]
    pub const fn providers(&self) -> &Providers {
        &self.providers
    }

    pub(super) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Verifies a Logout Token as of now.
    ///
    /// # Errors
    ///
    /// [`LogoutErrorKind::Refused`] when the token is not acceptable, [`LogoutErrorKind::KeysUnavailable`] when that
    /// cannot be told now.
    pub async fn verify(&self, token: &str) -> Result<LogoutToken, LogoutError> {
        self.verify_at(token, TokenPlace::Body, Arrival::now(self.clock()))
            .await
    }

    /// Verifies a token that stood at `place`, as of its arrival (spec BCL-120: one reading of the clock).
    pub(super) async fn verify_at(
        &self,
        token: &str,
        place: TokenPlace,
        arrival: Arrival,
    ) -> Result<LogoutToken, LogoutError> {
        let opened = match Form::of(token)? {
            Form::Signed => None,
            Form::Encrypted => {
                let providers = self.providers.all();
                let clients = providers.iter().flat_map(Provider::clients);
                Some(Encryption::decrypt(token, clients.map(Client::encryption))?)
            }
        };
        let signed = opened.as_ref().map_or(token, Opened::signed);
        let compact = Compact::decode(signed)?;
        let parsed = ParsedToken::parse(&compact)?;
        let (provider, client) = self.choose(&parsed)?;
        client
            .encryption()
            .check(opened.as_ref())
            .map_err(|refusal| refused(refusal, &provider))?;
        check_place(&client, place)
            .and_then(|()| parsed.check_header(client.algorithm(), client.policy()))
            .map_err(|refusal| refused(refusal, &provider))?;
        match client.secret() {
            // With a secret no public key is ever tried (spec BCL-41).
            Some(secret) => parsed
                .verify_signature(client.algorithm(), Keys::Secret(secret))
                .map_err(|refusal| refused(refusal, &provider))?,
            None => {
                verify_with_published_keys(&parsed, &provider, &client, arrival.instant).await?
            }
        }
        parsed
            .validate(
                provider.issuer(),
                client.client_id(),
                client.policy(),
                arrival.time,
            )
            .map_err(|refusal| refused(refusal, &provider))
    }

    /// The entry that the unverified `iss` and `aud` name, by exact comparison (spec BCL-42). An unknown issuer causes no
    /// fetch and no store call.
    fn choose(&self, parsed: &ParsedToken<'_>) -> Result<(Provider, Client), LogoutError> {
        let provider = parsed
            .issuer()
            .and_then(|issuer| self.providers.find(issuer))
            .ok_or(Refusal::WrongIssuer)?;
        let named = |client: &&Client| parsed.names_audience(client.client_id().as_str());
        match provider.clients().iter().find(named).cloned() {
            Some(client) => Ok((provider, client)),
            None => Err(refused(Refusal::WrongAudience, &provider)),
        }
    }
}

fn refused(refusal: Refusal, provider: &Provider) -> LogoutError {
    LogoutError::from(refusal).of(provider.issuer())
}

/// A token in the query counts only for clients that allow it (spec BCL-10).
fn check_place(client: &Client, place: TokenPlace) -> Result<(), Refusal> {
    match (place, client.accepts_token_in_query()) {
        (TokenPlace::Body, _) | (TokenPlace::Query, true) | (TokenPlace::Both, false) => Ok(()),
        (TokenPlace::Query, false) => Err(Refusal::MissingLogoutToken),
        (TokenPlace::Both, true) => Err(Refusal::DuplicateParameter),
    }
}

/// Verifies with the keys at hand; when they fail, the key set decides whether others can be had (spec BCL-75, 76).
async fn verify_with_published_keys(
    parsed: &ParsedToken<'_>,
    provider: &Provider,
    client: &Client,
    arrived: Instant,
) -> Result<(), LogoutError> {
    let unavailable = |error: KeysUnavailable| {
        LogoutError::with_source(LogoutErrorKind::KeysUnavailable, error).of(provider.issuer())
    };
    let keys = provider.keys();
    let snapshot = match keys.current(arrived) {
        Some(snapshot) => snapshot,
        None => Box::pin(keys.get(arrived)).await.map_err(unavailable)?,
    };
    let Err(refusal) = parsed.verify_signature(client.algorithm(), Keys::Public(snapshot.keys()))
    else {
        return Ok(());
    };
    let kind = match refusal {
        Refusal::UnknownKey | Refusal::UnusableKey => MissKind::UnknownKid,
        Refusal::BadSignature => MissKind::BadSignature,
        other => return Err(refused(other, provider)),
    };
    let miss = Miss {
        kind,
        kid: parsed.kid(),
        token_iat: parsed.iat(),
        leeway: client.policy().leeway(),
        arrived,
    };
    // In a box, like the first load: what almost never waits must not make room for it in every request.
    match Box::pin(keys.after_miss(&snapshot, miss)).await {
        AfterMiss::Retry(newer) => parsed
            .verify_refreshed(client.algorithm(), snapshot.keys(), newer.keys())
            .map_err(|refusal| refused(refusal, provider)),
        AfterMiss::Final => Err(refused(refusal, provider)),
        AfterMiss::Unavailable(error) => Err(unavailable(error)),
    }
}

impl fmt::Debug for LogoutTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutTokenVerifier")
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}
