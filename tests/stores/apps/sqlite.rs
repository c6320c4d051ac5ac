//! Processes over one file.

use http::StatusCode;
use tower_backchannel_logout::store::SqliteStore;

use super::app::App;
use super::{TwoProcesses, kill};
use crate::services::Folder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_one_process_ends_the_session_and_its_stream_in_the_other() {
    let folder = Folder::new("apps");
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    TwoProcesses::end_twice(&["hyper_app"], &store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_logouts_outlive_the_process() {
    let folder = Folder::new("apps");
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let apps = TwoProcesses::start("hyper_app", &store).await;
    let (ended, lives) = (apps.sign_in().await, apps.sign_in().await);
    apps.op.end_session(&ended.sid).await;
    // Again on the same port: the cookies are for that.
    let address = apps.here.url.trim_start_matches("http://").to_owned();
    assert_eq!(apps.here.terminate().await, Some(0));
    let options = ["--store", &store, "--listen", &address];
    let again = App::start_with("hyper_app", apps.op.issuer(), &options).await;
    assert_eq!(again.me(&lives.browser).await, StatusCode::OK);
    assert_eq!(again.me(&ended.browser).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_logout_that_was_answered_is_lost_when_the_application_is_killed() {
    let folder = Folder::new("apps");
    let file = folder.path().join("sessions.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let name = format!("sqlite:{}", file.display());
    kill::no_answered_logout_is_lost("hyper_app", &name, &store).await;
}
