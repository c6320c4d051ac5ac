//! Claims about which sessions a logout ends (spec BCL-140..147).

use super::{
    Broken, Report, SuiteClock, World, an_empty_store_ends_nothing_and_succeeds, at, by_sid,
    by_subject, id, identity, identity_at, session,
};
use crate::session::{NewSession, SessionRegistry};

claims! { run_logout:
    a_sid_ends_its_sessions_whatever_their_age
    a_sid_with_a_sub_also_ends_what_has_no_sid
    another_sub_does_not_save_the_session_of_a_sid
    a_sub_ends_what_began_up_to_the_cut_off
    no_logout_crosses_to_another_issuer_or_client
    every_session_of_a_customer_ends
    ending_nothing_is_success
    a_repetition_reports_again_until_forgotten
    forgetting_weakens_no_mark
    names_are_compared_byte_for_byte
}

/// A `sid` ends every session recorded with it, also one whose ID Token is later, and no other.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_sid_ends_its_sessions_whatever_their_age<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-141, D-c
    world
        .begin(session("old", "customer", Some("A"), -500)?)
        .await?;
    world
        .begin(session("same", "customer", Some("A"), 0)?)
        .await?;
    world
        .begin(session("later", "customer", Some("A"), 100)?)
        .await?;
    world
        .begin(session("other", "customer", Some("B"), 0)?)
        .await?;
    world.begin(session("none", "customer", None, 0)?).await?;
    let ended = world.ended(&by_sid("A", None, 0)?).await?;
    ensure!(
        ended == ["later", "old", "same"],
        "not exactly the sessions of the sid were reported"
    );
    for name in ["old", "same", "later"] {
        ensure!(!world.live(name).await?, "a session of the sid is live");
    }
    ensure!(world.live("other").await?, "a session of another sid ended");
    ensure!(world.live("none").await?, "a session without a sid ended");
    Ok(())
}

/// With both claims, sessions recorded without any `sid` end by `sub` and cut-off; those of another `sid` stay.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_sid_with_a_sub_also_ends_what_has_no_sid<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-141, D-a
    world.begin(session("A", "customer", Some("A"), 0)?).await?;
    world.begin(session("B", "customer", Some("B"), 0)?).await?;
    world.begin(session("none", "customer", None, 5)?).await?;
    world.begin(session("later", "customer", None, 6)?).await?;
    world
        .begin(session("somebody", "somebody else", None, 0)?)
        .await?;
    let ended = world.ended(&by_sid("A", Some("customer"), 0)?).await?;
    ensure!(
        ended == ["A", "none"],
        "not exactly the selected sessions were reported"
    );
    ensure!(!world.live("A").await?, "the session of the sid is live");
    ensure!(
        !world.live("none").await?,
        "the session without a sid is live"
    );
    ensure!(world.live("B").await?, "a session of another sid ended");
    ensure!(
        world.live("later").await?,
        "a session without a sid, begun later, ended"
    );
    ensure!(
        world.live("somebody").await?,
        "somebody else was logged out"
    );
    Ok(())
}

/// The session of the `sid` ends also when its `sub` is not that of the token.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn another_sub_does_not_save_the_session_of_a_sid<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-142
    world.begin(session("a", "pairwise", Some("A"), 0)?).await?;
    world.end(&by_sid("A", Some("internal"), 0)?).await?;
    ensure!(!world.live("a").await?, "a differing sub saved the session");
    Ok(())
}

/// A `sub` alone ends all sessions up to the cut-off plus the spread, and those of unknown age; later ones live.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_sub_ends_what_began_up_to_the_cut_off<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143
    for (name, iat) in [
        ("old", -500),
        ("at", 0),
        ("four", 4),
        ("five", 5),
        ("six", 6),
    ] {
        world
            .begin(session(name, "customer", Some(name), iat)?)
            .await?;
    }
    let ageless = NewSession::new(id("ageless")?, identity("customer", None, None)?, at(60));
    world.begin(ageless).await?;
    world
        .begin(session("somebody", "somebody else", None, 0)?)
        .await?;
    let ended = world.ended(&by_subject("customer", 0)?).await?;
    ensure!(
        ended == ["ageless", "at", "five", "four", "old"],
        "not exactly the selected sessions were reported"
    );
    for name in ["old", "at", "four", "five", "ageless"] {
        ensure!(
            !world.live(name).await?,
            "a session up to the cut-off is live"
        );
    }
    ensure!(
        world.live("six").await?,
        "a session after the cut-off and spread ended"
    );
    ensure!(
        world.live("somebody").await?,
        "somebody else was logged out"
    );
    Ok(())
}

/// Sessions of another issuer or client with the same `sub` and `sid` stay, and can be registered after the logout.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn no_logout_crosses_to_another_issuer_or_client<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-140
    let others = [
        ("https://op.example/", "rp"),
        ("https://op.example", "rp 2"),
        ("https://op2.example", "rp"),
    ];
    world
        .begin(session("home", "customer", Some("A"), 0)?)
        .await?;
    for (nth, other) in others.into_iter().enumerate() {
        let identity = identity_at(other, "customer", Some("A"), Some(0))?;
        let name = id(&format!("other {nth}"))?;
        world.begin(NewSession::new(name, identity, at(60))).await?;
    }
    world.end(&by_sid("A", Some("customer"), 0)?).await?;
    world.end(&by_subject("customer", 0)?).await?;
    ensure!(!world.live("home").await?, "the session is live");
    for (nth, other) in others.into_iter().enumerate() {
        ensure!(
            world.live(&format!("other {nth}")).await?,
            "a session of another issuer or client ended"
        );
        let identity = identity_at(other, "customer", Some("A"), Some(0))?;
        ensure!(
            !world.gone(&identity).await?,
            "a mark reaches another issuer or client"
        );
        let name = id(&format!("late {nth}"))?;
        world.begin(NewSession::new(name, identity, at(60))).await?;
    }
    Ok(())
}

/// Sessions are kept in sets, not in slots: all of them end, however many there are.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn every_session_of_a_customer_ends<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143
    for nth in 0..50_i64 {
        let sid = format!("sid {}", nth % 7);
        world
            .begin(session(&format!("{nth}"), "customer", Some(&sid), 0)?)
            .await?;
    }
    let terminated = world.end(&by_sid("sid 3", None, 0)?).await?;
    ensure!(
        terminated.newly_ended == 7 && terminated.sessions.len() == 7,
        "a sid did not end all its sessions"
    );
    let terminated = world.end(&by_subject("customer", 0)?).await?;
    ensure!(
        terminated.newly_ended == 43,
        "a sub did not end all its sessions"
    );
    ensure!(
        terminated.sessions.len() == 50,
        "sessions that were not forgotten are missing in the report"
    );
    for nth in 0..50 {
        ensure!(!world.live(&format!("{nth}")).await?, "a session survived");
    }
    Ok(())
}

/// A logout without a match succeeds, again and again.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn ending_nothing_is_success<R: SessionRegistry>(world: &World<R>) -> Result<(), Broken> {
    // BCL-144
    an_empty_store_ends_nothing_and_succeeds(&*world.store).await?;
    Ok(())
}

/// The same request reports the same sessions until they are forgotten, so that a failed hook can be repeated.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_repetition_reports_again_until_forgotten<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-146, BCL-161
    world.begin(session("a", "customer", Some("A"), 0)?).await?;
    world.begin(session("b", "customer", Some("B"), 0)?).await?;
    let (sid, subject) = (by_sid("A", None, 0)?, by_subject("customer", 0)?);
    let first = world.end(&sid).await?;
    ensure!(first.newly_ended == 1, "the first delivery ended nothing");
    let second = world.end(&sid).await?;
    ensure!(
        second.newly_ended == 0,
        "the second delivery ended something"
    );
    ensure!(
        world.ended(&sid).await? == ["a"],
        "a repetition does not report the session"
    );
    ensure!(
        second.sessions.iter().all(|ended| ended
            .identity()
            .is_none_or(|identity| identity.subject().as_str() == "customer")),
        "the report is about somebody else"
    );
    ensure!(
        world.ended(&subject).await? == ["a", "b"],
        "a wider logout does not report both"
    );
    world.forget(&sid, &second).await?;
    ensure!(
        world.ended(&sid).await?.is_empty(),
        "a forgotten session is reported"
    );
    ensure!(
        world.ended(&subject).await? == ["b"],
        "forgetting one session forgot another"
    );
    Ok(())
}

/// After `forget` the sessions are as dead as before: no late login, no late save.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn forgetting_weakens_no_mark<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-148
    let new = session("a", "customer", Some("A"), 0)?;
    world.begin(new.clone()).await?;
    let request = by_sid("A", None, 0)?;
    let terminated = world.end(&request).await?;
    world.forget(&request, &terminated).await?;
    ensure!(
        !world.live("a").await?,
        "forgetting brought the session back"
    );
    ensure!(!world.login(new).await?, "a late save was taken");
    ensure!(
        !world.login(session("b", "customer", Some("A"), 0)?).await?,
        "a late login was taken"
    );
    // A sid ends what is later than its mark; then the id alone refuses.
    let later = session("c", "customer", Some("C"), 100)?;
    world.begin(later.clone()).await?;
    let request = by_sid("C", None, 0)?;
    let terminated = world.end(&request).await?;
    world.forget(&request, &terminated).await?;
    ensure!(
        !world.login(later).await?,
        "a late save of a later session was taken"
    );
    ensure!(
        !world.live("c").await?,
        "forgetting brought the session back"
    );
    Ok(())
}

/// `sub` and `sid` are opaque: no trimming, no folding of case, no decoding, and no mixing up of the two.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn names_are_compared_byte_for_byte<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-112
    let names = [
        "customer",
        "Customer",
        "customer ",
        "custome",
        "customer%20",
        "cust",
        "omer",
    ];
    for name in names {
        world.begin(session(name, name, Some(name), 0)?).await?;
    }
    ensure!(
        world.ended(&by_subject("customer", 0)?).await? == ["customer"],
        "a sub was not compared byte for byte"
    );
    ensure!(
        world.ended(&by_sid("Customer", None, 0)?).await? == ["Customer"],
        "a sid was not compared byte for byte"
    );
    world.begin(session("x", "left", Some("right"), 0)?).await?;
    ensure!(
        world.ended(&by_sid("left", None, 0)?).await?.is_empty(),
        "a sid was compared with a sub"
    );
    ensure!(
        world.ended(&by_subject("right", 0)?).await?.is_empty(),
        "a sub was compared with a sid"
    );
    Ok(())
}
