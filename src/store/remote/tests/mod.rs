//! The in-process half over an engine of plain maps: the public suite, two nodes over one store, and everything that breaks between.

mod shelf;

use std::sync::Arc;

use super::{Remote, RemoteOptions};
use crate::clock::Clock;
use crate::session::marks::MarkPolicy;
use crate::testing::suite;
use shelf::{Shelf, ShelfEngine};

type Node = Remote<ShelfEngine>;

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
    let engine = ShelfEngine {
        shelf: Arc::clone(shelf),
        policy: MarkPolicy::default(),
    };
    Remote::new(engine, options).unwrap()
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
