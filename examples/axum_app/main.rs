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

use args::Args;
use shared::brand::Brand;
use shared::shutdown::Shutdown;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::logging::init("info");
    let args = Args::from_command_line("axum_app", "127.0.0.1:3000");
    let listener = TcpListener::bind(&args.listen).await?;
    let address = listener.local_addr()?;
    let settings = args.into_settings(
        address,
        Brand::new("axum app", "A relying party on axum", 200),
    );
    let shutdown = Shutdown::on_signal();
    let service = app::service(settings, shutdown.clone())?;
    println!("listening on http://{address}");
    app::serve(listener, service, shutdown).await?;
    Ok(())
}
