//! The application behind the pages: who may sign in, who is signed in.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    AnyRegistry, NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use super::brand::Brand;
use super::cookies::{Cookie, ID_LENGTH, random_id};
use super::openid::{Claims, OpenId, OpenIdError};
use super::pending::{PendingLogin, PendingLogins};
use super::shutdown::Shutdown;

/// How long a session lives when nobody signs out.
const SESSION_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// Everything an application has to know to be one.
pub(crate) struct Settings {
    pub(crate) issuer: Issuer,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: Option<String>,
    pub(crate) alg: String,
    /// Where the keys for encrypted tokens come from: a file with a private JWK set, or `client-secret`.
    pub(crate) decryption_keys: Option<String>,
    /// How browsers reach it, without a slash at the end.
    pub(crate) public_url: String,
    pub(crate) brand: Brand,
}

impl Settings {
    /// The client secret, where the provider signs with it: `HS256` and its like. All other algorithms have keys.
    pub(crate) fn signing_secret(&self) -> Option<&str> {
        let secret = self.client_secret.as_deref();
        secret.filter(|_| self.alg.starts_with("HS"))
    }
}

/// One application, without its HTTP framework.
pub(crate) struct RelyingParty {
    pub(crate) settings: Settings,
    pub(crate) store: AnyRegistry,
    pub(crate) session_cookie: Cookie,
    login_cookie: Cookie,
    pub(crate) shutdown: Shutdown,
    openid: OpenId,
    logins: PendingLogins,
    names: Mutex<HashMap<SessionId, (UnixTime, String)>>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("this sign-in was not begun in this browser, or too long ago")]
    NotBegunHere,
    #[error("the provider said {0}")]
    Denied(String),
    #[error("another site asked for it")]
    OtherSite,
    #[error("a logout reached this session before it began")]
    AlreadyLoggedOut,
    #[error("the session could not be recorded")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    OpenId(#[from] OpenIdError),
}

impl LoginError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotBegunHere | Self::Denied(_) => StatusCode::BAD_REQUEST,
            Self::AlreadyLoggedOut | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::OpenId(OpenIdError::Refused(_)) => StatusCode::BAD_GATEWAY,
            Self::OpenId(OpenIdError::Unreachable(_)) | Self::Store(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// A redirect that stores a cookie.
pub(crate) struct Begun {
    pub(crate) location: String,
    pub(crate) set_cookie: String,
}

impl RelyingParty {
    pub(crate) fn new(
        settings: Settings,
        store: AnyRegistry,
        shutdown: Shutdown,
    ) -> Result<Self, String> {
        let openid = OpenId::new(
            settings.issuer.as_str(),
            settings.client_id.as_str(),
            settings.client_secret.clone(),
            format!("{}/callback", settings.public_url),
            &settings.alg,
        )?;
        Ok(Self {
            session_cookie: Cookie::new("session", &settings.public_url),
            login_cookie: Cookie::new("login", &settings.public_url),
            openid,
            settings,
            store,
            shutdown,
            logins: PendingLogins::default(),
            names: Mutex::default(),
        })
    }

    /// The session a request belongs to, by its cookie.
    pub(crate) fn session_id(&self, headers: &HeaderMap) -> Option<SessionId> {
        SessionId::parse(self.session_cookie.read(headers)?).ok()
    }

    /// Begins a login.
    pub(crate) async fn begin_login(&self, headers: &HeaderMap) -> Result<Begun, LoginError> {
        let begun = self.openid.begin().await?;
        // One cookie a browser, so that two tabs can sign in at a time.
        let browser = match self.login_cookie.read(headers) {
            Some(browser) if browser.len() == ID_LENGTH => browser.to_owned(),
            _ => random_id(),
        };
        let set_cookie = self.login_cookie.store(&browser);
        let login = PendingLogin {
            browser,
            nonce: begun.nonce,
            pkce_verifier: begun.pkce_verifier,
        };
        self.logins.insert(begun.state, login);
        Ok(Begun {
            location: begun.location,
            set_cookie,
        })
    }

    /// Finishes a login with what the provider sent along. Answers the `Set-Cookie` of the new session.
    pub(crate) async fn finish_login(
        &self,
        headers: &HeaderMap,
        query: &str,
    ) -> Result<String, LoginError> {
        let answer: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let login = answer
            .get("state")
            .zip(self.login_cookie.read(headers))
            .and_then(|(state, browser)| self.logins.take(state, browser))
            .ok_or(LoginError::NotBegunHere)?;
        // Another provider's answer is not for this login (RFC 9207).
        if answer
            .get("iss")
            .is_some_and(|iss| *iss != self.openid.issuer)
        {
            return Err(LoginError::NotBegunHere);
        }
        let Some(code) = answer.get("code") else {
            let error = answer.get("error").map_or("nothing", |error| error);
            return Err(LoginError::Denied(error.chars().take(60).collect()));
        };
        let claims = self
            .openid
            .finish(code.to_string(), &login.nonce, login.pkce_verifier)
            .await?;

        // Always a new id: one from before the login may be known to somebody else.
        if let Some(old) = self.session_id(headers) {
            self.end(&old).await?;
        }
        let value = random_id();
        let id = SessionId::parse(value.as_str()).map_err(store_error)?;
        let expires_at = SystemClock::default()
            .now()
            .saturating_add(SESSION_LIFETIME);
        let session = NewSession::new(id.clone(), self.identity(&claims)?, expires_at);
        match self.store.register(session).await.map_err(store_error)? {
            Registration::Registered => {}
            // A logout overtook this login: nobody is signed in.
            Registration::AlreadyLoggedOut => return Err(LoginError::AlreadyLoggedOut),
        }
        self.remember_name(id, expires_at, &claims);
        Ok(self.session_cookie.store(&value))
    }

    /// The claims of the ID Token that tie the session to the provider.
    fn identity(&self, claims: &Claims) -> Result<SessionIdentity, LoginError> {
        let refused = |error| OpenIdError::Refused(Box::new(error));
        let subject = Subject::parse(claims.subject().as_str()).map_err(refused)?;
        let sid = claims.additional_claims().sid.as_deref();
        let sid = sid.map(Sid::parse).transpose().map_err(refused)?;
        Ok(SessionIdentity::new(
            self.settings.issuer.clone(),
            self.settings.client_id.clone(),
            subject,
        )
        .with_sid(sid)
        .with_id_token_iat(UnixTime::from_secs(claims.issue_time().timestamp())))
    }

    /// Signs the browser out here. Answers the `Set-Cookie` that takes its cookie away.
    pub(crate) async fn sign_out(&self, headers: &HeaderMap) -> Result<String, LoginError> {
        if !self.is_same_origin(headers) {
            return Err(LoginError::OtherSite);
        }
        if let Some(id) = self.session_id(headers) {
            self.end(&id).await?;
        }
        Ok(self.session_cookie.remove())
    }

    async fn end(&self, id: &SessionId) -> Result<(), LoginError> {
        self.store.unregister(id).await.map_err(store_error)?;
        self.names
            .lock()
            .expect("no panic under the lock")
            .remove(id);
        Ok(())
    }

    /// The cookie is `SameSite=Lax`; a browser also says where a `POST` comes from, and it must be here.
    fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        origin == self.settings.public_url
            || host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, o)| o == host))
    }

    fn remember_name(&self, id: SessionId, expires_at: UnixTime, claims: &Claims) {
        let name = claims.name().and_then(|name| name.get(None));
        let Some(name) = name else { return };
        let now = SystemClock::default().now();
        let mut names = self.names.lock().expect("no panic under the lock");
        // Now and then, so that names of expired sessions do not pile up.
        if names.len().is_power_of_two() {
            names.retain(|_, (expires_at, _)| *expires_at > now);
        }
        names.insert(id, (expires_at, name.to_string()));
    }

    /// What the provider calls the person, if it told.
    pub(crate) fn name(&self, id: &SessionId) -> Option<String> {
        let names = self.names.lock().expect("no panic under the lock");
        names.get(id).map(|(_, name)| name.clone())
    }
}

fn store_error(error: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::Store(Box::new(error))
}
