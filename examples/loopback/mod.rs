//! What the small examples share: a provider played by a `TokenMint`, one HTTP request, and one error for handlers.

use std::net::SocketAddr;

use axum::response::{IntoResponse, Redirect};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::testing::TokenMint;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The provider as the application is configured for it. A real one has `with_jwks_uri`, or nothing: discovery.
pub(crate) fn provider(mint: &TokenMint) -> Result<Provider, Failure> {
    Ok(Provider::builder(mint.issuer())
        .with_client(Client::builder(mint.client_id()).build()?)
        .with_static_keys(JwkSet::parse(mint.jwks_json().as_bytes())?)
        .build()?)
}

/// The administrator at the provider: a signed Logout Token goes to the endpoint of the application.
pub(crate) async fn clear(mint: &TokenMint, to: SocketAddr, sid: &str) -> Result<Redirect, Oops> {
    let token = mint.logout_token().sub("customer-1").sid(sid).sign();
    let form = format!("logout_token={token}");
    let answer = ask(to, "POST", "/backchannel-logout", "", form).await?;
    println!("provider: Logout Token answered with {}", answer.status());
    Ok(Redirect::to("/"))
}

/// One request with a cookie, and with a form if it is a `POST`.
pub(crate) async fn ask(
    to: SocketAddr,
    method: &str,
    path: &str,
    cookie: &str,
    form: String,
) -> Result<Response<Incoming>, Failure> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{to}{path}"))
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::<bytes::Bytes>::from(form))?;
    let client = HttpClient::builder(TokioExecutor::new()).build_http();
    Ok(client.request(request).await?)
}

/// Logs a device in and returns its cookie.
pub(crate) async fn login(to: SocketAddr, sid: &str) -> Result<String, Failure> {
    let answer = ask(to, "GET", &format!("/login?sid={sid}"), "", String::new()).await?;
    let cookie = answer
        .headers()
        .get(header::SET_COOKIE)
        .ok_or("no cookie")?;
    let pair = cookie.to_str()?.split(';').next();
    Ok(pair.unwrap_or_default().to_owned())
}

/// What went wrong in a handler, shown as it is.
pub(crate) struct Oops(Failure);

impl<E: Into<Failure>> From<E> for Oops {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Oops {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::BAD_REQUEST, self.0.to_string()).into_response()
    }
}
