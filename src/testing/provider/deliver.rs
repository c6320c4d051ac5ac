//! The provider's side of a Back-Channel Logout Request (BCL 2.5).

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::Full;

use super::FakeProvider;
use crate::testing::exchange::{ExchangeError, exchange};

/// A signed Logout Token that has not been delivered yet. It can be sent any number of times, in any order.
#[derive(Clone)]
pub struct PendingLogout {
    client_id: String,
    url: String,
    token: String,
}

impl PendingLogout {
    pub(super) fn new(client_id: String, url: String, token: String) -> Self {
        Self {
            client_id,
            url,
            token,
        }
    }

    /// The client it is for.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// POSTs it, on a connection of its own and without a time limit.
    pub async fn send(&self) -> Delivery {
        Delivery {
            client_id: self.client_id.clone(),
            url: self.url.clone(),
            answer: post(&self.url, &self.token).await,
        }
    }
}

impl fmt::Debug for PendingLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogout")
            .field("client_id", &self.client_id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What came of one Back-Channel Logout Request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The client that was told; empty for [`FakeProvider::deliver`].
    pub client_id: String,
    /// Where the token went.
    pub url: String,
    /// The answer with its whole body, or why there was none.
    pub answer: Result<Response<Bytes>, ExchangeError>,
}

impl Delivery {
    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let answer = self.answer.as_ref().ok()?;
        Some(answer.status().as_u16())
    }

    /// The body of the answer as text; empty if there was none.
    #[must_use]
    pub fn body(&self) -> &str {
        let body = self.answer.as_ref().map(|answer| answer.body().as_ref());
        std::str::from_utf8(body.unwrap_or_default()).unwrap_or_default()
    }
}

impl FakeProvider {
    /// POSTs a token to a URL as a provider does, whatever the token is.
    pub async fn deliver(&self, token: &str, url: &str) -> Delivery {
        PendingLogout::new(String::new(), url.to_owned(), token.to_owned())
            .send()
            .await
    }
}

async fn post(url: &str, token: &str) -> Result<Response<Bytes>, ExchangeError> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", token)
        .finish();
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|_| ExchangeError::Url)?;
    exchange(request).await
}
