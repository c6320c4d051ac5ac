//! Who gets in.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};
use tower_backchannel_logout::guard::{
    LiveSession, Presented, Rejection, RequestHead, SessionGuardLayer,
};
use tower_backchannel_logout::session::{DynSessionRegistry, SessionRegistry};
use tower_backchannel_logout::store::MemoryStore;
use tower_layer::Layer;
use tower_service::Service;

use super::rig::*;

const MOODS: [Mood; 2] = [Mood::AtOnce, Mood::Waits];

/// A handler that counts its calls and says which session it saw.
#[derive(Default)]
struct Handler {
    calls: Arc<AtomicUsize>,
    ready: bool,
}

impl Clone for Handler {
    /// A clone has not been polled ready, whatever the original was.
    fn clone(&self) -> Self {
        Self {
            calls: Arc::clone(&self.calls),
            ready: false,
        }
    }
}

impl Handler {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Service<Request<()>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        self.calls.fetch_add(1, Ordering::SeqCst);
        let live = request.extensions().get::<LiveSession>();
        let mut response = ok();
        if let Some(id) = live.and_then(LiveSession::id) {
            response
                .headers_mut()
                .insert("saw", id.as_str().parse().unwrap());
        }
        std::future::ready(Ok(response))
    }
}

#[tokio::test]
async fn a_request_without_a_session_passes_and_costs_no_question() {
    for mood in MOODS {
        let store = Moody::new(mood);
        let handler = Handler::default();
        let answer = ask(&guard(&store), handler.clone(), None).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("saw"));
        assert_eq!((handler.calls(), store.asked()), (1, 0));
    }
}

#[tokio::test]
async fn a_live_session_reaches_the_handler_with_its_handle() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let answer = ask(&guard(&store), Handler::default(), Some("s1")).await;
        assert_eq!(answer.headers()["saw"], "s1");
        assert_eq!(store.asked(), 1);
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_and_the_other_session_of_the_customer_is_not() {
    // BCL-141
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        login(&*store, "s2", "B").await;
        logout(&*store, "A").await;
        let handler = Handler::default();
        let answer = ask(&guard(&store), handler.clone(), Some("s1")).await;
        assert_eq!(refused(answer).await, 401);
        assert_eq!(handler.calls(), 0);
        let answer = ask(&guard(&store), handler.clone(), Some("s2")).await;
        assert_eq!(answer.headers()["saw"], "s2");
    }
}

#[tokio::test]
async fn an_unknown_session_is_refused_unless_that_is_allowed() {
    for mood in MOODS {
        let store = Moody::new(mood);
        let answer = ask(&guard(&store), Handler::default(), Some("never")).await;
        assert_eq!(refused(answer).await, 401);
        let lax = guard(&store).dangerous_allow_unknown_sessions();
        let answer = ask(&lax, Handler::default(), Some("never")).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("saw"));
    }
}

#[tokio::test]
async fn allowing_unknown_sessions_lets_no_ended_and_no_ambiguous_one_in() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        login(&*store, "s2", "B").await;
        logout(&*store, "A").await;
        let lax = guard(&store).dangerous_allow_unknown_sessions();
        for session in ["s1", "s2; id=s1", "s2; i%64=s1"] {
            let handler = Handler::default();
            let answer = ask(&lax, handler.clone(), Some(session)).await;
            assert_eq!(refused(answer).await, 401);
            assert_eq!(handler.calls(), 0);
        }
    }
}

#[tokio::test]
async fn the_application_can_answer_refusals_itself() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        logout(&*store, "A").await;
        let own = guard(&store).with_response(|rejection, head: &RequestHead<'_>| {
            let mut answer = rejection.response();
            assert!(matches!(
                rejection,
                Rejection::SessionEnded | Rejection::SessionUnknown
            ));
            *answer.status_mut() = http::StatusCode::SEE_OTHER;
            let place = format!("/login?from={}", head.uri().path());
            answer
                .headers_mut()
                .insert("location", place.parse().unwrap());
            answer
        });
        let answer = ask(&own, Handler::default(), Some("s1")).await;
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["location"], "/login?from=/account");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_a_store_that_failed_after_one_second() {
    let store = Moody::new(Mood::Takes(Duration::from_millis(999)));
    login(&*store, "s1", "A").await;
    let answer = ask(&guard(&store), Handler::default(), Some("s1")).await;
    assert_eq!(answer.headers()["saw"], "s1");

    store.feel(Mood::Takes(Duration::from_secs(3600)));
    let begin = tokio::time::Instant::now();
    let handler = Handler::default();
    let answer = ask(&guard(&store), handler.clone(), Some("s1")).await;
    assert_eq!(refused(answer).await, 503);
    let took = begin.elapsed().as_millis();
    assert!((1000..1010).contains(&took), "{took} ms");
    assert_eq!(handler.calls(), 0);

    let hasty = guard(&store).with_time_limit(Duration::from_millis(20));
    let begin = tokio::time::Instant::now();
    assert_eq!(refused(ask(&hasty, handler, Some("s1")).await).await, 503);
    assert!(begin.elapsed() < Duration::from_millis(30));
}

#[tokio::test]
async fn a_store_that_fails_lets_nobody_in_unless_that_is_allowed() {
    let store = Moody::new(Mood::Fails);
    login(&*store, "s1", "A").await;
    let handler = Handler::default();
    let answer = ask(&guard(&store), handler.clone(), Some("s1")).await;
    assert_eq!(refused(answer).await, 503);
    assert_eq!(handler.calls(), 0);
    // It does not matter to those who present no session.
    let answer = ask(&guard(&store), handler.clone(), None).await;
    assert_eq!(answer.status(), 200);

    let lax = guard(&store).dangerous_allow_on_store_failure();
    let answer = ask(&lax, handler, Some("s1")).await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("saw"));
}

#[tokio::test]
async fn a_stateless_session_is_compared_with_the_marks_of_logouts() {
    // BCL-153
    for mood in MOODS {
        let store = Moody::new(mood);
        let layer = SessionGuardLayer::new(Arc::clone(&store), |head: &RequestHead<'_>| {
            let sid = head.headers().get("x-verified-sid");
            sid.map_or(Presented::Nothing, |sid| {
                Presented::Identity(identity(sid.to_str().unwrap()))
            })
        });
        let status = async |sid: &str| {
            let request = Request::get("/").header("x-verified-sid", sid);
            let service = layer.layer(service_fn(async |request: Request<()>| {
                let live = request.extensions().get::<LiveSession>().unwrap();
                assert!(live.id().is_none());
                Ok::<_, Infallible>(ok())
            }));
            let answer = service.oneshot(request.body(()).unwrap()).await;
            answer.unwrap().status().as_u16()
        };
        assert_eq!(status("A").await, 200);
        logout(&*store, "A").await;
        assert_eq!(status("A").await, 401);
        assert_eq!(status("B").await, 200);
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let mut service = guard(&store).layer(Handler::default());
        for _ in 0..3 {
            let request = Request::get("/").header("cookie", "id=s1");
            let request = request.body(()).unwrap();
            let answer = service.ready().await.unwrap().call(request).await;
            assert_eq!(answer.unwrap().headers()["saw"], "s1");
        }
    }
}

#[tokio::test]
async fn a_panic_of_the_handler_leaves_the_guard_usable() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let mut service = guard(&store).layer(service_fn(async |request: Request<()>| {
            assert!(request.uri().path() != "/panic", "wanted");
            Ok::<_, Infallible>(ok())
        }));
        let mut call = async |path: &str| {
            let request = Request::get(path).header("cookie", "id=s1");
            service.call(request.body(()).unwrap()).await.unwrap();
        };
        let panicked = {
            use futures_catch::catch;
            catch(AssertUnwindSafe(call("/panic"))).await
        };
        assert!(panicked.is_err());
        call("/").await;
    }
}

/// `catch_unwind` for a future.
mod futures_catch {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::Poll;

    pub(super) async fn catch<F: Future>(
        future: AssertUnwindSafe<F>,
    ) -> std::thread::Result<F::Output> {
        let mut future = pin!(future.0);
        std::future::poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        })
        .await
    }
}

#[tokio::test]
async fn a_logout_that_is_done_before_the_store_answers_keeps_the_request_out() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = Moody::new(Mood::Gate(Arc::clone(&asked), Arc::clone(&answer)));
    login(&*store, "s1", "A").await;
    let handler = Handler::default();
    let request = tokio::spawn({
        let (store, handler) = (Arc::clone(&store), handler.clone());
        async move { refused(ask(&guard(&store), handler, Some("s1")).await).await }
    });
    asked.notified().await;
    logout(&*store, "A").await;
    answer.notify_one();
    assert_eq!(request.await.unwrap(), 401);
    assert_eq!(handler.calls(), 0);
}

#[tokio::test]
async fn a_logout_after_the_store_has_answered_is_seen_by_the_handler_at_once() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let inner = service_fn(async |request: Request<()>| {
            let live = request.extensions().get::<LiveSession>().unwrap();
            let (early, mut polled) = (live.ended(), live.ended());
            tokio::select! {
                biased;
                () = &mut polled => panic!("it is live"),
                () = tokio::task::yield_now() => {}
            }
            logout(&*store, "A").await;
            early.await;
            (&mut polled).await;
            polled.await; // Polled again after it resolved.
            live.ended().await;
            Ok::<_, Infallible>(ok())
        });
        assert_eq!(ask(&guard(&store), inner, Some("s1")).await.status(), 200);
    }
}

#[tokio::test]
async fn a_dropped_request_never_reaches_the_handler() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = Moody::new(Mood::Gate(Arc::clone(&asked), Arc::clone(&answer)));
    login(&*store, "s1", "A").await;
    let handler = Handler::default();
    let layer = guard(&store);
    tokio::select! {
        _ = ask(&layer, handler.clone(), Some("s1")) => panic!("it waits"),
        () = asked.notified() => {}
    }
    answer.notify_one();
    assert_eq!(handler.calls(), 0);
    assert!(store.status(&id("s1")).await.unwrap().is_live());
}

#[tokio::test]
async fn a_store_behind_a_trait_object_or_an_arc_still_answers_at_once() {
    let store = MemoryStore::new();
    login(&store, "s1", "A").await;
    let shared = Arc::new(store.clone());
    let object: Arc<dyn DynSessionRegistry> = Arc::new(store);
    let stateless = identity("B");
    assert!(shared.status_now(&id("s1")).unwrap().is_live());
    assert!(object.status_now(&id("s1")).unwrap().is_live());
    assert_eq!(shared.is_logged_out_now(&stateless), Some(false));
    assert_eq!(object.is_logged_out_now(&stateless), Some(false));
    let layer = SessionGuardLayer::new(object, cookie());
    let answer = ask(&layer, Handler::default(), Some("s1")).await;
    assert_eq!(answer.headers()["saw"], "s1");
}
