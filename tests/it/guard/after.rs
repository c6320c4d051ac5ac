//! No resurrection: what a response may still set once its session ended.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_backchannel_logout::guard::{
    Presented, RequestHead, SessionCookie, SessionExtractor, SessionGuardLayer,
};
use tower_backchannel_logout::session::{Rebinding, SessionRegistry};

use super::rig::*;

const MOODS: [Mood; 2] = [Mood::AtOnce, Mood::Waits];

fn sets(fields: &[&str]) -> Response<Full<Bytes>> {
    let mut response = ok();
    for field in fields {
        let field = field.parse().unwrap();
        response.headers_mut().append("set-cookie", field);
    }
    response
}

fn set(fields: &HeaderMap) -> Vec<&str> {
    let fields = fields.get_all("set-cookie").iter();
    fields.map(|field| field.to_str().unwrap()).collect()
}

/// What is set by a response whose handler ran `meanwhile`.
async fn answer_of<E: SessionExtractor>(
    layer: &SessionGuardLayer<Arc<Moody>, E>,
    fields: &[&str],
    meanwhile: impl AsyncFn(),
) -> Vec<String> {
    let inner = service_fn(async |_: Request<()>| {
        meanwhile().await;
        Ok::<_, Infallible>(sets(fields))
    });
    let answer = ask(layer, inner, Some("s1")).await;
    assert_eq!(answer.status(), 200);
    set(answer.headers()).into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn a_session_that_ends_while_the_handler_runs_loses_its_cookie_and_nothing_else() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let fields = [
            "theme=light",
            "id=s1; Path=/; HttpOnly",
            "id=; Max-Age=0",
            "id=gone; Max-Age=0",
            "identity=1",
            "i%64=s1",
            "last=1",
        ];
        let left = answer_of(&guard(&store), &fields, async || logout(&*store, "A").await).await;
        let expected = [
            "theme=light",
            "id=; Max-Age=0",
            "id=gone; Max-Age=0",
            "identity=1",
            "last=1",
        ];
        assert_eq!(left, expected);
    }
}

#[tokio::test]
async fn a_live_session_keeps_its_cookie() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        login(&*store, "s2", "B").await;
        // Another session of the customer ends: that is not this one.
        let left = answer_of(&guard(&store), &["id=s1"], async || {
            logout(&*store, "B").await
        })
        .await;
        assert_eq!(left, ["id=s1"]);
        assert_eq!(store.asked(), 2);
    }
}

#[tokio::test]
async fn a_response_that_does_not_set_the_cookie_costs_no_second_question() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        for fields in [&[][..], &["theme=light"], &["id=s1; Max-Age=0"]] {
            let before = store.asked();
            answer_of(&guard(&store), fields, async || {}).await;
            assert_eq!(store.asked(), before + 1, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn an_id_that_rotated_while_the_handler_ran_reaches_the_browser() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let left = answer_of(&guard(&store), &["id=s9; Path=/"], async || {
            let rebound = store.rebind(&id("s1"), &id("s9")).await.unwrap();
            assert_eq!(rebound, Rebinding::Rebound);
        })
        .await;
        assert_eq!(left, ["id=s9; Path=/"]);
    }
}

#[tokio::test]
async fn an_id_that_rotated_and_then_ended_does_not() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let left = answer_of(&guard(&store), &["id=s9"], async || {
            let rebound = store.rebind(&id("s1"), &id("s9")).await.unwrap();
            assert_eq!(rebound, Rebinding::Rebound);
            logout(&*store, "A").await;
        })
        .await;
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn a_new_login_stands_although_the_old_session_ended() {
    for mood in MOODS {
        let store = Moody::new(mood);
        login(&*store, "s1", "A").await;
        let left = answer_of(&guard(&store), &["id=s1", "id=s2"], async || {
            logout(&*store, "A").await;
            login(&*store, "s2", "B").await;
        })
        .await;
        assert_eq!(left, ["id=s2"]);
    }
}

#[tokio::test]
async fn a_store_that_fails_the_second_time_lets_no_cookie_out_unless_that_is_allowed() {
    let store = Moody::new(Mood::Waits);
    login(&*store, "s1", "A").await;
    let fails = async || store.feel(Mood::Fails);
    let left = answer_of(&guard(&store), &["id=s1", "theme=light"], fails).await;
    assert_eq!(left, ["theme=light"]);
    store.feel(Mood::Waits);
    let lax = guard(&store).dangerous_allow_on_store_failure();
    let left = answer_of(&lax, &["id=s1"], fails).await;
    assert_eq!(left, ["id=s1"]);
}

#[tokio::test]
async fn a_stateless_cookie_is_not_renewed_for_a_session_that_ended() {
    // BCL-153
    for mood in MOODS {
        let store = Moody::new(mood);
        // As if the value were signed: "s1" is the session A of the OP, "s2" is B.
        let cookie = cookie().with_reader(|value| match value {
            "s1" | "s1-renewed" => Presented::Identity(identity("A")),
            "s2" => Presented::Identity(identity("B")),
            _ => Presented::Nothing,
        });
        let layer = SessionGuardLayer::new(Arc::clone(&store), cookie);
        let left = answer_of(&layer, &["id=s1-renewed"], async || {}).await;
        assert_eq!(left, ["id=s1-renewed"]);
        let left = answer_of(
            &layer,
            &["id=s1-renewed", "id=s2", "id=other"],
            async || {
                logout(&*store, "A").await;
            },
        )
        .await;
        assert_eq!(left, ["id=s2"]);
    }
}

#[tokio::test]
async fn an_extractor_of_ones_own_is_told_its_cookie() {
    let store = Moody::new(Mood::AtOnce);
    login(&*store, "s1", "A").await;
    let inner: SessionCookie = cookie();
    let closure = move |head: &RequestHead<'_>| inner.extract(head);
    let layer = SessionGuardLayer::new(Arc::clone(&store), closure).with_session_cookie(cookie());
    let left = answer_of(&layer, &["id=s1"], async || logout(&*store, "A").await).await;
    assert!(left.is_empty(), "{left:?}");
}
