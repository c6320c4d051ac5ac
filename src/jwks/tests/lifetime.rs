//! How long a set serves and when it is refreshed (spec BCL-79 to BCL-82).

use super::*;

#[tokio::test(start_paused = true)]
async fn the_last_good_set_serves_24_hours_and_not_longer() {
    // BCL-82
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Cut);
    world.pass(23 * 3600).await;
    assert!(world.keys.get(Instant::now()).await.is_ok());
    world.pass(3600).await;
    assert!(
        world.keys.get(Instant::now()).await.is_ok(),
        "exactly 24 hours"
    );
    world.pass(1).await;
    assert!(world.keys.get(Instant::now()).await.is_err());
    world.pass(3600).await;
    assert!(world.keys.get(Instant::now()).await.is_err());
    assert!(!world.keys.health().usable);
    world.op.publish(&[ed("a")]);
    world.pass(30).await;
    assert!(world.keys.get(Instant::now()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_from_the_last_confirmation() {
    // BCL-82
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    for _ in 0..50 {
        world.pass(3600).await;
        assert!(world.knows("a"));
        settle().await;
    }
    world.op.answer(JWKS, Answer::Cut);
    world.pass(23 * 3600).await;
    assert!(world.knows("a"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_a_good_set_leaves_the_good_one_in_place() {
    // BCL-79
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let oct = r#"{"kty":"oct","kid":"b","k":"AAAA"}"#.to_owned();
    let send = |body: &str| Answer::Send("", body.to_owned());
    for (name, answer) in [
        ("500", Answer::Status(500)),
        ("201", Answer::Status(201)),
        ("304 unasked", Answer::Status(304)),
        ("redirect", Answer::Redirect),
        ("cut", Answer::Cut),
        ("html", send("<!doctype html><h1>Sign in</h1>")),
        ("empty", send("")),
        ("object", send("{}")),
        ("null", send(r#"{"keys":null}"#)),
        ("no keys", send(r#"{"keys":[]}"#)),
        ("array", send(&format!("[{}]", ed("b")))),
        ("no usable key", send(&set(&[oct]))),
        ("truncated", send(&set(&[ed("b")])[..60])),
        (
            "2 MiB",
            send(&format!("{}{}", set(&[ed("b")]), " ".repeat(2 << 20))),
        ),
    ] {
        world.pass(600).await;
        world.op.answer(JWKS, answer);
        let before = world.op.fetches();
        assert!(world.knows("a"), "{name}");
        settle().await;
        assert!(world.op.fetches() > before, "{name}: no refresh was due");
        assert!(world.knows("a"), "{name}");
        assert!(!world.knows("b"), "{name}");
        assert!(world.keys.health().last_error.is_some(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_exactly_the_size_limit_is_taken() {
    // BCL-79
    let op = Op::new();
    let keys = set(&[ed("a")]);
    let padded = |size: usize| Answer::Send("", format!("{keys}{}", " ".repeat(size - keys.len())));
    op.answer(JWKS, padded((1 << 20) + 1));
    let world = World::new(op);
    assert_eq!(
        world.keys.ready().await.unwrap_err().kind(),
        KeysErrorKind::Fetch(crate::fetch::FetchErrorKind::TooLarge)
    );
    world.op.answer(JWKS, padded(1 << 20));
    world.keys.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_op_removed_is_gone_with_the_next_refresh() {
    // BCL-80
    let world = World::new(Op::with_keys(&[ed("a"), ed("b")]))
        .loaded()
        .await;
    world.op.publish(&[ed("b")]);
    world.pass(600).await;
    assert!(world.knows("a"), "served while the refresh runs");
    settle().await;
    assert!(!world.knows("a"));
    assert!(world.knows("b"));
}

#[tokio::test(start_paused = true)]
async fn a_set_is_refreshed_ahead_of_expiry_by_traffic_alone() {
    // BCL-81
    let op = Op::new();
    op.publish_for("max-age=3600", &[ed("a")]);
    let world = World::new(op).loaded().await;
    world.pass(2879).await;
    assert!(world.knows("a"));
    settle().await;
    assert_eq!(world.op.fetches(), 1, "before 80 per cent");
    world.pass(361).await;
    assert_eq!(world.op.fetches(), 1, "no traffic, no refresh");
    for _ in 0..1000 {
        assert!(world.knows("a"));
    }
    settle().await;
    assert_eq!(world.op.fetches(), 2, "by 90 per cent, one for all");
}

#[tokio::test(start_paused = true)]
async fn a_set_that_serves_shorter_than_it_is_fresh_is_refreshed_ahead_of_that() {
    // BCL-81, BCL-82
    let op = Op::new();
    op.publish_for("max-age=3600", &[ed("a")]);
    let issuer = Issuer::parse("https://op.example").unwrap();
    let policy = RefreshPolicy::default().with_max_stale(Duration::from_secs(300));
    let world = World::of(op, Source::Url(issuer, JWKS.to_owned()), policy);
    world.keys.ready().await.unwrap();
    for round in 1..=10 {
        world.pass(271).await;
        assert!(world.knows("a"), "nobody waits for keys in round {round}");
        settle().await;
        assert_eq!(world.op.fetches(), 1 + round);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_without_an_end_is_no_busy_loop() {
    // BCL-75
    let op = Op::new();
    op.answer(JWKS, Answer::Cut);
    let issuer = Issuer::parse("https://op.example").unwrap();
    let policy = RefreshPolicy::default().with_cooldown(Duration::MAX);
    let world = World::of(op, Source::Url(issuer, JWKS.to_owned()), policy);
    let keys = world.keys.clone();
    let waiting = tokio::spawn(async move { keys.refreshed_after(Instant::now()).await });
    let keys = world.keys.clone();
    let fresh = tokio::spawn(async move { keys.keep_fresh().await });
    // Time passes only where nobody is busy.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(world.op.fetches() <= 3, "{}", world.op.fetches());
    waiting.abort();
    fresh.abort();
}

#[tokio::test(start_paused = true)]
async fn a_failing_refresh_ahead_of_expiry_is_repeated_once_per_cooldown() {
    // BCL-75, BCL-81
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Cut);
    world.pass(600).await;
    for round in 0..10 {
        for _ in 0..100 {
            assert!(world.knows("a"));
            settle().await;
        }
        assert_eq!(world.op.fetches(), 2 + round);
        world.pass(30).await;
    }
}

#[tokio::test(start_paused = true)]
async fn readers_are_served_while_a_refresh_hangs() {
    // BCL-81
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Hang);
    world.pass(600).await;
    let before = Instant::now();
    assert!(world.keys.get(before).await.is_ok());
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_did_not_change_is_confirmed_and_not_sent_again() {
    // BCL-81
    let op = Op::with_keys(&[ed("a")]);
    op.0.lock().unwrap().etag = Some("\"v1\"");
    let world = World::new(op).loaded().await;
    let before = world.keys.get(Instant::now()).await.unwrap();
    world.pass(600).await;
    assert!(world.knows("a"));
    settle().await;
    let conditional = format!("{JWKS}?");
    assert_eq!(world.op.asked(), [JWKS, &conditional]);
    let after = world.keys.get(Instant::now()).await.unwrap();
    assert_eq!(before.generation(), after.generation());
    assert_eq!(world.keys.health().age, Some(Duration::ZERO));
    world.op.0.lock().unwrap().etag = Some("\"v2\"");
    world.op.publish(&[ed("b")]);
    world.pass(600).await;
    assert!(world.knows("a"));
    settle().await;
    assert!(world.knows("b"));
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_are_the_same_set() {
    // BCL-75
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let before = world.keys.get(Instant::now()).await.unwrap();
    world.after(world.unknown("b")).await;
    let after = world.keys.get(Instant::now()).await.unwrap();
    assert_eq!(before.generation(), after.generation());
}

#[tokio::test(start_paused = true)]
async fn a_task_keeps_the_keys_fresh_without_traffic() {
    // BCL-81, BCL-83
    let world = World::new(Op::new());
    world.op.answer(JWKS, Answer::Cut);
    let keys = world.keys.clone();
    let task = tokio::spawn(async move { keys.keep_fresh().await });
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(
        world.op.fetches(),
        3,
        "once per cooldown while the OP is down"
    );
    world.op.publish(&[ed("a")]);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(world.keys.health().usable);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(
        (10..=12).contains(&world.op.fetches()),
        "{}",
        world.op.fetches()
    );
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_keys_gets_them_when_the_op_is_back() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    world.op.answer(JWKS, Answer::Cut);
    let (keys, since) = (world.keys.clone(), Instant::now());
    let waiting = tokio::spawn(async move { keys.refreshed_after(since).await });
    tokio::time::sleep(Duration::from_secs(95)).await;
    assert!(!waiting.is_finished());
    assert_eq!(world.op.fetches(), 4, "one per cooldown");
    world.op.publish(&[ed("a"), ed("new")]);
    waiting.await.unwrap();
    assert!(world.knows("new"));
    assert!(since.elapsed() <= Duration::from_secs(121));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_keys_notices_a_refresh_that_somebody_else_started() {
    // BCL-76
    let world = World::new(Op::with_keys(&[ed("a")])).loaded().await;
    let (keys, since) = (world.keys.clone(), Instant::now());
    let waiting = tokio::spawn(async move { keys.refreshed_after(since).await });
    world.pass(1).await;
    world.op.publish(&[ed("a"), ed("new")]);
    retried(&world.after(world.unknown("new")).await);
    settle().await;
    assert!(waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_health_view_tells_age_and_number_of_keys() {
    let world = World::new(Op::with_keys(&[ed("a"), ec("b")]));
    assert_eq!(world.keys.health(), KeysHealth::default());
    world.keys.ready().await.unwrap();
    world.pass(7).await;
    let health = world.keys.health();
    assert_eq!(health.age, Some(Duration::from_secs(7)));
    assert_eq!((health.keys, health.usable), (2, true));
    assert_eq!((health.attempts, health.failures), (1, 0));
}
