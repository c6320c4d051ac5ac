//! Claims about marks: logins that come after their logout, and stateless sessions (spec BCL-148, 149).

use super::{Broken, Report, SuiteClock, World, at, by_sid, by_subject, id, identity, session};
use crate::session::{NewSession, SessionRegistry};

claims! { run_marks:
    a_login_after_its_logout_is_refused
    a_later_login_passes
    two_marks_keep_the_later_cut_off
    a_second_logout_prolongs_the_mark
    a_late_logout_blocks_no_login_that_began_meanwhile
    a_mark_lives_as_long_as_a_login_may_take
    an_old_id_token_begins_no_session
    stateless_sessions_are_known_by_the_marks
    many_marks_push_none_out
}

/// A login whose ID Token is not later than a logout that came first is refused, for each kind of logout.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_login_after_its_logout_is_refused<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-148, BCL-149, D-d
    world.end(&by_sid("A", None, 0)?).await?;
    world.end(&by_subject("all", 0)?).await?;
    world.end(&by_sid("B", Some("both"), 0)?).await?;
    for iat in [-100, 0, 5] {
        for (subject, sid) in [
            ("customer", Some("A")),
            ("all", None),
            ("all", Some("C")),
            ("both", Some("B")),
            ("both", None),
            ("another", Some("B")),
        ] {
            ensure!(
                !world.login(session("a", subject, sid, iat)?).await?,
                "a login was taken after its logout"
            );
            ensure!(!world.live("a").await?, "a refused login is live");
        }
    }
    let ageless = NewSession::new(id("ageless")?, identity("all", None, None)?, at(60));
    ensure!(
        !world.login(ageless).await?,
        "a login of unknown age was taken after its logout"
    );
    world.begin(session("c", "customer", Some("C"), 0)?).await?;
    world.begin(session("n", "customer", None, 0)?).await?;
    world.begin(session("o", "both", Some("O"), 0)?).await?;
    Ok(())
}

/// A login after the logout is taken, with the same `sub`, `sid` and session id: no mark needs to be taken back.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_later_login_passes<R: SessionRegistry>(world: &World<R>) -> Result<(), Broken> {
    // BCL-149, BCL-160
    world.begin(session("a", "customer", Some("A"), 0)?).await?;
    world.begin(session("n", "customer", None, 0)?).await?;
    world.end(&by_sid("A", Some("customer"), 0)?).await?;
    world.end(&by_subject("customer", 0)?).await?;
    for (name, sid) in [
        ("a", Some("A")),
        ("n", None),
        ("b", Some("B")),
        ("c", Some("A")),
    ] {
        ensure!(
            world.login(session(name, "customer", sid, 6)?).await?,
            "a mark blocks a later login"
        );
        ensure!(world.live(name).await?, "a later login is not live");
        ensure!(
            !world.gone(&identity("customer", sid, Some(6))?).await?,
            "a mark reaches a later login"
        );
    }
    Ok(())
}

/// A logout that arrives late takes nothing back from one that was decided later.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn two_marks_keep_the_later_cut_off<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world.end(&by_sid("A", None, 100)?).await?;
    world.end(&by_sid("A", None, 50)?).await?;
    world.end(&by_subject("customer", 50)?).await?;
    world.end(&by_subject("customer", 100)?).await?;
    ensure!(
        !world.login(session("a", "other", Some("A"), 90)?).await?,
        "an earlier sid cut-off took a later one back"
    );
    ensure!(
        !world.login(session("b", "customer", None, 90)?).await?,
        "a later sub cut-off was not kept"
    );
    ensure!(
        world
            .login(session("c", "customer", Some("A"), 106)?)
            .await?,
        "the cut-off is too late"
    );
    Ok(())
}

/// A second logout makes the mark live as long as one of its own would.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_second_logout_prolongs_the_mark<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-148
    let request = |cut_off| by_sid("A", Some("customer"), cut_off);
    world.end(&request(0)?).await?;
    world.end(&by_subject("all", 0)?).await?;
    world.clock.set(500);
    world.end(&request(500)?).await?;
    world.end(&by_subject("all", 500)?).await?;
    for (second, iat) in [(700, 400), (1100, 500), (1105, 505)] {
        world.clock.set(second);
        for (subject, sid) in [
            ("customer", Some("A")),
            ("customer", None),
            ("all", Some("B")),
        ] {
            ensure!(
                !world.login(session("a", subject, sid, iat)?).await?,
                "the mark ended with the first logout"
            );
            ensure!(
                world.gone(&identity(subject, sid, Some(iat))?).await?,
                "the mark ended with the first logout"
            );
        }
    }
    world.begin(session("a", "all", Some("B"), 506)?).await?;
    Ok(())
}

/// What counts is when the logout was decided, not when it arrived: a login in between is taken and lives.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_late_logout_blocks_no_login_that_began_meanwhile<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143, BCL-149: promise 4
    world.clock.set(60);
    world.begin(session("before", "customer", None, 5)?).await?;
    world
        .begin(session("meanwhile", "customer", None, 6)?)
        .await?;
    world.end(&by_subject("customer", 0)?).await?;
    world.end(&by_sid("A", Some("both"), 0)?).await?;
    ensure!(
        !world.live("before").await? && world.live("meanwhile").await?,
        "a late logout ended not exactly what began before it"
    );
    for (subject, sid) in [("customer", Some("B")), ("both", Some("A")), ("both", None)] {
        ensure!(
            !world.login(session("a", subject, sid, 5)?).await?,
            "a login of before the logout was taken"
        );
        ensure!(
            world.login(session("b", subject, sid, 6)?).await?,
            "a late logout blocks a login that began meanwhile"
        );
        ensure!(
            !world.gone(&identity(subject, sid, Some(6))?).await?,
            "a late logout reaches a session that began meanwhile"
        );
    }
    Ok(())
}

/// The mark refuses for as long as an ID Token may be old; an older one is refused for its age.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_mark_lives_as_long_as_a_login_may_take<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-148
    world.end(&by_subject("customer", 0)?).await?;
    for second in [0, 1, 359, 360, 361, 599, 600] {
        world.clock.set(second);
        ensure!(
            !world.login(session("a", "customer", None, 0)?).await?,
            "the mark ended too early"
        );
        ensure!(
            world.gone(&identity("customer", None, Some(0))?).await?,
            "the mark ended too early"
        );
    }
    for second in [601, 605, 606, 607, 3000] {
        world.clock.set(second);
        for iat in [0, 5] {
            ensure!(
                !world.login(session("a", "customer", None, iat)?).await?,
                "a login that was logged out got in"
            );
            ensure!(
                world.gone(&identity("customer", None, Some(iat))?).await?,
                "a stateless session outlived its mark"
            );
        }
    }
    let nobody = |iat| identity("nobody", None, Some(iat));
    ensure!(
        !world.gone(&nobody(2400)?).await?,
        "a session is over although no mark can be gone yet"
    );
    ensure!(
        world.gone(&nobody(2399)?).await?,
        "what cannot be shown to be alive is not over"
    );
    world.begin(session("b", "customer", None, 3000)?).await?;
    Ok(())
}

/// An ID Token older than the marks are kept is refused, unless existing sessions are adopted on purpose; marks hold for those too.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn an_old_id_token_begins_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // D-d
    world.clock.set(1000);
    world
        .begin(session("in time", "customer", None, 400)?)
        .await?;
    ensure!(
        !world.login(session("old", "customer", None, 399)?).await?,
        "an old ID Token was taken"
    );
    world
        .begin(session("old", "customer", None, 399)?.dangerous_adopt_existing())
        .await?;
    ensure!(world.live("old").await?, "an adopted session is not live");
    world.end(&by_subject("customer", 1000)?).await?;
    ensure!(
        !world
            .login(session("x", "customer", None, 399)?.dangerous_adopt_existing())
            .await?,
        "adopting ignored a mark"
    );
    Ok(())
}

/// `is_logged_out` answers from the marks: `sid`, `sub`, no `sid`, cut-off, unknown age.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn stateless_sessions_are_known_by_the_marks<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-148, BCL-153
    ensure!(
        !world
            .gone(&identity("customer", Some("A"), Some(0))?)
            .await?,
        "a mark nobody wrote"
    );
    world.end(&by_sid("A", Some("customer"), 0)?).await?;
    ensure!(
        world
            .gone(&identity("customer", Some("A"), Some(5))?)
            .await?,
        "the sid does not reach its session"
    );
    ensure!(
        world.gone(&identity("other", Some("A"), Some(0))?).await?,
        "another sub saved the session"
    );
    ensure!(
        !world
            .gone(&identity("customer", Some("A"), Some(6))?)
            .await?,
        "the sid reaches a later login"
    );
    ensure!(
        !world
            .gone(&identity("customer", Some("B"), Some(0))?)
            .await?,
        "another sid is reached"
    );
    ensure!(
        world.gone(&identity("customer", None, Some(5))?).await?,
        "a session without sid is not reached"
    );
    ensure!(
        !world.gone(&identity("customer", None, Some(6))?).await?,
        "a later one without sid is reached"
    );
    ensure!(
        world.gone(&identity("customer", None, None)?).await?,
        "one of unknown age is not reached"
    );
    ensure!(
        world.gone(&identity("customer", Some("A"), None)?).await?,
        "one of unknown age is not reached"
    );
    world.end(&by_subject("customer", 10)?).await?;
    ensure!(
        world
            .gone(&identity("customer", Some("B"), Some(15))?)
            .await?,
        "the sub does not reach a session with a sid"
    );
    ensure!(
        !world
            .gone(&identity("customer", Some("B"), Some(16))?)
            .await?,
        "the sub reaches a later login"
    );
    ensure!(
        !world.gone(&identity("other", None, Some(0))?).await?,
        "somebody else is reached"
    );
    Ok(())
}

/// However many logouts come, the first mark still refuses; more may be refused, never less.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn many_marks_push_none_out<R: SessionRegistry>(world: &World<R>) -> Result<(), Broken> {
    // Promise 8
    world
        .begin(session("known", "first", Some("first"), 0)?)
        .await?;
    world.end(&by_sid("first", Some("first"), 0)?).await?;
    world.end(&by_subject("second", 0)?).await?;
    for nth in 0..500 {
        world
            .end(&by_sid(&format!("sid {nth}"), Some("third"), 1)?)
            .await?;
    }
    ensure!(
        !world
            .login(session("a", "first", Some("first"), 0)?)
            .await?,
        "a sid mark was pushed out"
    );
    ensure!(
        !world
            .login(session("a", "pairwise", Some("first"), 0)?)
            .await?,
        "a sid mark was pushed out"
    );
    ensure!(
        !world.login(session("b", "first", None, 0)?).await?,
        "a mark for sessions without sid was pushed out"
    );
    ensure!(
        !world.login(session("c", "second", Some("any"), 0)?).await?,
        "a sub mark was pushed out"
    );
    world.begin(session("d", "second", Some("any"), 7)?).await?;
    Ok(())
}
