//! Two processes over one PostgreSQL.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use tower_backchannel_logout::store::PostgresStore;

use super::{TwoProcesses, kill};
use crate::services::postgres::{Disk, Server};

/// The connections that listen.
const LISTENERS: &str =
    "FROM pg_stat_activity WHERE query ILIKE 'LISTEN %' AND pid <> pg_backend_pid()";

async fn listeners(pool: &PgPool) -> i64 {
    let count = format!("SELECT count(*) {LISTENERS}");
    sqlx::query_scalar(&count).fetch_one(pool).await.unwrap()
}

async fn cut(pool: &PgPool) {
    let cut = format!("SELECT pg_terminate_backend(pid) {LISTENERS}");
    sqlx::query(&cut).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_one_process_ends_the_session_and_its_stream_in_the_other() {
    let Some(server) = Server::shared() else {
        return;
    };
    TwoProcesses::end_twice(&["axum_app", "hyper_app"], &server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn also_while_the_notifications_are_cut_and_once_they_are_back() {
    let Some(server) = Server::shared() else {
        return;
    };
    let pool = PgPoolOptions::new().connect(&server.url()).await.unwrap();
    let apps = TwoProcesses::start("axum_app", &server.url()).await;
    apps.end_everywhere().await;
    assert!(listeners(&pool).await > 0);
    for _ in 0..5 {
        cut(&pool).await;
        apps.end_everywhere().await;
    }
    let begun = Instant::now();
    while listeners(&pool).await == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "nobody listens again"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    apps.end_everywhere().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_logout_that_was_answered_is_lost_when_the_application_is_killed() {
    let Some(server) = Server::start(Disk::Synced, &[]) else {
        return;
    };
    let pool = PgPoolOptions::new().connect(&server.url()).await.unwrap();
    let builder = PostgresStore::builder(pool).with_timeout(Duration::from_secs(60));
    let store = builder.build().unwrap();
    store.migrate().await.unwrap();
    kill::no_answered_logout_is_lost("axum_app", &server.url(), &store).await;
}
