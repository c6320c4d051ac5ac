//! What the builder refuses, and what no message says.

use super::*;

#[test]
fn what_cannot_work_is_refused_by_the_name_of_its_field() {
    let url = "redis://127.0.0.1";
    let good = || RedisStoreBuilder::new(url);
    for (builder, field) in [
        (RedisStoreBuilder::new(""), "url"),
        (RedisStoreBuilder::new("127.0.0.1:6379"), "url"),
        (RedisStoreBuilder::new("http://127.0.0.1"), "url"),
        (RedisStoreBuilder::new("redis://127.0.0.1/database"), "url"),
        (RedisStoreBuilder::cluster([""; 0]), "urls"),
        (RedisStoreBuilder::cluster(["nothing"]), "urls"),
        (
            RedisStoreBuilder::cluster(["redis://:one@127.0.0.1", "redis://:two@127.0.0.1"]),
            "urls",
        ),
        (good().with_namespace(""), "namespace"),
        (good().with_namespace("{shop}"), "namespace"),
        (good().with_namespace("shop}"), "namespace"),
        (good().with_namespace("my shop"), "namespace"),
        (good().with_namespace("größe"), "namespace"),
        (good().with_namespace("x".repeat(65)), "namespace"),
        (good().with_timeout(Duration::ZERO), "timeout"),
        (good().with_poll_interval(Duration::ZERO), "poll_interval"),
    ] {
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        assert_eq!(error.field(), field, "{shown}");
    }
    assert!(good().with_namespace("x".repeat(64)).build().is_ok());
    assert!(good().with_namespace("shop:eu-1").build().is_ok());
    assert!(RedisStore::connect("redis://user:secret@127.0.0.1:6379/3").is_ok());
    assert!(RedisStore::connect("valkey://127.0.0.1").is_ok());
}

#[test]
fn an_encrypted_url_says_which_feature_is_missing() {
    let error = RedisStore::connect("rediss://127.0.0.1").unwrap_err();
    assert!(error.to_string().contains("tokio-rustls-comp"), "{error}");
    let error = RedisStore::connect("rediss:/127.0.0.1").unwrap_err();
    assert!(!error.to_string().contains("tokio-rustls-comp"), "{error}");
}

#[tokio::test]
async fn nothing_shows_the_password() {
    // BCL-170
    let url = "redis://user:marker@127.0.0.1:1";
    let single = RedisStoreBuilder::new(url);
    let cluster = RedisStoreBuilder::cluster([url]);
    let client = RedisStoreBuilder::from_client(redis::Client::open(url).unwrap());
    for builder in [single, cluster, client] {
        let mut shown = format!("{builder:?}");
        let store = builder.build().unwrap();
        shown += &format!("{store:?}");
        let error = store.status(&id("session marker")).await.unwrap_err();
        let source = std::error::Error::source(&error).map(|source| format!("{source} {source:?}"));
        shown += &format!("{error} {error:?} {source:?}");
        assert!(!shown.contains("marker"), "{shown}");
    }
    for bad in [
        "redis://:marker@[",
        "redis://:marker@127.0.0.1/marker",
        "redi://:marker@127.0.0.1",
    ] {
        let error = RedisStore::connect(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("marker"), "{error}");
    }
}
