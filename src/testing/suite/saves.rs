//! Claims about late saves: a request in flight brings no session back (spec BCL-149).

use super::{Broken, Report, SuiteClock, World, at, by_sid, id, identity, session};
use crate::session::{NewSession, SessionRegistry, SessionStatus};

claims! { run_saves:
    a_late_save_brings_nothing_back
    a_session_of_unknown_age_stays_ended
    an_id_never_goes_back_to_an_older_login
}

/// Saving an ended session again is refused, also when it was ended by a `sid` in spite of a later ID Token.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_late_save_brings_nothing_back<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-149
    for iat in [0, 100] {
        let new = session("a", "customer", Some("A"), iat)?;
        world.begin(new.clone()).await?;
        world.end(&by_sid("A", None, 0)?).await?;
        ensure!(!world.login(new.clone()).await?, "a late save was taken");
        ensure!(
            !world.login(new.clone().dangerous_adopt_existing()).await?,
            "a late adoption was taken"
        );
        ensure!(
            !world.live("a").await?,
            "a late save brought the session back"
        );
        world.clock.set(500);
        ensure!(
            !world.login(new).await?,
            "a late save was taken after a while"
        );
        world.clock.set(0);
    }
    Ok(())
}

/// A session without an `iat` that ended is not brought back by a save without one, or by an ID Token from before its end.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_session_of_unknown_age_stays_ended<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143, BCL-149
    let ageless = |name| {
        let identity = identity("customer", Some("A"), None)?;
        Ok::<_, Broken>(NewSession::new(id(name)?, identity, at(3600)))
    };
    world.begin(ageless("local")?).await?;
    world.begin(ageless("both")?).await?;
    world.clock.set(10);
    ensure!(
        world.local_logout("local").await?,
        "a live session was not ended"
    );
    ensure!(
        !world.login(ageless("local")?).await?,
        "a late save of unknown age was taken"
    );
    ensure!(
        !world
            .login(session("local", "customer", Some("A"), 10)?)
            .await?,
        "a login of before the end was taken"
    );
    ensure!(!world.live("local").await?, "it came back");
    ensure!(
        world.ended(&by_sid("A", None, 0)?).await? == ["both"],
        "a logout did not reach a session of unknown age"
    );
    ensure!(
        !world.login(ageless("both")?).await?,
        "a late save of unknown age was taken"
    );
    for name in ["local", "both"] {
        world
            .begin(session(name, "customer", Some("A"), 11)?)
            .await?;
    }
    Ok(())
}

/// A late save is refused also when a later login has taken the id meanwhile; the later login lives on.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn an_id_never_goes_back_to_an_older_login<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // Promise 3
    world.clock.set(60);
    let old = session("a", "first", Some("sid 1"), 0)?;
    world.begin(old.clone()).await?;
    ensure!(
        world.local_logout("a").await?,
        "a live session was not ended"
    );
    let new = session("a", "second", Some("sid 2"), 60)?;
    world.begin(new.clone()).await?;
    ensure!(
        !world.login(old).await?,
        "a late save replaced a later login"
    );
    let ageless = identity("first", Some("sid 1"), None)?;
    ensure!(
        !world
            .login(NewSession::new(id("a")?, ageless, at(3600)))
            .await?,
        "a save of unknown age replaced a login"
    );
    let status = world.store.status(new.id()).await;
    let SessionStatus::Live(live) = status.map_err(Broken::store)? else {
        return Err(Broken::claim("a late save ended a later login"));
    };
    ensure!(
        live.identity() == *new.identity(),
        "a late save took a later login's place"
    );
    // The same login once more is no step back, and neither is a later one.
    world.begin(new).await?;
    world
        .begin(session("a", "second", Some("sid 2"), 61)?)
        .await?;
    Ok(())
}
