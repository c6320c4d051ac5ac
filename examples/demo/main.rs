//! The whole story on one machine: a provider with an admin console, and two applications, one on axum and one on hyper.
//!
//! ```text
//! cargo run --example demo             # in the browser
//! cargo run --example demo -- --tour   # the same story in the terminal; exits 0 if it came true
//! ```

#[path = "../axum_app/app.rs"]
mod axum_app;
#[path = "../hyper_app/app.rs"]
mod hyper_app;
mod op;
#[path = "../hyper_app/serve.rs"]
mod serve;
#[path = "../shared/mod.rs"]
mod shared;
mod stage;
mod tour;

use std::process::ExitCode;

use shared::shutdown::Shutdown;
use stage::Stage;

const USAGE: &str = "usage: demo [--tour]

  (nothing)         starts a provider with its admin console and two applications, for a browser
  --tour            plays the story here, prints each step, and exits 0 only if it came true
  --break-endpoint  tells the provider a wrong address for its Logout Tokens: the tour must notice";

const PORTS: [u16; 3] = [8400, 8401, 8402];

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--help") || has("-h") {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    let known = ["--tour", "--break-endpoint"];
    if let Some(unknown) = arguments.iter().find(|a| !known.contains(&a.as_str())) {
        eprintln!("demo: unknown argument {unknown}\n\n{USAGE}");
        return Ok(ExitCode::from(2));
    }
    let shutdown = Shutdown::on_signal();
    // For the tests of the tour: the provider is told a wrong address for its Logout Tokens.
    let logout_path = match has("--break-endpoint") {
        true => "/nobody-listens-here",
        false => "/backchannel-logout",
    };
    if has("--tour") {
        shared::logging::init("error");
        let stage = Stage::set([0; 3], logout_path, &shutdown).await?;
        return Ok(match tour::play(&stage).await {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        });
    }
    shared::logging::init("warn");
    let stage = Stage::set(PORTS, logout_path, &shutdown).await?;
    print!("{}", stage.programme());
    stage.run().await;
    Ok(ExitCode::SUCCESS)
}
