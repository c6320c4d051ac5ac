//! What an operation costs on the wire, counted by a proxy until its answer is there. Afterwards, when nobody waits any more, the pool
//! tests the connection it gets back: that is not counted.

use super::*;

struct Counted {
    store: PostgresStore,
    pool: PgPool,
    proxy: Proxy,
    _server: Arc<Server>,
}

impl Counted {
    /// The round trips of one operation.
    async fn count<T>(&self, operation: impl Future<Output = T>) -> (usize, T) {
        while self.pool.num_idle() < self.pool.size() as usize {
            tokio::task::yield_now().await;
        }
        self.proxy.round_trips();
        let answer = operation.await;
        (self.proxy.round_trips(), answer)
    }
}

/// A store on a pool with the settings nobody touched, whose connection has its statements.
async fn counted() -> Option<Counted> {
    let server = Server::shared()?;
    let proxy = Proxy::to(server.port()).await;
    let options: PgConnectOptions = server.url().parse().unwrap();
    let options = options.port(proxy.address().port());
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options);
    let (store, _) = store(&pool).await;
    let now = now();
    let warm = |name| session(name, "warm", Some("warm"), now);
    begin(&store, warm("warm")).await;
    assert!(is_live(&store, "warm").await);
    let later = now.saturating_add(Duration::from_secs(60));
    assert!(store.extend(&id("warm"), later).await.unwrap());
    let _ = store.rebind(&id("warm"), &id("warmer")).await.unwrap();
    assert!(store.unregister(&id("warmer")).await.unwrap());
    let marked = store.is_logged_out(&identity("warm", None, now)).await;
    assert!(!marked.unwrap());
    for request in [by_subject("warm", now), by_sid("warm", now)] {
        let again = now.saturating_add(Duration::from_secs(60));
        let _ = store
            .register(session("again", "warm", Some("warm"), again))
            .await;
        let terminated = store.terminate(&request).await.unwrap();
        store.forget(&request, &terminated).await.unwrap();
    }
    Some(Counted {
        store,
        pool,
        proxy,
        _server: server,
    })
}

#[tokio::test]
async fn a_login_a_question_and_a_local_logout_are_one_round_trip_each() {
    let Some(counted) = counted().await else {
        return;
    };
    let store = &counted.store;
    let new = session("a", "customer", Some("A"), now());
    let (count, ()) = counted.count(begin(store, new)).await;
    assert_eq!(count, 1, "register");
    let (count, live) = counted.count(is_live(store, "a")).await;
    assert!(live);
    assert_eq!(count, 1, "status of a live session");
    let (count, live) = counted.count(is_live(store, "nobody")).await;
    assert!(!live);
    assert_eq!(count, 1, "status of an unknown session");
    let stateless = identity("customer", Some("A"), now());
    let (count, over) = counted.count(store.is_logged_out(&stateless)).await;
    assert!(!over.unwrap());
    assert_eq!(count, 1, "a stateless session");
    for seconds in [7200, 60] {
        let end = now().saturating_add(Duration::from_secs(seconds));
        let (count, moved) = counted.count(store.extend(&id("a"), end)).await;
        assert!(moved.unwrap());
        assert_eq!(count, 1, "extend");
    }
    let (old, new) = (id("a"), id("b"));
    let (count, moved) = counted.count(store.rebind(&old, &new)).await;
    assert_eq!(moved.unwrap(), Rebinding::Rebound);
    assert_eq!(count, 1, "rebind");
    let (count, ended) = counted.count(store.unregister(&new)).await;
    assert!(ended.unwrap());
    assert_eq!(count, 1, "unregister");
    // Cleaning up is a part of the write that does it.
    for nth in 0..200 {
        let new = session(&format!("{nth}"), "customer", None, now());
        let (count, ()) = counted.count(begin(store, new)).await;
        assert_eq!(count, 1, "register");
    }
}

#[tokio::test]
async fn a_logout_is_two_round_trips_and_one_when_it_ends_nothing() {
    let Some(counted) = counted().await else {
        return;
    };
    let store = &counted.store;
    for nth in 0..300 {
        let (name, sid) = (format!("{nth}"), format!("sid {}", nth % 3));
        begin(store, session(&name, "customer", Some(&sid), now())).await;
    }
    for (request, ended) in [
        (by_sid("sid 0", now()), 100),
        (by_both("sid 1", "customer", now()), 100),
        (by_subject("customer", now()), 100),
        (by_subject("customer", now()), 0),
        (by_subject("nobody", now()), 0),
    ] {
        let (count, terminated) = counted.count(store.terminate(&request)).await;
        let terminated = terminated.unwrap();
        assert_eq!(terminated.newly_ended, ended);
        assert_eq!(count, 1, "terminate");
        let (count, forgotten) = counted.count(store.forget(&request, &terminated)).await;
        forgotten.unwrap();
        assert_eq!(count, usize::from(ended > 0), "forget");
    }
}

#[tokio::test]
async fn a_rotation_whose_answer_got_lost_is_not_lost() {
    let Some(Counted {
        store,
        pool,
        proxy,
        _server,
    }) = counted().await
    else {
        return;
    };
    begin(&store, session("a", "customer", None, now())).await;
    while pool.num_idle() < pool.size() as usize {
        tokio::task::yield_now().await;
    }
    // The first attempt succeeds and nobody hears of it; the second one is heard.
    proxy.round_trips();
    proxy.cut_at(1);
    let (old, new) = (id("a"), id("b"));
    let rotation = store.rebind(&old, &new);
    let heard = async {
        tokio::task::yield_now().await;
        while proxy.round_trips() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.never_cut();
    };
    let (rotation, ()) = tokio::join!(rotation, heard);
    assert_eq!(rotation.unwrap(), Rebinding::Rebound);
    assert!(is_live(&store, "b").await && !is_live(&store, "a").await);
}
