//! The demo provider: signs customers in, remembers which applications they use, and tells those when it is over.

mod authorize;
mod console;
mod deliveries;
mod end_session;
mod keys;
mod state;
mod token;

use std::sync::Arc;

use axum::extract::State as AppState;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use keys::ALG;

use crate::shared::brand::Brand;
use crate::shared::http_client::HttpClient;
use crate::shared::shutdown::Shutdown;
use keys::SigningKey;
use state::State;

/// An application that is registered at the provider.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) backchannel_logout_uri: String,
}

impl Client {
    fn redirect_uri(&self) -> String {
        format!("{}/callback", self.url)
    }
}

/// The provider.
pub(crate) struct Op {
    pub(crate) issuer: String,
    brand: Brand,
    clients: Vec<Client>,
    key: SigningKey,
    state: std::sync::Mutex<State>,
    changed: watch::Sender<u64>,
    http: HttpClient,
    shutdown: Shutdown,
}

impl Op {
    pub(crate) fn new(issuer: String, clients: Vec<Client>, shutdown: Shutdown) -> Arc<Self> {
        let links = clients.iter().map(|c| (c.name.clone(), c.url.clone()));
        let mut brand = Brand::new("Northgate ID", "The provider of this demo", 262);
        brand.sign =
            "<path d='M4.5 20.5v-9a7.5 7.5 0 0 1 15 0v9M9 20.5v-8.8a3 3 0 0 1 6 0v8.8M3 20.5h18'/>";
        brand.links = links.collect();
        Arc::new(Self {
            issuer,
            brand,
            clients,
            key: SigningKey::generate(),
            state: std::sync::Mutex::default(),
            changed: watch::Sender::new(0),
            http: HttpClient::new(),
            shutdown,
        })
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize::authorize))
            .route("/sign-in", post(authorize::sign_in))
            .route("/token", post(token::token))
            .route(
                "/end-session",
                get(end_session::ask).post(end_session::confirmed),
            )
            .route("/", get(console::console))
            .route("/admin/events", get(console::events))
            .route(
                "/admin/api/v1/identityStores/{store}/accounts/{account}/sessions",
                delete(console::clear_sessions),
            )
            .with_state(self)
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Changes the state, and tells the consoles.
    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.state.lock().expect("no panic under the lock"));
        self.changed.send_modify(|version| *version += 1);
        outcome
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().expect("no panic under the lock"))
    }
}

async fn discovery(AppState(op): AppState<Arc<Op>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", op.issuer);
    Json(json!({
        "issuer": op.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "end_session_endpoint": at("/end-session"),
        "scopes_supported": ["openid", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALG],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "sid", "auth_time"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    }))
}

async fn jwks(AppState(op): AppState<Arc<Op>>) -> impl IntoResponse {
    (
        [(header::CACHE_CONTROL, "public, max-age=300")],
        Json(op.key.jwks()),
    )
}
