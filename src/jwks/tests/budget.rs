//! How often an OP is asked, whoever sends what (spec BCL-75).

use super::*;
use crate::fetch::FetchErrorKind;

#[tokio::test(start_paused = true)]
async fn a_token_with_a_new_key_right_after_a_refresh_is_accepted() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("old")])).loaded().await;
    world.op.publish(&[ed("old"), ec("new")]);
    let after = world.after(world.unknown("new")).await;
    assert!(retried(&after).keys().contains_kid("new"));
    assert_eq!(world.op.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_random_key_ids_cost_a_burst_then_one_fetch_per_cooldown() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    for number in 0..1000 {
        world
            .after(world.unknown(&format!("forged-{number}")))
            .await;
    }
    assert_eq!(world.op.fetches(), 3);
    for round in 1..=10 {
        world.pass(29).await;
        world.after(world.unknown(&format!("early-{round}"))).await;
        assert_eq!(world.op.fetches(), 2 + round);
        world.pass(1).await;
        for number in 0..100 {
            world
                .after(world.unknown(&format!("late-{round}-{number}")))
                .await;
        }
        assert_eq!(world.op.fetches(), 3 + round);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_key_ids_at_once_share_their_fetches() {
    // BCL-75
    let world = Arc::new(World::new(Op::with_keys(&[ed("a")])).loaded().await);
    world.op.hold();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let kid = format!("forged-{number}");
            world.after(world.unknown(&kid)).await
        });
    }
    for _ in 0..1000 {
        settle().await;
    }
    assert_eq!(world.op.fetches(), 2, "all wait for one");
    assert!(world.knows("a"), "a known key is read while the OP hangs");
    world.op.let_go();
    while let Some(after) = tasks.join_next().await {
        assert!(is_final(&after.unwrap()));
    }
    assert!(world.op.fetches() <= 3, "{}", world.op.fetches());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_id_costs_one_fetch_until_the_set_changes() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    assert!(is_final(&world.after(world.unknown("new")).await));
    for _ in 0..5 {
        world.pass(30).await;
        assert!(is_unavailable(&world.after(world.unknown("new")).await));
    }
    assert_eq!(world.op.fetches(), 2, "remembered");
    world.op.publish(&[ed("a"), ed("b")]);
    let after = world.after(world.unknown("b")).await;
    assert!(retried(&after).keys().contains_kid("b"));
    world.op.publish(&[ed("a"), ed("b"), ed("new")]);
    let after = world.after(world.unknown("new")).await;
    assert!(
        retried(&after).keys().contains_kid("new"),
        "the set changed"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_count() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Status(500));
    for number in 0..1000 {
        let after = world.after(world.unknown(&format!("k{number}"))).await;
        assert!(is_unavailable(&after));
    }
    assert_eq!(world.op.fetches(), 3);
    let health = world.keys.health();
    assert_eq!((health.attempts, health.failures), (3, 2));
    let error = KeysErrorKind::Fetch(FetchErrorKind::Status(500));
    assert_eq!(health.last_error, Some(error));
}

#[tokio::test(start_paused = true)]
async fn first_loads_of_an_op_that_is_down_stay_within_the_budget_and_recover() {
    // BCL-75, BCL-83
    let world = World::new(Op::new());
    world.op.answer(JWKS, Answer::Cut);
    for _ in 0..1000 {
        let error = world.keys.get(Instant::now()).await.unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Connect));
    }
    assert_eq!(world.op.fetches(), 3);
    world.op.publish(&[ed("a")]);
    assert!(
        world.keys.get(Instant::now()).await.is_err(),
        "no budget yet"
    );
    world.pass(30).await;
    assert!(world.keys.get(Instant::now()).await.is_ok());
    assert_eq!(world.keys.health().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn two_issuers_do_not_share_a_budget() {
    // BCL-75
    let one = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let two = World::new(one.op.clone()).loaded().await;
    for number in 0..10 {
        one.after(one.unknown(&number.to_string())).await;
    }
    one.op.publish(&[ed("a"), ed("new")]);
    assert!(is_unavailable(&one.after(one.unknown("new")).await));
    retried(&two.after(two.unknown("new")).await);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_outlives_the_caller_that_started_it() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.publish(&[ed("a"), ed("new")]);
    world.op.hold();
    let seen = world.keys.get(Instant::now()).await.unwrap();
    let keys = world.keys.clone();
    let miss = world.unknown("new");
    let caller = tokio::spawn(async move { keys.after_miss(&seen, miss).await });
    settle().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(!world.knows("new"));
    world.op.let_go();
    settle().await;
    assert!(world.knows("new"));
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_a_second_and_a_half_and_the_refresh_goes_on() {
    // BCL-83
    let world = World::new(Op::with_keys(&[ed("a")]));
    world.op.hold();
    let arrived = Instant::now();
    let error = world.keys.get(arrived).await.unwrap_err();
    assert_eq!(arrived.elapsed(), Duration::from_millis(1500));
    assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Timeout));
    world.op.let_go();
    settle().await;
    assert!(world.knows("a"));
    assert_eq!(world.op.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_come_within_the_wait_serve_the_request_that_asked_for_them() {
    // BCL-83
    let world = World::new(Op::with_keys(&[ed("a")]));
    world.op.hold();
    let arrived = Instant::now();
    let (keys, ()) = tokio::join!(world.keys.get(arrived), async {
        tokio::time::sleep(Duration::from_millis(1499)).await;
        world.op.let_go();
    });
    assert!(keys.is_ok());
    assert_eq!(arrived.elapsed(), Duration::from_millis(1499));
}

#[tokio::test(start_paused = true)]
async fn an_op_that_never_answers_is_given_up_after_five_seconds() {
    // BCL-83
    let world = World::new(Op::new());
    world.op.answer(JWKS, Answer::Hang);
    let start = Instant::now();
    let error = world.keys.ready().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_blocks_nobody() {
    let world = World::new(Op::new());
    world.op.answer(JWKS, Answer::Panic);
    let error = world.keys.ready().await.unwrap_err();
    assert_eq!(error.kind(), KeysErrorKind::Interrupted);
    world.op.publish(&[ed("a")]);
    assert!(world.keys.ready().await.is_ok());
}

#[test]
fn a_runtime_that_is_shut_down_in_the_middle_of_a_refresh_blocks_nobody() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let first = runtime();
    let world = first.block_on(async {
        let world = World::new(Op::with_keys(&[ed("a")]));
        world.op.hold();
        let waiting = world.keys.get(Instant::now());
        assert!(tokio::time::timeout(Duration::ZERO, waiting).await.is_err());
        world
    });
    drop(first);
    world.op.let_go();
    assert!(world.keys.current().is_none(), "reading needs no runtime");
    runtime().block_on(async { world.keys.ready().await.unwrap() });
    assert!(world.knows("a"));
}
