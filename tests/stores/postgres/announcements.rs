//! What one node does, the others hear: by the channel at once, by the log when the channel is silent.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::task::JoinHandle;

use super::*;

/// A connection of a session that waits for its end.
async fn wait(node: &PostgresStore, name: &str) -> JoinHandle<Instant> {
    let ended = node.ended(&id(name));
    let waiting = tokio::spawn(async move {
        ended.await;
        Instant::now()
    });
    // It looks once, and then the node reads what is announced.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "{name} is live");
    waiting
}

async fn ends(waiting: JoinHandle<Instant>, within: Duration) -> Instant {
    let ended = tokio::time::timeout(within, waiting).await;
    ended.expect("the connection did not notice").unwrap()
}

/// Two nodes, and the prefix of their tables. The first one has sessions.
async fn nodes(
    server: &Server,
    configure: impl Fn(PostgresStoreBuilder) -> PostgresStoreBuilder,
) -> ([PostgresStore; 2], PgPool, String) {
    let pool = pool(server);
    let (one, prefix) = configured(&pool, &configure).await;
    let other = PostgresStore::builder(super::pool(server)).with_table_prefix(&prefix);
    let other = configure(other).build().unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let sid = format!("sid {name}");
        begin(&one, session(name, name, Some(&sid), now())).await;
    }
    ([one, other], pool, prefix)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn another_node_hears_of_everything_by_the_channel() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ([one, other], ..) = nodes(&server, |builder| builder.with_poll_interval(LONG)).await;
    let soon = Duration::from_secs(5);
    let waiting = wait(&other, "a").await;
    one.terminate(&by_sid("sid a", now())).await.unwrap();
    ends(waiting, soon).await;
    let waiting = wait(&other, "b").await;
    one.terminate(&by_subject("b", now())).await.unwrap();
    ends(waiting, soon).await;
    let waiting = wait(&other, "c").await;
    assert!(one.unregister(&id("c")).await.unwrap());
    ends(waiting, soon).await;
    // It follows the session.
    let waiting = wait(&other, "d").await;
    assert_eq!(
        one.rebind(&id("d"), &id("d2")).await.unwrap(),
        Rebinding::Rebound
    );
    assert!(one.unregister(&id("d2")).await.unwrap());
    ends(waiting, soon).await;
    let waiting = wait(&other, "e").await;
    let end = now().saturating_add(Duration::from_secs(1));
    assert!(one.extend(&id("e"), end).await.unwrap());
    ends(waiting, soon).await;
    let waiting = wait(&other, "f").await;
    begin(&one, session("f", "somebody else", None, now())).await;
    ends(waiting, soon).await;
}

#[tokio::test]
async fn another_node_finds_everything_in_the_log() {
    let Some(server) = Server::shared() else {
        return;
    };
    let configure = |builder: PostgresStoreBuilder| {
        builder
            .without_listener()
            .with_poll_interval(Duration::from_millis(50))
    };
    let ([one, other], ..) = nodes(&server, configure).await;
    let soon = Duration::from_secs(5);
    let waiting = wait(&other, "a").await;
    one.terminate(&by_sid("sid a", now())).await.unwrap();
    ends(waiting, soon).await;
    let waiting = wait(&other, "b").await;
    one.terminate(&by_subject("b", now())).await.unwrap();
    ends(waiting, soon).await;
    let waiting = wait(&other, "c").await;
    assert!(one.unregister(&id("c")).await.unwrap());
    ends(waiting, soon).await;
}

#[tokio::test]
async fn a_listener_that_was_cut_off_is_made_again() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ([one, other], pool, prefix) = nodes(&server, |builder| {
        builder.with_poll_interval(Duration::from_secs(2))
    })
    .await;
    let listening =
        format!("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN \"{prefix}news\"'");
    let cut = listening.replace("count(*)", "count(pg_terminate_backend(pid))");
    for name in ["a", "b", "c"] {
        let waiting = wait(&other, name).await;
        let begun = Instant::now();
        while number(&pool, "", &listening).await == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody listens");
            tokio::task::yield_now().await;
        }
        number(&pool, "", &cut).await;
        one.terminate(&by_subject(name, now())).await.unwrap();
        ends(waiting, Duration::from_secs(10)).await;
    }
}

/// A change as another node makes it, with the moment of the commit in our hands.
async fn end_silently(
    transaction: &mut sqlx::Transaction<'_, sqlx::Postgres>,
    prefix: &str,
    name: &str,
) {
    let tag = format!("SELECT tag FROM {prefix}sessions WHERE id = $1");
    let tag: Vec<u8> = sqlx::query_scalar(&tag)
        .bind(name)
        .fetch_one(&mut **transaction)
        .await
        .unwrap();
    let news = format!("INSERT INTO {prefix}news (notice) VALUES ($1)");
    sqlx::query(&news)
        .bind(URL_SAFE_NO_PAD.encode(tag))
        .execute(&mut **transaction)
        .await
        .unwrap();
    let end = format!("UPDATE {prefix}sessions SET state = 2 WHERE id = $1");
    sqlx::query(&end)
        .bind(name)
        .execute(&mut **transaction)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_notice_that_becomes_visible_after_later_ones_is_not_missed() {
    let Some(server) = Server::shared() else {
        return;
    };
    let configure = |builder: PostgresStoreBuilder| {
        builder
            .without_listener()
            .with_poll_interval(Duration::from_millis(50))
    };
    let ([one, other], pool, prefix) = nodes(&server, configure).await;
    let mut waiting = Vec::new();
    for name in ["a", "b", "c", "d"] {
        waiting.push(wait(&other, name).await);
    }
    let [a, b, c, d] = <[_; 4]>::try_from(waiting).unwrap();
    // Their numbers are given out in this order: first, second, lost, and then that of the logout.
    let (mut first, mut second, mut lost) = (
        pool.begin().await.unwrap(),
        pool.begin().await.unwrap(),
        pool.begin().await.unwrap(),
    );
    end_silently(&mut first, &prefix, "a").await;
    end_silently(&mut second, &prefix, "b").await;
    end_silently(&mut lost, &prefix, "d").await;
    one.terminate(&by_subject("c", now())).await.unwrap();
    // The node has read beyond them when it hears of the logout.
    ends(c, Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    lost.rollback().await.unwrap();
    second.commit().await.unwrap();
    ends(b, Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!a.is_finished(), "its transaction is still open");
    first.commit().await.unwrap();
    ends(a, Duration::from_secs(5)).await;
    assert!(!d.is_finished() && is_live(&other, "d").await);
}
