//! What the store answers when its file does not.

use super::*;

#[tokio::test]
async fn nothing_is_acknowledged_before_the_tables_are_there() {
    // BCL-147
    let folder = Folder::new("sqlite-tables");
    let store = SqliteStore::builder(pool(&folder, "sessions.db"));
    let store = store.build().unwrap();
    let error = store.terminate(&logout("customer")).await.unwrap_err();
    assert_eq!(error.kind(), SqliteStoreErrorKind::NotMigrated);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.terminate(&logout("customer")).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_and_no_wait_for_ever() {
    let folder = Folder::new("sqlite-folder");
    let store = SqliteStore::over(folder.path().join("missing").join("sessions.db"));
    let error = store.terminate(&logout("customer")).await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            SqliteStoreErrorKind::Unusable | SqliteStoreErrorKind::Busy
        ),
        "{error:?}"
    );
    std::fs::create_dir(folder.path().join("missing")).unwrap();
    store.terminate(&logout("customer")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_somebody_else_holds_is_busy_and_the_store_recovers() {
    // BCL-147
    let folder = Folder::new("sqlite-busy");
    let file = folder.path().join("sessions.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let registered = store.register(login("a", "customer")).await.unwrap();
    assert_eq!(registered, Registration::Registered);
    let other = pool(&folder, "sessions.db");
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = store.terminate(&logout("customer")).await.unwrap_err();
    assert_eq!(error.kind(), SqliteStoreErrorKind::Busy);
    // Readers do not wait for a writer, and nothing was ended.
    let id = SessionId::parse("a").unwrap();
    assert!(store.status(&id).await.unwrap().is_live());
    held.rollback().await.unwrap();
    assert_eq!(
        store
            .terminate(&logout("customer"))
            .await
            .unwrap()
            .newly_ended,
        1
    );
    assert!(!store.status(&id).await.unwrap().is_live());
}

#[tokio::test]
async fn a_read_only_file_takes_no_logout() {
    // BCL-147
    let folder = Folder::new("sqlite-read-only");
    let file = folder.path().join("sessions.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let _registered = store.register(login("a", "customer")).await.unwrap();
    let options = SqliteConnectOptions::new().filename(&file).read_only(true);
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    let reader = SqliteStore::builder(pool).build().unwrap();
    assert!(
        reader
            .status(&SessionId::parse("a").unwrap())
            .await
            .unwrap()
            .is_live()
    );
    let error = reader.terminate(&logout("customer")).await.unwrap_err();
    assert_eq!(error.kind(), SqliteStoreErrorKind::ReadOnly);
    assert!(
        store
            .status(&SessionId::parse("a").unwrap())
            .await
            .unwrap()
            .is_live()
    );
}

#[tokio::test]
async fn a_full_disk_takes_no_logout_and_the_store_recovers() {
    // BCL-147: the largest size of the file stands for the disk.
    let folder = Folder::new("sqlite-full");
    let pool = pool(&folder, "sessions.db");
    let store = SqliteStore::builder(pool.clone()).build().unwrap();
    store.migrate().await.unwrap();
    // One connection, so that the limit is that of the writer too.
    let mut taken = Vec::new();
    for _ in 0..4 {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 40")
            .execute(&mut *connection)
            .await
            .unwrap();
        taken.push(connection);
    }
    drop(taken);
    let mut refused = None;
    for nth in 0..10_000 {
        let name = format!("customer {nth} {}", "x".repeat(500));
        match store.register(login(&format!("s{nth}"), &name)).await {
            Ok(registered) => assert_eq!(registered, Registration::Registered),
            Err(error) => {
                refused = Some(error.kind());
                break;
            }
        }
    }
    assert_eq!(refused, Some(SqliteStoreErrorKind::Full));
    let mut unfit = 0;
    for nth in 0..2_000 {
        unfit += u32::from(
            store
                .terminate(&logout(&format!("nobody {nth}")))
                .await
                .is_err(),
        );
    }
    assert!(unfit > 0, "the disk was not full");
    for _ in 0..4 {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1000000")
            .execute(&mut *connection)
            .await
            .unwrap();
        taken_again(&mut connection).await;
        std::mem::forget(connection.detach());
    }
    store.terminate(&logout("nobody")).await.unwrap();
}

async fn taken_again(connection: &mut sqlx::SqliteConnection) {
    sqlx::query("SELECT 1").execute(connection).await.unwrap();
}

#[tokio::test]
async fn two_processes_share_one_file() {
    // Promise 1, promise 9: two stores with pools of their own stand for two processes.
    let folder = Folder::new("sqlite-two");
    let file = folder.path().join("sessions.db");
    let one = SqliteStore::open(&file).await.unwrap();
    let two = SqliteStore::open(&file).await.unwrap();
    let _registered = one.register(login("a", "customer")).await.unwrap();
    let id = SessionId::parse("a").unwrap();
    let ended = one.ended(&id);
    let waiting = tokio::spawn(ended);
    assert!(two.status(&id).await.unwrap().is_live());
    two.terminate(&logout("customer")).await.unwrap();
    assert!(!one.status(&id).await.unwrap().is_live());
    // By the log alone: there is no channel.
    tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_names_of_the_tables_are_checked() {
    let folder = Folder::new("sqlite-prefix");
    for prefix in ["", "9", "_a", "A", "a-b", "a\"", "a b", &"a".repeat(49)] {
        let store = SqliteStore::builder(pool(&folder, "a.db")).with_table_prefix(prefix);
        assert_eq!(
            store.build().unwrap_err().field(),
            "table_prefix",
            "{prefix}"
        );
    }
    let store = SqliteStore::builder(pool(&folder, "a.db")).with_table_prefix("shop_");
    let store = store.build().unwrap();
    store.migrate().await.unwrap();
    store.terminate(&logout("customer")).await.unwrap();
    assert!(store.migration_sql().contains("shop_sessions"));
}
