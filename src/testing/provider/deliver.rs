//! The provider's side of a Back-Channel Logout Request (BCL 2.5).

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

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
        self.send_slowly(Duration::ZERO).await
    }

    /// POSTs it as over a bad line: the first half of the body at once, the rest this much later (by the tokio clock). The
    /// endpoint waits for 1 second by default.
    pub async fn send_slowly(&self, pause: Duration) -> Delivery {
        Delivery {
            client_id: self.client_id.clone(),
            url: self.url.clone(),
            answer: post(&self.url, &self.token, pause).await,
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
    /// POSTs a token to a URL as a provider does, whatever the token is. A delivery that is late, doubled or out of order
    /// comes from [`prepare_end_session`](Self::prepare_end_session), and so does a slow one.
    pub async fn deliver(&self, token: &str, url: &str) -> Delivery {
        PendingLogout::new(String::new(), url.to_owned(), token.to_owned())
            .send()
            .await
    }
}

async fn post(url: &str, token: &str, pause: Duration) -> Result<Response<Bytes>, ExchangeError> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", token)
        .finish();
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Halves::new(Bytes::from(form), pause))
        .map_err(|_| ExchangeError::Url)?;
    exchange(request).await
}

/// A body in two parts, with a pause between them.
struct Halves {
    first: Bytes,
    second: Bytes,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Halves {
    fn new(mut body: Bytes, pause: Duration) -> Self {
        let middle = if pause.is_zero() {
            body.len()
        } else {
            body.len() / 2
        };
        Self {
            first: body.split_to(middle),
            second: body,
            pause,
            waiting: None,
        }
    }
}

impl Body for Halves {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        if !self.first.is_empty() {
            return frame(std::mem::take(&mut self.first));
        }
        if self.second.is_empty() {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(waiting.as_mut().poll(context));
        frame(std::mem::take(&mut self.second))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.second.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.first.len() + self.second.len()) as u64)
    }
}
