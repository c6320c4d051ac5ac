//! Takes the cookie of a session out of a response if the session could not be saved, because it ended meanwhile.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::SET_COOKIE;
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::SessionCookie;
use crate::event::late::{self, Saved, Watched};

/// Puts a [`LateSave`] around a service: see there.
///
/// The name of the cookie is that of the session layer; tower-sessions calls it `id` unless it is told another one. Values are not
/// looked at, so signed and private cookies need nothing more.
#[derive(Clone, Debug)]
pub struct LateSaveLayer {
    cookie: SessionCookie,
}

impl LateSaveLayer {
    /// For sessions in this cookie.
    #[must_use]
    pub const fn new(cookie: SessionCookie) -> Self {
        Self { cookie }
    }
}

impl<S> Layer<S> for LateSaveLayer {
    type Service = LateSave<S>;

    fn layer(&self, inner: S) -> LateSave<S> {
        LateSave {
            inner,
            cookie: self.cookie.clone(),
        }
    }
}

/// Lets no response of tower-sessions set its cookie for a session that ended while the request was in flight. It belongs *outside*
/// of the session layer.
///
/// 1. tower-sessions saves the session and sets its cookie when the handler is done. A [`BackchannelSessionStore`] refuses the save
///    of a session that ended, or of a login that was logged out meanwhile; the response knows nothing of it.
/// 2. If the last save of the request was refused, the `Set-Cookie` fields of this name are taken out. All else stays as it is.
/// 3. One that deletes the cookie stays.
///
/// Without this layer the browser gets the id of a session that is over. That opens nothing, but where the customer has signed in
/// again in another tab meanwhile, it takes the new session away from the browser.
///
/// The store and this layer have to run in one task, as they do unless a layer between the two spawns its requests.
///
/// [`BackchannelSessionStore`]: crate::store::tower_sessions::BackchannelSessionStore
#[derive(Clone, Debug)]
pub struct LateSave<S> {
    inner: S,
    cookie: SessionCookie,
}

impl<S, B, RB> Service<Request<B>> for LateSave<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    type Response = Response<RB>;
    type Error = S::Error;
    type Future = LateSaveFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        LateSaveFuture {
            response: late::watch(self.inner.call(request)),
            cookie: self.cookie.clone(),
        }
    }
}

pin_project! {
    /// The response of a [`LateSave`].
    #[must_use = "futures do nothing unless polled"]
    pub struct LateSaveFuture<F> {
        #[pin]
        response: Watched<F>,
        cookie: SessionCookie,
    }
}

impl<F, RB, E> Future for LateSaveFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (response, said) = ready!(this.response.poll(context));
        let mut response = response?;
        if said == Some(Saved::Refused) {
            take_out(response.headers_mut(), this.cookie);
        }
        Poll::Ready(Ok(response))
    }
}

fn take_out(fields: &mut HeaderMap, cookie: &SessionCookie) {
    let set = fields.get_all(SET_COOKIE).iter();
    let kept: Vec<_> = set
        .filter(|field| cookie.set_by(field).is_none())
        .cloned()
        .collect();
    fields.remove(SET_COOKIE);
    for field in kept {
        fields.append(SET_COOKIE, field);
    }
}

impl<F> fmt::Debug for LateSaveFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateSaveFuture")
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The cookies of a response whose handler noted this, through the layer.
    async fn cookies_after(said: Option<Saved>) -> Vec<String> {
        let handler = tower::service_fn(move |_: Request<()>| async move {
            said.into_iter().for_each(late::note);
            let response = Response::builder()
                .header(SET_COOKIE, "id=secret; Path=/")
                .header(SET_COOKIE, "theme=dark")
                .header(SET_COOKIE, "id=; Max-Age=0");
            Ok::<_, Infallible>(response.body(()).unwrap())
        });
        let layer = LateSaveLayer::new(SessionCookie::parse("id").unwrap());
        let answer = layer.layer(handler).call(Request::new(())).await.unwrap();
        let set = answer.headers().get_all(SET_COOKIE).iter();
        set.map(|field| field.to_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_refused_save_sets_no_cookie_and_every_other_field_stays() {
        let all = ["id=secret; Path=/", "theme=dark", "id=; Max-Age=0"];
        assert_eq!(cookies_after(None).await, all);
        assert_eq!(cookies_after(Some(Saved::Yes)).await, all);
        let kept = cookies_after(Some(Saved::Refused)).await;
        assert_eq!(kept, ["theme=dark", "id=; Max-Age=0"]);
    }
}
