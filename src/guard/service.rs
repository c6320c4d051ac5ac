//! The guard around one service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::check::{Decision, Sessions, Verdict};
use super::future::respond;
use super::{GuardBody, Presented, RequestHead, ResponseFuture, SessionExtractor};
use crate::session::SessionRegistry;

/// Lets requests through to a service while their session is live. Made by
/// [`SessionGuardLayer`](super::SessionGuardLayer).
pub struct SessionGuard<S, St, E> {
    pub(super) inner: S,
    pub(super) extractor: Arc<E>,
    pub(super) sessions: Arc<Sessions<St>>,
}

impl<S, St, E, B, RB> Service<Request<B>> for SessionGuard<S, St, E>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    St: SessionRegistry,
    E: SessionExtractor,
    RB: Body<Data = Bytes>,
{
    type Response = Response<GuardBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let presented = self.extractor.extract(&RequestHead::new(&request));
        if let Presented::Nothing = presented {
            return ResponseFuture::running(self.inner.call(request), None);
        }
        match self.sessions.decide(presented) {
            // The inner service is called here and now: it is the one that was polled ready, and nothing is cloned.
            Decision::Now(Verdict::Pass) => ResponseFuture::running(self.inner.call(request), None),
            Decision::Now(Verdict::Live(live)) => {
                let mut request = request;
                let kept = live.hand_over(&mut request);
                ResponseFuture::running(self.inner.call(request), kept)
            }
            Decision::Now(Verdict::Reject(rejection)) => {
                ResponseFuture::rejected(respond(&self.sessions.options, rejection, &request))
            }
            Decision::Ask(check) => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let options = Arc::clone(&self.sessions) as _;
                ResponseFuture::checking(check, ready, request, options)
            }
        }
    }
}

// By hand: neither the store nor the extractor has to be `Clone`.
impl<S: Clone, St, E> Clone for SessionGuard<S, St, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            extractor: Arc::clone(&self.extractor),
            sessions: Arc::clone(&self.sessions),
        }
    }
}

impl<S: fmt::Debug, St, E> fmt::Debug for SessionGuard<S, St, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGuard")
            .field("inner", &self.inner)
            .field("options", &self.sessions.options)
            .finish_non_exhaustive()
    }
}
