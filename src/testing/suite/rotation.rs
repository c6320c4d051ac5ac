//! Claims about the rotation of session ids.

use super::{Broken, Report, SuiteClock, World, by_sid, by_subject, id, session};
use crate::session::{SessionRegistry, SessionStatus};

claims! { run_rotation:
    a_rotation_moves_the_session
    a_rotation_changes_nothing_but_the_id
    a_rotation_onto_an_id_in_use_replaces_its_session
}

/// `rebind` makes the new id live and the old one dead for good; a logout finds the session under its new id.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_rotation_moves_the_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    let new = session("a", "customer", Some("sid"), 0)?;
    world.begin(new.clone()).await?;
    ensure!(
        world.rotate("a", "b").await?,
        "a live session was not moved"
    );
    ensure!(world.live("b").await?, "the new id is not live");
    ensure!(!world.live("a").await?, "the old id is still live");
    ensure!(!world.rotate("a", "c").await?, "a dead id was moved");
    ensure!(
        !world.local_logout("a").await? && !world.extend("a", 9999).await?,
        "the old id still acts for the session"
    );
    ensure!(
        !world.login(new).await?,
        "a late save under the old id was taken"
    );
    ensure!(!world.live("a").await?, "a late save revived the old id");
    ensure!(
        world.live("b").await?,
        "a late save under the old id ended the session"
    );
    ensure!(
        world.rotate("b", "c").await?,
        "a moved session was not moved again"
    );
    let ended = world.ended(&by_sid("sid", None, 0)?).await?;
    ensure!(ended == ["c"], "the logout did not report the newest id");
    for name in ["a", "b", "c"] {
        ensure!(!world.live(name).await?, "an id is live after the logout");
    }
    ensure!(!world.rotate("c", "d").await?, "an ended session was moved");
    ensure!(!world.live("d").await?, "a rotation brought it back");
    Ok(())
}

/// Whose session it is, its age and its end stay as they were, through any number of rotations.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_rotation_changes_nothing_but_the_id<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143
    world.clock.set(60);
    let new = session("a", "customer", Some("sid"), 6)?;
    world.begin(new.clone()).await?;
    ensure!(
        world.rotate("a", "b").await? && world.rotate("b", "c").await?,
        "a live session was not moved"
    );
    let status = world.store.status(&id("c")?).await;
    let SessionStatus::Live(live) = status.map_err(Broken::store)? else {
        return Err(Broken::claim("a moved session is not live"));
    };
    ensure!(
        live.identity() == *new.identity(),
        "a rotation changed whose session it is"
    );
    let ended = world.ended(&by_subject("customer", 0)?).await?;
    ensure!(
        ended.is_empty() && world.live("c").await?,
        "an earlier logout reached a moved session"
    );
    world.clock.set(3599);
    ensure!(world.live("c").await?, "a rotation brought the end forward");
    world.clock.set(3600);
    ensure!(!world.live("c").await?, "a rotation put the end off");
    Ok(())
}

/// The session that had the new id before is over, as if another login had taken the id.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_rotation_onto_an_id_in_use_replaces_its_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world
        .begin(session("a", "first", Some("sid 1"), 0)?)
        .await?;
    world
        .begin(session("b", "second", Some("sid 2"), 0)?)
        .await?;
    ensure!(
        world.rotate("a", "b").await?,
        "a live session was not moved"
    );
    let status = world.store.status(&id("b")?).await;
    let SessionStatus::Live(live) = status.map_err(Broken::store)? else {
        return Err(Broken::claim("a moved session is not live"));
    };
    ensure!(
        live.subject() == "first",
        "the id still has its former session"
    );
    let ended = world.ended(&by_sid("sid 2", None, 0)?).await?;
    ensure!(
        ended.is_empty() && world.live("b").await?,
        "the replaced session has a say"
    );
    let ended = world.ended(&by_subject("first", 0)?).await?;
    ensure!(
        ended == ["b"] && !world.live("b").await?,
        "the moved session did not end under its new id"
    );
    Ok(())
}
