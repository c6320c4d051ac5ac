//! Streaming bodies end with their session.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tower::service_fn;
use tower_backchannel_logout::guard::GuardBody;
use tower_backchannel_logout::session::{Rebinding, SessionRegistry};

use super::rig::*;

type Sender = UnboundedSender<&'static str>;

fn stream(
    messages: UnboundedReceiver<&'static str>,
) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    let messages = UnboundedReceiverStream::new(messages);
    StreamBody::new(messages.map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
}

async fn open(
    store: &std::sync::Arc<Moody>,
    session: &str,
) -> (
    Sender,
    GuardBody<impl Body<Data = Bytes, Error = Infallible> + Unpin + use<>>,
) {
    let (sender, receiver) = unbounded_channel();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let inner = service_fn(async |_: Request<()>| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Ok::<_, Infallible>(Response::new(stream(receiver)))
    });
    let layer = guard(store).with_ended_bodies();
    let answer = ask(&layer, inner, Some(session)).await;
    assert_eq!(answer.status(), 200);
    (sender, answer.into_body())
}

async fn next<B: Body<Data = Bytes, Error = Infallible> + Unpin>(body: &mut B) -> Option<Bytes> {
    let frame = in_time(body.frame()).await?;
    Some(frame.unwrap().into_data().unwrap())
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_the_customers_other_stream_does_not() {
    // BCL-141
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    login(&*store, "s2", "B").await;
    let (one, mut first) = open(&store, "s1").await;
    let (two, mut second) = open(&store, "s2").await;
    one.send("a").unwrap();
    assert_eq!(next(&mut first).await.unwrap(), "a");

    let waiting = tokio::spawn(async move { (next(&mut first).await, first) });
    tokio::task::yield_now().await;
    logout(&*store, "A").await;
    let (end, first) = waiting.await.unwrap();
    assert!(end.is_none());
    assert!(first.is_end_stream());
    assert_eq!(first.size_hint().exact(), Some(0));
    // What produced it is gone.
    assert!(one.is_closed());

    two.send("b").unwrap();
    assert_eq!(next(&mut second).await.unwrap(), "b");
    drop(two);
    assert!(next(&mut second).await.is_none());
}

#[tokio::test]
async fn a_stream_that_always_has_something_to_send_ends_too() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let (sender, mut body) = open(&store, "s1").await;
    for _ in 0..3 {
        sender.send("x").unwrap();
    }
    assert!(next(&mut body).await.is_some());
    logout(&*store, "A").await;
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_a_local_logout_too() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let (_sender, mut body) = open(&store, "s1").await;
    assert!(store.unregister(&id("s1")).await.unwrap());
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_stream_follows_its_session_to_a_new_id() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let (sender, mut body) = open(&store, "s1").await;
    let rebound = store.rebind(&id("s1"), &id("s2")).await.unwrap();
    assert_eq!(rebound, Rebinding::Rebound);
    sender.send("x").unwrap();
    assert!(next(&mut body).await.is_some());
    logout(&*store, "A").await;
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_stream_of_the_very_response_that_rotates_the_id_belongs_to_the_new_id() {
    for mood in [Mood::AtOnce, Mood::Waits] {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let (sender, receiver) = unbounded_channel();
        let receiver = std::sync::Mutex::new(Some(receiver));
        let inner = service_fn(async |_: Request<()>| {
            let rebound = store.rebind(&id("s1"), &id("s2")).await.unwrap();
            assert_eq!(rebound, Rebinding::Rebound);
            let mut response = Response::new(stream(receiver.lock().unwrap().take().unwrap()));
            let cookie = "id=s2".parse().unwrap();
            response.headers_mut().insert("set-cookie", cookie);
            Ok::<_, Infallible>(response)
        });
        let layer = guard(&store).with_ended_bodies();
        let mut body = ask(&layer, inner, Some("s1")).await.into_body();
        sender.send("x").unwrap();
        assert!(next(&mut body).await.is_some());
        logout(&*store, "A").await;
        assert!(next(&mut body).await.is_none());
    }
}

#[tokio::test]
async fn a_body_of_known_length_is_not_cut_and_keeps_its_length() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("all of it")))
    });
    let layer = guard(&store).with_ended_bodies();
    let body = ask(&layer, inner, Some("s1")).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(9));
    logout(&*store, "A").await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "all of it");
}

#[tokio::test]
async fn bodies_are_left_alone_unless_asked_for() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let (sender, receiver) = unbounded_channel();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let inner = service_fn(async |_: Request<()>| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Ok::<_, Infallible>(Response::new(stream(receiver)))
    });
    let mut body = ask(&guard(&store), inner, Some("s1")).await.into_body();
    logout(&*store, "A").await;
    sender.send("x").unwrap();
    assert_eq!(next(&mut body).await.unwrap(), "x");
}
