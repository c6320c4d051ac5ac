//! The response body: the application's own, cut when its session ends, or the guard's answer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Ended;

pin_project! {
    /// The body of a response that came through the guard.
    ///
    /// It is the body of the inner service, unless the guard answered itself. With
    /// [`with_ended_bodies`](super::SessionGuardLayer::with_ended_bodies) a streaming body ends once its session does.
    pub struct GuardBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Inner { #[pin] body: B },
        // `None` once the session has ended: what produces the body is dropped there and then.
        Watched { #[pin] body: Option<B>, ended: Ended },
        Own { bytes: Option<Bytes> },
    }
}

impl<B> GuardBody<B> {
    #[inline]
    pub(super) const fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    pub(super) const fn watched(body: B, ended: Ended) -> Self {
        Self {
            kind: Kind::Watched {
                body: Some(body),
                ended,
            },
        }
    }

    pub(super) fn own(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Own {
                bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for GuardBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(context),
            KindProj::Watched { mut body, ended } => {
                // Asked first: a stream that always has something to send ends all the same.
                if Pin::new(ended).poll(context).is_ready() {
                    body.set(None);
                }
                match body.as_mut().as_pin_mut() {
                    Some(inner) => {
                        let frame = ready!(inner.poll_frame(context));
                        if frame.is_none() {
                            body.set(None);
                        }
                        Poll::Ready(frame)
                    }
                    None => Poll::Ready(None),
                }
            }
            KindProj::Own { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Watched { body, .. } => body.as_ref().is_none_or(Body::is_end_stream),
            Kind::Own { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            // No lower bound: it may end at any moment.
            Kind::Watched { body, .. } => {
                let mut hint = SizeHint::new();
                let upper = match body {
                    Some(body) => body.size_hint().upper(),
                    None => Some(0),
                };
                if let Some(upper) = upper {
                    hint.set_upper(upper);
                }
                hint
            }
            Kind::Own { bytes } => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
        }
    }
}

impl<B> fmt::Debug for GuardBody<B> {
    // Bodies are the application's data: only which kind it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "GuardBody(inner)",
            Kind::Watched { .. } => "GuardBody(watched)",
            Kind::Own { .. } => "GuardBody(own)",
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty, Full};

    use super::*;

    const fn is_send_and_sync<T: Send + Sync>() {}

    #[test]
    fn a_body_stays_send_and_sync_as_the_one_inside() {
        is_send_and_sync::<GuardBody<Full<Bytes>>>();
    }

    #[tokio::test]
    async fn the_answer_of_the_guard_has_its_length_and_its_bytes() {
        let body = GuardBody::<Empty<Bytes>>::own(Bytes::from_static(b"no"));
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(!body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "no");
        let empty = GuardBody::<Empty<Bytes>>::own(Bytes::new());
        assert_eq!(empty.size_hint().exact(), Some(0));
        assert!(empty.is_end_stream());
    }
}
