//! The in-process half over an engine of plain maps: the public suite, two nodes over one store, and everything that breaks between.

mod copy;
mod feed;
mod shelf;
mod watch;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::{Remote, RemoteOptions};
use crate::clock::{Clock, UnixTime};
use crate::session::{
    LogoutRequest, NewSession, Rebinding, Registration, SessionIdentity, SessionRegistry,
    SessionStatus, SessionStore, Terminated,
};
use crate::testing::suite::{self, SuiteClock};
use crate::types::SessionId;
use shelf::{Away, Shelf, ShelfEngine};

type Node = Remote<ShelfEngine>;

const POLL: Duration = Duration::from_millis(500);

fn node(shelf: &Arc<Shelf>, clock: impl Clock) -> Node {
    node_with(shelf, clock, |_| {})
}

fn node_with(
    shelf: &Arc<Shelf>,
    clock: impl Clock,
    configure: impl FnOnce(&mut RemoteOptions),
) -> Node {
    let mut options = RemoteOptions {
        clock: Arc::new(clock),
        ..RemoteOptions::default()
    };
    configure(&mut options);
    Remote::new(ShelfEngine::new(shelf), options).unwrap()
}

/// Two nodes over one store, with the time they share.
fn two_nodes() -> (Arc<Shelf>, Node, Node, SuiteClock) {
    let (shelf, clock) = (Shelf::new(), SuiteClock::new());
    let nodes = [(); 2].map(|()| node(&shelf, clock.clone()));
    let [one, other] = nodes;
    (shelf, one, other, clock)
}

fn id(name: &str) -> SessionId {
    suite::id(name).unwrap()
}

/// A session of the customer `customer`, with a `sid` of the same name as its id.
async fn begin(node: &Node, name: &str) {
    let session = suite::session(name, "customer", Some(name), 0).unwrap();
    assert_eq!(node.register(session).await, Ok(Registration::Registered));
}

async fn end(node: &Node, name: &str) {
    let request = suite::by_sid(name, None, 0).unwrap();
    assert_eq!(node.terminate(&request).await.unwrap().newly_ended, 1);
}

async fn rotate(node: &Node, old: &str, new: &str) {
    let moved = node.rebind(&id(old), &id(new)).await;
    assert_eq!(moved, Ok(Rebinding::Rebound));
}

async fn is_live(node: &Node, name: &str) -> bool {
    node.status(&id(name)).await.unwrap().is_live()
}

/// Lets every task do what it can do now. The paused clock stands still.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Whether it is over, once everything that can happen now has happened.
async fn is_over(future: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
    for _ in 0..8 {
        let over = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready()));
        if over.await {
            return true;
        }
        settle().await;
    }
    false
}

/// How long it takes until it is over, by the paused clock.
async fn time_until_over(future: Pin<Box<impl Future<Output = ()>>>) -> Duration {
    let began = Instant::now();
    let over = tokio::time::timeout(Duration::from_secs(3600), future).await;
    assert!(over.is_ok(), "it is not over after an hour");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn it_keeps_every_promise_of_the_suite() {
    let report = suite::run_all(async |clock| node(&Shelf::new(), clock)).await;
    report.assert_holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_every_promise_on_two_threads() {
    let report = suite::run_all(async |clock| node(&Shelf::new(), clock)).await;
    report.assert_holds();
}

#[tokio::test(start_paused = true)]
async fn every_promise_holds_when_each_call_goes_to_the_other_node() {
    let report = suite::run_all(async |clock| InTurn::new(clock)).await;
    // A rotation on another node is followed by connections that have looked; the suite asks it of one that may not have.
    let broken: Vec<_> = report.broken().map(|(name, _)| name).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn every_promise_holds_when_the_local_copy_answers_first() {
    let report = suite::run_all(async |clock| {
        let node = node_with(&Shelf::new(), clock, |options| {
            options.local_copy = Some(1000)
        });
        // In sync from the start, so that the copy does answer.
        drop(node.status(&id("nobody")).await);
        settle().await;
        CopyFirst(node)
    })
    .await;
    report.assert_holds();
}

/// Two nodes that take turns.
struct InTurn([Node; 2], AtomicUsize);

impl InTurn {
    fn new(clock: SuiteClock) -> Self {
        let shelf = Shelf::new();
        Self(
            [(); 2].map(|()| node(&shelf, clock.clone())),
            AtomicUsize::new(0),
        )
    }

    fn next(&self) -> &Node {
        &self.0[self.1.fetch_add(1, Ordering::SeqCst) % 2]
    }
}

/// Asks as the guard does: first what is at hand.
struct CopyFirst(Node);

macro_rules! forward {
    ($store:ident, $node:ident => $to:expr) => {
        impl SessionStore for $store {
            type Error = Away;

            async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Away> {
                let $node = self;
                $to.terminate(request).await
            }

            async fn forget(
                &self,
                request: &LogoutRequest,
                terminated: &Terminated,
            ) -> Result<(), Away> {
                let $node = self;
                $to.forget(request, terminated).await
            }
        }

        impl SessionRegistry for $store {
            async fn register(&self, session: NewSession) -> Result<Registration, Away> {
                let $node = self;
                $to.register(session).await
            }

            async fn status(&self, id: &SessionId) -> Result<SessionStatus, Away> {
                let $node = self;
                let node = &$to;
                match node.status_now(id) {
                    Some(status) => Ok(status),
                    None => node.status(id).await,
                }
            }

            async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, Away> {
                let $node = self;
                $to.extend(id, expires_at).await
            }

            async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, Away> {
                let $node = self;
                $to.rebind(old, new).await
            }

            async fn unregister(&self, id: &SessionId) -> Result<bool, Away> {
                let $node = self;
                $to.unregister(id).await
            }

            async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, Away> {
                let $node = self;
                let node = &$to;
                match node.is_logged_out_now(identity) {
                    Some(answer) => Ok(answer),
                    None => node.is_logged_out(identity).await,
                }
            }

            fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
                let $node = self;
                $to.ended(id)
            }

            fn identity_ended(
                &self,
                identity: &SessionIdentity,
            ) -> impl Future<Output = ()> + Send + 'static {
                let $node = self;
                $to.identity_ended(identity)
            }
        }
    };
}

forward!(InTurn, turns => turns.next());
forward!(CopyFirst, first => first.0);
