//! Keys found through the issuer's metadata (spec BCL-31 to BCL-33).

use super::*;

fn metadata(issuer: &str, jwks_uri: &str) -> Answer {
    Answer::Send(
        "",
        format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#),
    )
}

fn op() -> Op {
    let op = Op::with_keys(&[ed("a")]);
    op.answer(METADATA, metadata("https://op.example", JWKS));
    op
}

#[tokio::test(start_paused = true)]
async fn the_metadata_is_read_once_and_then_once_a_day() {
    // BCL-31
    let world = World::discovering(op()).loaded().await;
    assert_eq!(world.op.asked(), [METADATA, JWKS]);
    world.pass(600).await;
    assert!(world.knows("a"));
    settle().await;
    assert_eq!(world.op.asked(), [METADATA, JWKS, JWKS]);
    world.pass(23 * 3600 + 3000).await;
    assert!(world.knows("a"));
    settle().await;
    assert_eq!(world.op.asked()[3..], [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_issuer_gives_no_keys() {
    // BCL-32
    for issuer in ["https://evil.example", "https://op.example/"] {
        let op = op();
        op.answer(METADATA, metadata(issuer, JWKS));
        let world = World::discovering(op);
        let error = world.keys.ready().await.unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::WrongIssuer);
        assert_eq!(world.op.asked(), [METADATA], "its jwks_uri is not asked");
    }
}

#[tokio::test(start_paused = true)]
async fn a_jwks_uri_that_is_not_https_is_not_asked() {
    // BCL-33
    let op = op();
    op.answer(
        METADATA,
        metadata("https://op.example", "http://op.example/jwks"),
    );
    let world = World::discovering(op);
    let error = world.keys.ready().await.unwrap_err();
    assert_eq!(error.kind(), KeysErrorKind::JwksUri);
    assert_eq!(world.op.asked(), [METADATA]);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_goes_bad_leaves_the_good_set_in_place() {
    // BCL-32, BCL-79
    let world = World::discovering(op()).loaded().await;
    world.op.answer(JWKS, Answer::Status(404));
    for bad in [
        metadata("https://evil.example", "https://evil.example/jwks"),
        Answer::Send("", "{}".to_owned()),
        Answer::Send("", "<html>".to_owned()),
        Answer::Status(500),
        Answer::Redirect,
        Answer::Send("", " ".repeat(2 << 20)),
    ] {
        world.op.answer(METADATA, bad);
        world.pass(600).await;
        assert!(world.knows("a"));
        settle().await;
        assert!(world.knows("a"));
    }
    assert!(world.op.asked().iter().all(|url| !url.contains("evil")));
}

#[tokio::test(start_paused = true)]
async fn keys_that_moved_are_found_within_one_attempt() {
    // BCL-79
    let world = World::discovering(op()).loaded().await;
    let moved = "https://op.example/keys/v2";
    world.op.answer(JWKS, Answer::Status(404));
    world
        .op
        .answer(METADATA, metadata("https://op.example", moved));
    world.op.answer(moved, Answer::Send("", set(&[ed("new")])));
    retried(&world.after(world.unknown("new")).await);
    assert_eq!(world.op.asked()[2..], [JWKS, METADATA, moved]);
    assert_eq!(world.keys.health().attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn the_validator_of_one_url_is_not_sent_to_another() {
    // BCL-81
    let op = op();
    op.0.lock().unwrap().etag = Some("\"v1\"");
    let world = World::discovering(op).loaded().await;
    let moved = "https://op.example/keys/v2";
    world
        .op
        .answer(METADATA, metadata("https://op.example", moved));
    world.op.answer(moved, Answer::Send("", set(&[ed("a")])));
    world.pass(24 * 3600).await;
    assert!(world.knows("a"));
    settle().await;
    assert_eq!(world.op.asked()[2..], [METADATA, moved]);
}
