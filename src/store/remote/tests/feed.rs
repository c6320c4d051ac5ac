//! The tasks behind the connections: when they run, what they cost, how they end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use super::{POLL, Shelf, begin, end, id, is_over, node, node_with, settle, two_nodes};
use crate::session::SessionRegistry;
use crate::testing::suite::SuiteClock;

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn no_task_runs_before_it_is_needed_and_none_after_the_last_handle() {
    let (_shelf, here, _there, _clock) = two_nodes();
    begin(&here, "a").await;
    assert!(super::is_live(&here, "a").await);
    assert_eq!(tasks(), 0);
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    assert_eq!(tasks(), 2);
    // A connection keeps what it needs.
    drop(here);
    settle().await;
    assert_eq!(tasks(), 2);
    drop(watch);
    settle().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_with_a_local_copy_leaves_no_task_behind_either() {
    let shelf = Shelf::new();
    let node = node_with(&shelf, SuiteClock::new(), |options| {
        options.local_copy = Some(100);
    });
    assert_eq!(tasks(), 0);
    begin(&node, "a").await;
    assert_eq!(tasks(), 2);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(tasks(), 2);
    drop(node);
    settle().await;
    assert_eq!(tasks(), 0);
    assert_eq!(Arc::strong_count(&shelf), 1);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_rest_when_nobody_waits_for_a_minute_and_come_back() {
    let (_shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(tasks(), 2);
    drop(watch);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(tasks(), 2);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tasks(), 0);
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    assert_eq!(tasks(), 2);
    end(&there, "a").await;
    assert!(is_over(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn a_node_reads_the_log_once_an_interval_however_many_connections_it_has() {
    let (shelf, here, _there, _clock) = two_nodes();
    begin(&here, "a").await;
    let a = id("a");
    let mut watches: Vec<_> = (0..500).map(|_| Box::pin(here.ended(&a))).collect();
    for watch in &mut watches {
        assert!(!is_over(watch).await);
    }
    let before = shelf.counts.news.load(Ordering::SeqCst);
    tokio::time::sleep(POLL * 100).await;
    let polls = shelf.counts.news.load(Ordering::SeqCst) - before;
    assert!((99..=101).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_always_breaks_is_not_opened_without_pause() {
    let (shelf, here, there, _clock) = two_nodes();
    begin(&here, "a").await;
    let mut watch = Box::pin(here.ended(&id("a")));
    assert!(!is_over(&mut watch).await);
    let before = shelf.counts.listens.load(Ordering::SeqCst);
    for _ in 0..6000 {
        shelf.cut_channel();
        shelf.mend_channel();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let listens = shelf.counts.listens.load(Ordering::SeqCst) - before;
    assert!((10..=40).contains(&listens), "{listens} in a minute");
    assert!(!is_over(&mut watch).await);
    end(&there, "a").await;
    assert!(super::time_until_over(watch).await <= POLL);
}

#[test]
fn a_store_that_outlives_its_runtime_is_fed_in_the_next_one() {
    let (_shelf, here, there, _clock) = two_nodes();
    for name in ["a", "b"] {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        runtime.unwrap().block_on(async {
            begin(&here, name).await;
            let mut watch = Box::pin(here.ended(&id(name)));
            assert!(!is_over(&mut watch).await);
            end(&there, name).await;
            assert!(is_over(&mut watch).await);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_store_is_given_up_and_asked_again() {
    let shelf = Shelf::new();
    let (here, there) = (
        node(&shelf, SuiteClock::new()),
        node(&shelf, SuiteClock::new()),
    );
    begin(&here, "a").await;
    // The first look never comes back.
    let _gate = shelf.gate();
    let watch = Box::pin(here.ended(&id("a")));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        end(&there, "a").await;
    });
    assert!(super::time_until_over(watch).await <= Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_said_once_and_so_is_its_end() {
    let said = Said::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(said.clone())
        .with_max_level(tracing::Level::TRACE)
        .finish();
    let _said = tracing::subscriber::set_default(subscriber);
    let (_shelf, here, _there, _clock) = two_nodes();
    begin(&here, "a-secret-id").await;
    let mut watch = Box::pin(here.ended(&id("a-secret-id")));
    assert!(!is_over(&mut watch).await);
    for _ in 0..2 {
        here.engine().go_away(true);
        tokio::time::sleep(Duration::from_secs(600)).await;
        here.engine().go_away(false);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let text = said.text();
    let count = |line| text.matches(line).count();
    assert_eq!(count("WARN"), 2, "{text}");
    assert_eq!(count("the session store does not answer"), 2);
    assert_eq!(count("the session store answers again"), 2);
    assert!(
        !text.contains("secret") && !text.contains("customer"),
        "{text}"
    );
}

/// What was logged.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Said {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
