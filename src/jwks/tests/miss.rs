//! 400 or 503 for a token that the keys cannot verify (spec BCL-76).

use super::*;

#[tokio::test(start_paused = true)]
async fn a_set_fetched_after_the_request_arrived_is_final() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    assert!(is_final(&world.after(world.unknown("b")).await));
    assert_eq!(world.op.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_the_request_itself_loaded_is_final_without_another_fetch() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")]));
    let miss = world.unknown("b");
    world.pass(1).await;
    assert!(is_final(&world.after(miss).await));
    assert_eq!(world.op.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_set_later_than_iat_and_leeway_is_final_without_a_fetch() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let at = |seconds| Miss {
        token_iat: Some(UnixTime::from_secs(START - seconds)),
        ..world.unknown("b")
    };
    assert!(is_final(&world.after(at(61)).await));
    assert_eq!(world.op.fetches(), 1);
    // Exactly at the end of the leeway the set may be older than the token.
    assert!(is_final(&world.after(at(60)).await));
    assert_eq!(world.op.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_is_unavailable() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Status(503));
    assert!(is_unavailable(&world.after(world.unknown("b")).await));
}

#[tokio::test(start_paused = true)]
async fn without_budget_an_unknown_key_id_is_unavailable_and_later_accepted() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    for number in 0..2 {
        world.after(world.unknown(&number.to_string())).await;
    }
    world.op.publish(&[ed("a"), ed("new")]);
    assert!(is_unavailable(&world.after(world.unknown("new")).await));
    world.pass(30).await;
    retried(&world.after(world.unknown("new")).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_joins_a_refresh_sent_before_its_key_was_published_asks_once_more() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.hold();
    let seen = world.keys.get(Instant::now()).await.unwrap();
    let (keys, first) = (world.keys.clone(), seen.clone());
    let miss = world.unknown("forged");
    tokio::spawn(async move { keys.after_miss(&first, miss).await });
    settle().await;
    world.op.publish(&[ed("a"), ed("new")]);
    let joining = world.keys.after_miss(&seen, world.unknown("new"));
    let (after, ()) = tokio::join!(joining, async {
        settle().await;
        world.op.let_go();
    });
    assert!(retried(&after).keys().contains_kid("new"));
    assert_eq!(world.op.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_that_arrived_since_the_caller_looked_are_tried_without_a_fetch() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let seen = world.keys.get(Instant::now()).await.unwrap();
    world.op.publish(&[ed("b")]);
    retried(&world.after(world.unknown("b")).await);
    let fetches = world.op.fetches();
    retried(&world.keys.after_miss(&seen, world.unknown("b")).await);
    assert_eq!(world.op.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_iat_causes_no_fetch() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let miss = Miss {
        token_iat: None,
        ..world.unknown("b")
    };
    assert!(is_final(&world.after(miss).await));
    assert_eq!(world.op.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_under_an_old_id_is_found_when_the_signature_fails() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a"), ed("b")]))
        .loaded()
        .await;
    world.op.publish(&[ec("a"), ed("b")]);
    retried(&world.after(world.forged("a")).await);
    assert_eq!(world.op.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_of_an_unchanged_key_is_final() {
    // BCL-70
    let world = World::new(Op::with_keys(&[ed("a"), ed("b")]))
        .loaded()
        .await;
    world.op.publish(&[ed("a"), ec("b")]);
    assert!(
        is_final(&world.after(world.forged("a")).await),
        "b changed, a did not"
    );
    for _ in 0..1000 {
        assert!(is_final(&world.after(world.forged("a")).await));
    }
    assert_eq!(world.op.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_causes_no_fetch_when_the_set_is_later_than_the_token() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let miss = Miss {
        token_iat: Some(UnixTime::from_secs(START - 61)),
        ..world.forged("a")
    };
    assert!(is_final(&world.after(miss).await));
    assert_eq!(world.op.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_is_unavailable_while_the_op_is_down_and_the_set_is_older_than_the_token() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Cut);
    world.pass(300).await;
    for _ in 0..10 {
        assert!(is_unavailable(&world.after(world.forged("a")).await));
    }
    assert_eq!(world.op.fetches(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_key_id_gets_one_refresh_too() {
    // BCL-74
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.publish(&[ec("b")]);
    let miss = Miss {
        kid: None,
        ..world.forged("")
    };
    retried(&world.after(miss).await);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_when_the_set_was_fetched_refuses_no_new_key() {
    // BCL-76: and one that was behind costs a fetch, no more.
    for wrong in [3600, -3600] {
        let world = World::new(Op::with_keys(&[ed("a")]));
        world.time.0.fetch_add(wrong, Ordering::Relaxed);
        let world = world.loaded().await;
        world.pass(1).await;
        world.time.0.fetch_sub(wrong, Ordering::Relaxed);
        world.op.publish(&[ed("a"), ed("new")]);
        retried(&world.after(world.unknown("new")).await);
        assert_eq!(world.op.fetches(), 2);
    }
}
