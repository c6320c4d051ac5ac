//! Claims about sessions that nobody logs out, or that log out themselves.

use super::{Broken, Report, SuiteClock, World, at, by_sid, by_subject, id, identity, session};
use crate::session::{NewSession, SessionRegistry, SessionStatus};

claims! { run_lifecycle:
    a_registered_session_is_live_with_its_identity
    a_session_is_over_when_it_expires
    the_end_of_a_live_session_moves
    a_local_logout_ends_one_session_for_good
    one_id_is_one_session
}

/// A login that was taken is live under its id, with what it was registered with.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_registered_session_is_live_with_its_identity<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    let new = session("a", "customer", Some("sid"), -3)?;
    world.begin(new.clone()).await?;
    let status = world.store.status(new.id()).await;
    let SessionStatus::Live(live) = status.map_err(Broken::store)? else {
        return Err(Broken::claim("a registered session is not live"));
    };
    ensure!(
        live.identity() == *new.identity(),
        "the identity is another one"
    );
    ensure!(
        !world.live("b").await?,
        "an id that was never registered is live"
    );
    Ok(())
}

/// A session is live until its end and not any longer, and nothing moves the end of one that is over.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_session_is_over_when_it_expires<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world.begin(session("a", "customer", None, 0)?).await?;
    world.clock.set(3599);
    ensure!(world.live("a").await?, "it ended a second early");
    world.clock.set(3600);
    ensure!(!world.live("a").await?, "it is live at its end");
    ensure!(
        !world.extend("a", 9999).await?,
        "an expired session was extended"
    );
    ensure!(
        !world.rotate("a", "b").await?,
        "an expired session was moved"
    );
    ensure!(
        !world.local_logout("a").await?,
        "an expired session was ended"
    );
    ensure!(
        !world.live("a").await? && !world.live("b").await?,
        "it came back"
    );
    let ended = world.ended(&by_subject("customer", 3600)?).await?;
    ensure!(ended.is_empty(), "a logout reported an expired session");
    Ok(())
}

/// A live session can be given a later or an earlier end; an unknown or ended one cannot.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn the_end_of_a_live_session_moves<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world.begin(session("a", "customer", None, 0)?).await?;
    ensure!(
        world.extend("a", 7200).await?,
        "a live session was not extended"
    );
    world.clock.set(7199);
    ensure!(world.live("a").await?, "it did not get its later end");
    ensure!(
        world.extend("a", 7300).await?,
        "a live session was not extended"
    );
    ensure!(
        world.extend("a", 7250).await?,
        "a live session was not shortened"
    );
    world.clock.set(7250);
    ensure!(!world.live("a").await?, "it did not get its earlier end");
    ensure!(
        !world.extend("b", 9999).await?,
        "an unknown session was extended"
    );
    let identity = identity("customer", None, Some(7250))?;
    world
        .begin(NewSession::new(id("c")?, identity, at(9000)))
        .await?;
    world.end(&by_subject("customer", 7250)?).await?;
    ensure!(
        !world.extend("c", 9999).await?,
        "an ended session was extended"
    );
    ensure!(!world.live("c").await?, "extending brought it back");
    Ok(())
}

/// `unregister` ends this session alone, once, and a late save of it is refused; a later login passes.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_local_logout_ends_one_session_for_good<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-149: the dead id.
    let new = session("a", "customer", Some("sid"), 0)?;
    world.begin(new.clone()).await?;
    world
        .begin(session("b", "customer", Some("sid"), 0)?)
        .await?;
    ensure!(
        world.local_logout("a").await?,
        "a live session was not ended"
    );
    ensure!(!world.live("a").await?, "it is live after the local logout");
    ensure!(
        world.live("b").await?,
        "a local logout ended another session"
    );
    ensure!(!world.local_logout("a").await?, "it ended twice");
    ensure!(
        !world.local_logout("c").await?,
        "an unknown session was ended"
    );
    ensure!(!world.login(new).await?, "a late save brought it back");
    ensure!(!world.live("a").await?, "a late save made it live");
    ensure!(!world.rotate("a", "d").await?, "an ended session was moved");
    ensure!(
        world
            .login(session("e", "customer", Some("sid"), 0)?)
            .await?,
        "a local logout refuses a login under another id"
    );
    let ended = world.ended(&by_sid("sid", None, 0)?).await?;
    ensure!(
        ended == ["b", "e"],
        "a logout did not report exactly what had not logged out itself"
    );
    world
        .begin(session("a", "customer", Some("sid 2"), 60)?)
        .await?;
    ensure!(
        world.live("a").await?,
        "a later login under the same id is not live"
    );
    Ok(())
}

/// A login under an id that is live replaces the session; what was there before has no say any more.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn one_id_is_one_session<R: SessionRegistry>(world: &World<R>) -> Result<(), Broken> {
    world
        .begin(session("a", "first", Some("sid 1"), 0)?)
        .await?;
    world
        .begin(session("a", "second", Some("sid 2"), 0)?)
        .await?;
    let ended = world.ended(&by_subject("first", 0)?).await?;
    ensure!(
        ended.is_empty() && world.live("a").await?,
        "the replaced session has a say"
    );
    world.end(&by_sid("sid 2", None, 0)?).await?;
    ensure!(!world.live("a").await?, "the new session did not end");
    Ok(())
}
