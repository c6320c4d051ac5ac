//! What the guard says about its refusals, and what it never says.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower::service_fn;
use tracing_subscriber::fmt::MakeWriter;

use super::rig::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn each_refusal_is_logged_by_its_code_and_never_by_its_session() {
    // BCL-170, BCL-171
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let store = Moody::new(Mood::Waits);
    login(&*store, "marker-1", "marker-A").await;
    logout(&*store, "marker-A").await;
    let layer = guard(&store);
    let handler = service_fn(async |_| Ok(ok()));
    for (session, mood) in [
        ("marker-1", Mood::Waits),
        ("marker-2", Mood::Waits),
        ("marker-1; id=marker-2", Mood::Waits),
        ("marker-1", Mood::Fails),
        ("marker-1", Mood::Takes(Duration::from_secs(60))),
    ] {
        store.feel(mood);
        refused(ask(&layer, handler, Some(session)).await).await;
    }

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for code in [
        "session_ended",
        "session_unknown",
        "session_unusable",
        "store_failure",
        "store_timeout",
    ] {
        assert!(log.contains(&format!("reason=\"{code}\"")), "{code}: {log}");
    }
    let guard_lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("::guard"))
        .collect();
    assert!(guard_lines.len() >= 5, "{log}");
    for line in guard_lines {
        assert!(!line.contains("marker"), "{line}");
    }
}
