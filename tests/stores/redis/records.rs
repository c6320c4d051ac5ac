//! What the store leaves in the database.

use super::*;
use crate::proxy::Proxy;
use tower_backchannel_logout::session::SessionStore;

struct World {
    server: Server,
    store: RedisStore,
    namespace: String,
    hand: Hand,
}

impl World {
    fn new() -> Option<Self> {
        let server = Server::start(&[])?;
        let (namespace, hand) = (namespace(), Hand::new());
        let builder = RedisStoreBuilder::new(server.url());
        let builder = builder.with_namespace(&namespace).with_clock(hand.clone());
        Some(Self {
            store: builder.build().unwrap(),
            server,
            namespace,
            hand,
        })
    }

    fn keys(&self, kind: &str) -> Vec<String> {
        let pattern = format!("{{{}}}:{kind}*", self.namespace);
        self.server.ask(&["KEYS", &pattern])
    }
}

#[tokio::test]
async fn no_name_of_a_key_names_anybody_and_every_key_expires() {
    let Some(world) = World::new() else { return };
    let (store, now) = (&world.store, world.hand.now());
    for (name, sid) in [
        ("id-one", Some("sid-one")),
        ("id-two", None),
        ("id-three", Some("sid-two")),
    ] {
        begin(store, session(name, "customer-one", sid, now)).await;
    }
    let _ = store.rebind(&id("id-one"), &id("id-four")).await.unwrap();
    store.unregister(&id("id-two")).await.unwrap();
    let request = by_both("sid-two", "customer-one", now);
    let terminated = store.terminate(&request).await.unwrap();
    store
        .terminate(&by_subject("customer-two", now))
        .await
        .unwrap();
    let look = |_: &str| {
        let keys: Vec<String> = world.server.ask(&["KEYS", "*"]);
        assert!(keys.len() > 6, "{keys:?}");
        for key in keys {
            assert!(
                key.starts_with(&format!("{{{}}}:", world.namespace)),
                "{key}"
            );
            for name in [
                "one",
                "two",
                "three",
                "four",
                "customer",
                "op.example",
                "shop",
            ] {
                assert!(!key.contains(name), "{key} names {name}");
            }
            let expires_in: i64 = world.server.ask(&["TTL", &key]);
            assert!(expires_in > 0, "{key} stays for ever");
        }
    };
    look("before");
    store.forget(&request, &terminated).await.unwrap();
    look("after");
}

#[tokio::test]
async fn what_is_forgotten_leaves_neither_id_nor_names_behind() {
    let Some(world) = World::new() else { return };
    let (store, now) = (&world.store, world.hand.now());
    begin(
        store,
        session("id-one", "customer-one", Some("sid-one"), now),
    )
    .await;
    let request = by_subject("customer-one", now);
    let terminated = store.terminate(&request).await.unwrap();
    assert_eq!(names(&terminated), ["id-one"]);
    store.forget(&request, &terminated).await.unwrap();
    let keys = world.keys("s:");
    assert_eq!(keys.len(), 1, "the dead id is remembered");
    let record: String = world.server.ask(&["GET", &keys[0]]);
    assert!(
        record.starts_with("forgotten ") && record.ends_with(" - - - -"),
        "{record}"
    );
    assert_eq!(
        world.keys("i:").len() + world.keys("e:").len(),
        0,
        "no set is left"
    );
}

#[tokio::test]
async fn an_id_that_is_used_again_is_not_ended_by_the_logout_of_its_first_customer() {
    let Some(world) = World::new() else { return };
    let (store, now) = (&world.store, world.hand.now());
    begin(store, session("device", "first", Some("A"), now)).await;
    // As the server does when a session has expired: its record goes, its places in the sets stay for a while.
    let keys = world.keys("s:");
    let _: i64 = world.server.ask(&["DEL", &keys[0]]);
    begin(store, session("device", "second", Some("B"), now)).await;
    for request in [
        by_subject("first", now),
        by_sid("A", now),
        by_both("A", "first", now),
    ] {
        let terminated = store.terminate(&request).await.unwrap();
        assert_eq!(names(&terminated), [""; 0], "{request:?}");
    }
    assert!(is_live(store, "device").await);
    let terminated = store.terminate(&by_sid("B", now)).await.unwrap();
    assert_eq!(names(&terminated), ["device"]);
    begin(
        store,
        session(
            "other",
            "second",
            Some("C"),
            now.saturating_add(Duration::from_secs(9)),
        ),
    )
    .await;
    let _: i64 = world.server.ask(&["DEL", &keys[0]]);
    begin(store, session("device", "third", Some("D"), now)).await;
    store.terminate(&by_sid("D", now)).await.unwrap();
    let terminated = store.terminate(&by_sid("B", now)).await.unwrap();
    assert_eq!(names(&terminated), [""; 0], "reported to another customer");
}

#[tokio::test]
async fn sessions_a_broken_logout_left_over_do_not_come_back_when_its_mark_ends() {
    let Some(world) = World::new() else { return };
    let now = world.hand.now();
    for nth in 0..2_500 {
        let mut new = session(&nth.to_string(), "customer", None, now);
        new = NewSession::new(
            new.id().clone(),
            new.identity().clone(),
            now.saturating_add(Duration::from_secs(90_000)),
        );
        begin(&world.store, new).await;
    }
    let proxy = Proxy::to(world.server.port()).await;
    let broken = RedisStoreBuilder::new(format!("redis://{}", proxy.address()))
        .with_namespace(&world.namespace)
        .with_clock(world.hand.clone());
    let broken = broken.build().unwrap();
    broken.terminate(&by_subject("nobody", now)).await.unwrap();
    proxy.round_trips();
    proxy.cut_at(1);
    broken
        .terminate(&by_subject("customer", now))
        .await
        .unwrap_err();
    let live = async || {
        let mut live = 0;
        for nth in 0..2_500 {
            live += usize::from(is_live(&world.store, &nth.to_string()).await);
        }
        live
    };
    assert_eq!(live().await, 0, "the mark holds at once");
    world.hand.advance(3_600);
    assert_eq!(
        live().await,
        0,
        "the mark holds for what it did not end yet"
    );
    let later = world.hand.now();
    assert!(
        !world
            .store
            .is_logged_out(&identity("customer", None, later))
            .await
            .unwrap()
    );
    begin(&world.store, session("new", "customer", None, later)).await;
    assert!(is_live(&world.store, "new").await, "a later login passes");
    let terminated = world
        .store
        .terminate(&by_subject("customer", now))
        .await
        .unwrap();
    assert!(terminated.newly_ended >= 500 && terminated.newly_ended < 2_500);
    assert!(is_live(&world.store, "new").await);
    let pending: Vec<String> = world.keys("m:");
    let mark: String = world.server.ask(&["GET", &pending[0]]);
    assert!(mark.ends_with(" -"), "nothing is pending any more: {mark}");
}

#[tokio::test]
async fn the_ends_of_time_are_times() {
    let Some(world) = World::new() else { return };
    let (store, now) = (&world.store, world.hand.now());
    let (start, end) = (UnixTime::from_secs(i64::MIN), UnixTime::from_secs(i64::MAX));
    for (nth, iat) in [start, now, end].into_iter().enumerate() {
        let (name, subject) = (format!("s{nth}"), format!("c{nth}"));
        let identity = identity(&subject, None, iat);
        let new = NewSession::new(id(&name), identity, end).dangerous_adopt_existing();
        begin(store, new).await;
        let session = match store.status(&id(&name)).await.unwrap() {
            tower_backchannel_logout::session::SessionStatus::Live(session) => session,
            other => panic!("{other:?}"),
        };
        assert_eq!(session.id_token_iat(), Some(iat));
        assert_eq!(session.expires_at(), None, "never");
    }
    let target = |subject: &str| LogoutTarget::Subject(Subject::parse(subject).unwrap());
    let logout = |subject: &str, cut_off| {
        LogoutRequest::new(issuer(), client_id(), target(subject), cut_off, end)
    };
    assert_eq!(
        names(&store.terminate(&logout("c2", now)).await.unwrap()),
        [""; 0]
    );
    assert_eq!(
        names(&store.terminate(&logout("c1", start)).await.unwrap()),
        [""; 0]
    );
    assert_eq!(
        names(&store.terminate(&logout("c0", start)).await.unwrap()),
        ["s0"]
    );
    assert_eq!(
        names(&store.terminate(&logout("c1", end)).await.unwrap()),
        ["s1"]
    );
    assert_eq!(
        names(&store.terminate(&logout("c2", end)).await.unwrap()),
        ["s2"]
    );
    for name in ["s0", "s1", "s2"] {
        assert!(!is_live(store, name).await);
    }
}

#[tokio::test]
async fn a_session_that_ended_before_it_began_is_not_live() {
    let Some(world) = World::new() else { return };
    let now = world.hand.now();
    let new = NewSession::new(
        id("a"),
        identity("customer", None, now),
        UnixTime::from_secs(i64::MIN),
    );
    begin(&world.store, new).await;
    assert!(!is_live(&world.store, "a").await);
}

#[tokio::test]
async fn a_customer_who_signs_in_every_day_does_not_make_a_set_grow() {
    let Some(world) = World::new() else { return };
    for nth in 0..400 {
        let now = world.hand.now();
        let identity = identity("customer", Some(&format!("sid {nth}")), now);
        let until = now.saturating_add(Duration::from_secs(60));
        begin(
            &world.store,
            NewSession::new(id(&nth.to_string()), identity, until),
        )
        .await;
        world.hand.advance(61);
    }
    let sizes: Vec<i64> = world
        .keys("i:")
        .iter()
        .map(|key| world.server.ask(&["ZCARD", key]))
        .collect();
    let largest = sizes.iter().max().copied();
    assert!(
        largest < Some(10),
        "{largest:?} members for one live session"
    );
}

#[tokio::test]
async fn two_namespaces_are_two_stores() {
    let Some(world) = World::new() else { return };
    let other = RedisStoreBuilder::new(world.server.url()).with_namespace(namespace());
    let other = other.with_clock(world.hand.clone()).build().unwrap();
    let now = world.hand.now();
    begin(&world.store, session("a", "customer", None, now)).await;
    begin(&other, session("a", "customer", None, now)).await;
    other.terminate(&by_subject("customer", now)).await.unwrap();
    assert!(is_live(&world.store, "a").await);
    assert!(!is_live(&other, "a").await);
}
