//! Logs to stderr; stdout is for people and programs that start the example.

use tracing_subscriber::EnvFilter;

/// Logs what `RUST_LOG` says; `quiet` by default.
pub(crate) fn init(quiet: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
