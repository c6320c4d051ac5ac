//! What an operator sees: Prometheus figures, logs with spans, and a health page.
//!
//! ```sh
//! cargo run --example observability --features metrics
//! cargo run --example observability --features metrics -- --serve   # stays up
//! ```
//!
//! A provider sends good, bad, repeated and unmatched Logout Tokens; then the figures are read at `/metrics` as Prometheus
//! would. `dashboard.json` (Grafana) and `alerts.yml` (Prometheus) in this folder are made of the same figures.

use std::error::Error;
use std::future::IntoFuture;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{SessionCookie, SessionGuardLayer};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::metrics;
use tower_backchannel_logout::provider::{Client, Provider, Providers};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{ClientRegistration, FakeProvider};
use tracing_subscriber::EnvFilter;

#[path = "../loopback/mod.rs"]
#[expect(dead_code, reason = "shared with the other examples")]
mod loopback;
mod story;

const CLIENT: &str = ClientRegistration::DEFAULT_ID;

#[derive(Clone)]
struct App {
    prometheus: PrometheusHandle,
    providers: Providers,
    store: MemoryStore,
}

/// What Prometheus scrapes. What is a state and not an event is sampled now.
async fn figures(State(app): State<App>) -> String {
    metrics::record_keys(&app.providers);
    metrics::record_store(&app.store.stats());
    app.prometheus.run_upkeep();
    app.prometheus.render()
}

/// How the keys of each provider are doing. Without keys no logout can be verified: not a reason to restart, but to look.
async fn health(State(app): State<App>) -> Json<serde_json::Value> {
    let providers = app.providers.health().into_iter().map(|(issuer, keys)| {
        (
            issuer.as_str().to_owned(),
            serde_json::json!({ "usable": keys.usable, "keys": keys.to_string() }),
        )
    });
    Json(serde_json::Value::Object(providers.collect()))
}

fn router(app: App, logout: Logout<MemoryStore>) -> Result<Router, Box<dyn Error>> {
    let guard = SessionGuardLayer::new(app.store.clone(), SessionCookie::parse("session")?);
    Ok(Router::new()
        .route("/account", get(async || "your orders\n"))
        .layer(guard)
        .route_service("/backchannel-logout", LogoutService::new(logout))
        // On a real host these belong on a port of their own, or behind the operator's login.
        .route("/metrics", get(figures))
        .route("/health", get(health))
        .with_state(app))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // One line for each logout: its span, with `iss`, `outcome`, `reason` and `sessions`, and what happened within.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();

    // A token is acted on within seconds; buckets beyond that show what was parked.
    let seconds = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
    let milliseconds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0];
    let effect = Matcher::Full("backchannel_logout_effect_seconds".to_owned());
    let duration = Matcher::Full("backchannel_logout_request_duration_seconds".to_owned());
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(effect, &seconds)?
        .set_buckets_for_metric(duration, &milliseconds)?
        .install_recorder()?;
    metrics::describe();

    let op = FakeProvider::start().await;
    let client = Client::builder(CLIENT).build()?;
    let provider = Provider::builder(op.issuer()).with_client(client).build()?;
    let providers = Providers::from(provider);
    let store = MemoryStore::new();
    let logout = Logout::builder(store.clone(), providers.clone()).build();
    let app = App {
        prometheus,
        providers,
        store: store.clone(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, router(app, logout)?).into_future();
    let server = tokio::spawn(server);

    story::play(&op, &store, address).await?;
    let page = async |path: &str| {
        let answer = loopback::ask(address, "GET", path, "", String::new()).await;
        let body = answer.map_err(|error| error.to_string())?.into_body();
        let bytes = body.collect().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8_lossy(&bytes.to_bytes()).into_owned())
    };
    let text = page("/metrics").await?;
    println!(
        "\n--- /metrics\n{text}\n--- /health\n{}\n",
        page("/health").await?
    );
    story::check(&text, op.issuer())?;
    println!("every figure is as it should be");
    if std::env::args().any(|argument| argument == "--serve") {
        println!("listening on http://{address}: /metrics, /health; Ctrl-C ends it");
        server.await??;
    }
    Ok(())
}
