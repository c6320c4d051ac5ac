//! A small relying party on axum: people sign in at any OpenID provider, and are signed out when it says so.
//!
//! ```text
//! cargo run --example axum_app -- --issuer https://op.example --client-id orders-web --client-secret …
//! ```
//!
//! Register `http://127.0.0.1:3000/callback` as the redirect URI and `http://127.0.0.1:3000/backchannel-logout` as the
//! back-channel logout URI. The part about this crate is in `app.rs`.

mod app;
#[path = "../shared/args.rs"]
mod args;
#[path = "../shared/mod.rs"]
mod shared;
#[path = "../shared/store.rs"]
mod store;

use std::process::ExitCode;

use args::Args;
use shared::brand::Brand;
use shared::shutdown::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    shared::logging::init("info");
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("axum_app: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let args = Args::from_command_line("axum_app", "127.0.0.1:3000");
    let listener = match TcpListener::bind(&args.listen).await {
        Ok(listener) => listener,
        Err(error) => return Err(format!("--listen {}: {error}", args.listen).into()),
    };
    let address = listener.local_addr()?;
    let store = args.store.open().await?;
    let settings = args.into_settings(
        address,
        Brand::new("axum app", "A relying party on axum", 200),
    );
    let shutdown = Shutdown::on_signal();
    let service = app::service(settings, store, shutdown.clone())?;
    println!("listening on http://{address}");
    app::serve(listener, service, shutdown).await?;
    Ok(())
}
