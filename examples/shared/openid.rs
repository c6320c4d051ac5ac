//! Signing in through `openidconnect`: code flow with PKCE, `state` and `nonce`.

use std::sync::Arc;
use std::time::Instant;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tower_backchannel_logout::token::check_id_token;

use super::http_client::HttpClient;

/// The claim of the ID Token that names the session at the provider (BCL 2.1).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SidClaim {
    pub(crate) sid: Option<String>,
}
impl AdditionalClaims for SidClaim {}

pub(crate) type Claims = IdTokenClaims<SidClaim, CoreGenderClaim>;
type Token =
    IdToken<SidClaim, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Fields = IdTokenFields<
    SidClaim,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Client = openidconnect::Client<
    SidClaim,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenIdError {
    /// Discovery or the token endpoint did not answer; later it may.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider said no, or what it said cannot be trusted.
    #[error("the provider's answer was not accepted")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A login that was begun.
pub(crate) struct Begun {
    pub(crate) location: String,
    pub(crate) state: String,
    pub(crate) nonce: Nonce,
    pub(crate) pkce_verifier: PkceCodeVerifier,
}

/// The provider, as a party that signs people in. It is discovered when first needed.
pub(crate) struct OpenId {
    pub(crate) issuer: String,
    client_id: String,
    client_secret: Option<String>,
    redirect_uri: String,
    alg: CoreJwsSigningAlgorithm,
    http: HttpClient,
    discovered: Mutex<Discovered>,
}

#[derive(Default)]
struct Discovered {
    provider: Option<Arc<Provider>>,
    failed_at: Option<Instant>,
}

/// What discovery found.
struct Provider {
    client: Client,
    scopes: Vec<Scope>,
    asked_at: Instant,
}

impl OpenId {
    /// A provider that signs its ID Tokens with `alg`.
    pub(crate) fn new(
        issuer: &str,
        client_id: &str,
        client_secret: Option<String>,
        redirect_uri: String,
        alg: &str,
    ) -> Result<Self, String> {
        let alg = serde_json::from_value(alg.into());
        IssuerUrl::new(issuer.to_owned()).map_err(|e| format!("--issuer: {e}"))?;
        RedirectUrl::new(redirect_uri.clone()).map_err(|e| format!("--public-url: {e}"))?;
        Ok(Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret,
            redirect_uri,
            alg: alg
                .ok()
                .filter(|alg| *alg != CoreJwsSigningAlgorithm::None)
                .ok_or("--alg: openidconnect does not know this algorithm")?,
            http: HttpClient::new(),
            discovered: Mutex::default(),
        })
    }

    /// Where to send the browser, and what to remember until it comes back.
    pub(crate) async fn begin(&self) -> Result<Begun, OpenIdError> {
        let provider = self.provider(None).await?;
        let (challenge, pkce_verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = provider
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(provider.scopes.iter().cloned())
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            location: url.into(),
            state: state.into_secret(),
            nonce,
            pkce_verifier,
        })
    }

    /// Exchanges the code and verifies the ID Token.
    pub(crate) async fn finish(
        &self,
        code: String,
        nonce: &Nonce,
        pkce_verifier: PkceCodeVerifier,
    ) -> Result<Claims, OpenIdError> {
        let provider = self.provider(None).await?;
        let begun_at = Instant::now();
        let token = provider
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(refused)?
            .set_pkce_verifier(pkce_verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::Request(error) => unreachable(error),
                error => refused(error),
            })?;
        let Some(id_token) = token.extra_fields().id_token() else {
            return Err(OpenIdError::Refused("there is no ID Token".into()));
        };
        if let Ok(claims) = self.verify(&provider.client, id_token, nonce) {
            return Ok(claims);
        }
        // The provider may have changed its keys since discovery: ask once more, then decide.
        let fresh = self.provider(Some(begun_at)).await?;
        self.verify(&fresh.client, id_token, nonce)
    }

    fn verify(&self, client: &Client, token: &Token, nonce: &Nonce) -> Result<Claims, OpenIdError> {
        // A Logout Token has the same issuer, audience and key: it must never be taken as a login.
        check_id_token(&token.to_string(), nonce.secret()).map_err(refused)?;
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([self.alg.clone()]);
        token.claims(&verifier, nonce).cloned().map_err(refused)
    }

    /// The discovered provider; asked again when what is known is from before `newer_than`.
    async fn provider(&self, newer_than: Option<Instant>) -> Result<Arc<Provider>, OpenIdError> {
        let asked_at = Instant::now();
        let mut discovered = self.discovered.lock().await;
        if let Some(provider) = &discovered.provider
            && newer_than.is_none_or(|newer_than| provider.asked_at >= newer_than)
        {
            return Ok(Arc::clone(provider));
        }
        // Whoever waited for an attempt that failed shares its outcome.
        if discovered.failed_at.is_some_and(|at| at >= asked_at) {
            return Err(OpenIdError::Unreachable("discovery just failed".into()));
        }
        match self.discover().await {
            Ok(provider) => Ok(Arc::clone(discovered.provider.insert(Arc::new(provider)))),
            Err(error) => {
                discovered.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Provider, OpenIdError> {
        let asked_at = Instant::now();
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(refused)?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.http)
            .await
            .map_err(unreachable)?;
        // The name of the person comes with `profile`, where the provider has it.
        let profile = Scope::new("profile".to_owned());
        let scopes = match metadata.scopes_supported() {
            Some(supported) if supported.contains(&profile) => vec![profile],
            _ => vec![],
        };
        // Basic authentication is the default (Discovery 3); some providers take the form only.
        let auth_type = match metadata.token_endpoint_auth_methods_supported() {
            Some(methods) if !methods.contains(&CoreClientAuthMethod::ClientSecretBasic) => {
                AuthType::RequestBody
            }
            _ => AuthType::BasicAuth,
        };
        let redirect_uri = RedirectUrl::new(self.redirect_uri.clone()).map_err(refused)?;
        let client = Client::from_provider_metadata(
            metadata,
            ClientId::new(self.client_id.clone()),
            self.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(redirect_uri)
        .set_auth_type(auth_type);
        Ok(Provider {
            client,
            scopes,
            asked_at,
        })
    }
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> OpenIdError {
    OpenIdError::Refused(Box::new(error))
}

fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> OpenIdError {
    OpenIdError::Unreachable(Box::new(error))
}
