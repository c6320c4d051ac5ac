//! The way of one request through the guard.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::check::{Options, Review, Verdict, Watch};
use super::{GuardBody, LiveSession, Presented, Rejection, RequestHead};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The response of a [`SessionGuard`](super::SessionGuard).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point: then the inner service was not called, or its own future is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        // The store is awaited. What waits is boxed, so that requests that need not wait have a small future.
        Checking {
            check: Boxed<Verdict>,
            held: Option<Box<Held<S, B>>>,
        },
        Running {
            #[pin]
            future: S::Future,
            live: Option<LiveSession>,
        },
        // The handler has answered with the session cookie: the store is asked whether the session still stands.
        Reviewing {
            review: Boxed<Review>,
            held: Option<Box<(S::Response, LiveSession)>>,
        },
        Rejected {
            response: Option<Response<Bytes>>,
        },
    }
}

struct Held<S, B> {
    ready: S,
    request: Request<B>,
    sessions: Arc<dyn Watch>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(super) const fn running(future: S::Future, live: Option<LiveSession>) -> Self {
        Self {
            state: State::Running { future, live },
        }
    }

    pub(super) const fn rejected(response: Response<Bytes>) -> Self {
        Self {
            state: State::Rejected {
                response: Some(response),
            },
        }
    }

    pub(super) fn checking(
        check: Boxed<Verdict>,
        ready: S,
        request: Request<B>,
        sessions: Arc<dyn Watch>,
    ) -> Self {
        Self {
            state: State::Checking {
                check,
                held: Some(Box::new(Held {
                    ready,
                    request,
                    sessions,
                })),
            },
        }
    }
}

impl<S, B, RB> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<RB>>,
    RB: Body<Data = Bytes>,
{
    type Output = Result<Response<GuardBody<RB>>, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProj::Checking { check, held } => {
                    let verdict = ready!(check.as_mut().poll(context));
                    let Some(held) = held.take() else {
                        // Polled again after it was done, against the contract of futures.
                        return Poll::Pending;
                    };
                    enter(*held, verdict)
                }
                StateProj::Running { future, live } => {
                    let response = ready!(future.poll(context))?;
                    let Some(live) = live.take() else {
                        return Poll::Ready(Ok(response.map(GuardBody::inner)));
                    };
                    match review(&live, response.headers()) {
                        None => return Poll::Ready(Ok(finish(response, &live))),
                        Some(review) => State::Reviewing {
                            review,
                            held: Some(Box::new((response, live))),
                        },
                    }
                }
                StateProj::Reviewing { review, held } => {
                    let review = ready!(review.as_mut().poll(context));
                    let Some(held) = held.take() else {
                        return Poll::Pending;
                    };
                    let (mut response, live) = *held;
                    let live = settle(response.headers_mut(), live, review);
                    return Poll::Ready(Ok(finish(response, &live)));
                }
                StateProj::Rejected { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(GuardBody::own))),
                        None => Poll::Pending,
                    };
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

/// Calls the inner service, or does not, now that the store has answered.
fn enter<S, B>(held: Held<S, B>, verdict: Verdict) -> State<S, B>
where
    S: Service<Request<B>>,
{
    let Held {
        mut ready,
        mut request,
        sessions,
    } = held;
    let live = match verdict {
        Verdict::Reject(rejection) => {
            return State::Rejected {
                response: Some(respond(sessions.options(), rejection, &request)),
            };
        }
        Verdict::Live(live) => live.hand_over(&mut request),
        Verdict::Pass => None,
    };
    State::Running {
        future: ready.call(request),
        live,
    }
}

pub(super) fn respond<B>(
    options: &Options,
    rejection: Rejection,
    request: &Request<B>,
) -> Response<Bytes> {
    match &options.respond {
        Some(respond) => respond(rejection, &RequestHead::new(request)),
        None => rejection.response(),
    }
}

/// Asks again whether the session is live, if the response sets its cookie. Nothing to ask costs nothing.
fn review(live: &LiveSession, fields: &HeaderMap) -> Option<Boxed<Review>> {
    let sessions = live.watch();
    let cookie = sessions.options().cookie.as_ref()?;
    let mut set = fields
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|field| cookie.set_by(field))
        .peekable();
    set.peek()?;
    if sessions.live_now(live.who()) == Some(true) {
        return None;
    }
    let set: Vec<Presented> = set.collect();
    Some(Arc::clone(sessions).review(live.who().clone(), set))
}

/// Takes the fields out that would bring an ended session back (promise: no resurrection), and says which session the
/// browser has after this response.
fn settle(fields: &mut HeaderMap, live: LiveSession, review: Review) -> LiveSession {
    let Review::Ended { keep, successor } = review else {
        return live;
    };
    if let Some(cookie) = live.watch().options().cookie.as_ref() {
        let mut keep = keep.into_iter();
        let kept: Vec<_> = fields
            .get_all(SET_COOKIE)
            .iter()
            // The order is that of the review: one verdict for each field that sets the cookie.
            .filter(|field| cookie.set_by(field).is_none() || keep.next() == Some(true))
            .cloned()
            .collect();
        fields.remove(SET_COOKIE);
        for field in kept {
            fields.append(SET_COOKIE, field);
        }
    }
    successor.unwrap_or(live)
}

fn finish<RB: Body>(response: Response<RB>, live: &LiveSession) -> Response<GuardBody<RB>> {
    // What has a length is sent from memory; there is nothing to cut.
    if !live.watch().options().end_bodies || response.body().size_hint().exact().is_some() {
        return response.map(GuardBody::inner);
    }
    response.map(|body| GuardBody::watched(body, live.ended()))
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Checking { .. } => "ResponseFuture(checking)",
            State::Running { .. } => "ResponseFuture(running)",
            State::Reviewing { .. } => "ResponseFuture(reviewing)",
            State::Rejected { .. } => "ResponseFuture(rejected)",
        })
    }
}
