//! Claims about two things that happen at once: each pair ends in its one right state, whichever comes first.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use super::{Broken, Report, SuiteClock, World, by_sid, by_subject, id, session};
use crate::session::{LogoutRequest, SessionRegistry};

claims! { run_races:
    a_login_and_its_logout_leave_no_session
    a_later_login_survives_the_race_with_an_earlier_logout
    two_logouts_end_a_session_once
    many_deliveries_of_one_logout_all_succeed
    a_rotation_and_a_logout_leave_no_session
    a_local_logout_and_a_logout_leave_no_session
    a_rotation_and_a_local_logout_agree
    an_expiry_and_a_logout_leave_no_session
    a_late_save_and_a_logout_leave_no_session
    nobody_sees_a_session_come_back
    a_connection_opened_during_a_logout_ends
}

/// A name for each race, and by how many turns of the scheduler its second side starts later.
fn leads() -> impl Iterator<Item = (String, i32)> {
    (-8..=8).map(|lead| (format!("race {lead}"), lead))
}

/// Lets every other task that can go on do so once. Not `yield_now`, which turns the order of the tasks around.
async fn turn() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs both as tasks, one of them some turns of the scheduler behind.
async fn race<A: Send + 'static, B: Send + 'static>(
    lead: i32,
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B> + Send + 'static,
) -> Result<(A, B), Broken> {
    let after = |turns: i32| async move {
        for _ in 0..turns {
            turn().await;
        }
    };
    let first = tokio::spawn(async move {
        after(lead.saturating_neg()).await;
        first.await
    });
    let second = tokio::spawn(async move {
        after(lead).await;
        second.await
    });
    let panicked = |_| Broken::claim("one side panicked");
    Ok((
        first.await.map_err(panicked)?,
        second.await.map_err(panicked)?,
    ))
}

impl<R: SessionRegistry> World<R> {
    /// The races name a session like its `sid`.
    fn name_of<'a>(&self, request: &'a LogoutRequest) -> &'a str {
        request.target().sid().map_or("", |sid| sid.as_str())
    }
}

/// Login against logout: whichever comes first, nothing is live afterwards, and no late login gets in.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_login_and_its_logout_leave_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-149
    for (nth, lead) in leads() {
        for request in [
            by_sid(&nth, None, 0)?,
            by_subject(&nth, 0)?,
            by_sid("-", Some(&nth), 0)?,
        ] {
            let sid = request
                .target()
                .sid()
                .filter(|sid| sid.as_str() != "-")
                .map(|_| nth.as_str());
            let new = session(&nth, &nth, sid, 0)?;
            let (one, two, late) = (world.clone(), world.clone(), new.clone());
            let (login, logout) = race(lead, async move { one.login(new).await }, async move {
                two.end(&request).await
            })
            .await?;
            let (_, reported) = (login?, logout?);
            ensure!(
                reported.sessions.len() <= 1,
                "one session was reported twice"
            );
            ensure!(
                !world.live(&nth).await?,
                "the session is live after its logout"
            );
            ensure!(!world.login(late).await?, "a late login got in");
        }
    }
    Ok(())
}

/// Login against a logout that was decided before: whichever is processed first, the session is live.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_later_login_survives_the_race_with_an_earlier_logout<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-143, BCL-149
    for (nth, lead) in leads() {
        let (new, request) = (session(&nth, &nth, Some(&nth), 6)?, by_subject(&nth, 0)?);
        let (one, two) = (world.clone(), world.clone());
        let (login, logout) = race(lead, async move { one.login(new).await }, async move {
            two.end(&request).await
        })
        .await?;
        ensure!(
            login? && logout?.sessions.is_empty(),
            "the earlier logout reached a later login"
        );
        ensure!(world.live(&nth).await?, "a later login is not live");
    }
    Ok(())
}

/// Two logouts of one session: both succeed, and it ends once.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn two_logouts_end_a_session_once<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-146
    for (nth, lead) in leads() {
        world.begin(session(&nth, &nth, Some(&nth), 0)?).await?;
        let requests = (by_sid(&nth, None, 0)?, by_subject(&nth, 0)?);
        let (one, two) = (world.clone(), world.clone());
        let (sid, subject) = race(
            lead,
            async move { one.end(&requests.0).await },
            async move { two.end(&requests.1).await },
        )
        .await?;
        let ended = (sid?.newly_ended, subject?.newly_ended);
        ensure!(
            matches!(ended, (0, 1) | (1, 0)),
            "it did not end exactly once"
        );
        ensure!(
            !world.live(&nth).await?,
            "the session is live after two logouts"
        );
    }
    Ok(())
}

/// Fifty deliveries at once: all succeed, each session ends once.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn many_deliveries_of_one_logout_all_succeed<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-146
    for name in ["a", "b", "c"] {
        world
            .begin(session(name, "customer", Some("A"), 0)?)
            .await?;
    }
    let deliveries: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.end(&by_sid("A", None, 0)?).await })
        })
        .collect();
    let mut ended: usize = 0;
    for delivery in deliveries {
        let terminated = delivery
            .await
            .map_err(|_| Broken::claim("a delivery panicked"))??;
        ensure!(
            terminated.sessions.len() == 3,
            "a delivery does not report the sessions"
        );
        ended = ended.saturating_add(terminated.newly_ended);
    }
    ensure!(ended == 3, "a session did not end exactly once");
    Ok(())
}

/// Logout against rotation: neither id is live afterwards, and the report names the id the session had.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_rotation_and_a_logout_leave_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // Promise 2
    for (nth, lead) in leads() {
        world.begin(session(&nth, &nth, Some(&nth), 0)?).await?;
        let (new, request) = (format!("{nth} new"), by_sid(&nth, None, 0)?);
        let (one, two, old, target) = (world.clone(), world.clone(), nth.clone(), new.clone());
        let (moved, ended) = race(
            lead,
            async move { one.rotate(&old, &target).await },
            async move { two.ended(&request).await },
        )
        .await?;
        let name = if moved? { &new } else { &nth };
        ensure!(
            ended?.iter().eq([name]),
            "the report does not name the session's id"
        );
        ensure!(
            !world.live(&nth).await? && !world.live(&new).await?,
            "a rotation saved the session"
        );
        ensure!(
            !world.login(session(&nth, &nth, Some(&nth), 0)?).await?,
            "a late save was taken"
        );
    }
    Ok(())
}

/// Logout against local logout: nothing is live, and only one of them ended it.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_local_logout_and_a_logout_leave_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    for (nth, lead) in leads() {
        let new = session(&nth, &nth, Some(&nth), 0)?;
        world.begin(new.clone()).await?;
        let request = by_subject(&nth, 0)?;
        let (one, two, name) = (world.clone(), world.clone(), nth.clone());
        let (local, logout) = race(
            lead,
            async move { one.local_logout(&name).await },
            async move { two.end(&request).await },
        )
        .await?;
        ensure!(
            usize::from(local?) + logout?.newly_ended == 1,
            "it did not end exactly once"
        );
        ensure!(!world.live(&nth).await?, "the session is live");
        ensure!(!world.login(new).await?, "a late save was taken");
    }
    Ok(())
}

/// Rotation against local logout of the old id: one of them wins, and the other one knows.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_rotation_and_a_local_logout_agree<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    for (nth, lead) in leads() {
        world.begin(session(&nth, &nth, None, 0)?).await?;
        let new = format!("{nth} new");
        let (one, two, old, name, target) = (
            world.clone(),
            world.clone(),
            nth.clone(),
            nth.clone(),
            new.clone(),
        );
        let (moved, local) = race(
            lead,
            async move { one.rotate(&old, &target).await },
            async move { two.local_logout(&name).await },
        )
        .await?;
        let (moved, local) = (moved?, local?);
        ensure!(moved != local, "both won, or none");
        ensure!(
            world.live(&new).await? == moved,
            "the new id is not what the rotation said"
        );
        ensure!(!world.live(&nth).await?, "the old id is live");
    }
    Ok(())
}

/// Logout against expiry, and against moving the end: nothing is live afterwards.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn an_expiry_and_a_logout_leave_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    for (nth, lead) in leads() {
        world.clock.set(0);
        world.begin(session(&nth, &nth, None, 0)?).await?;
        world
            .begin(session(&format!("{nth} x"), &nth, None, 0)?)
            .await?;
        let request = by_subject(&nth, 0)?;
        let (one, two, name) = (world.clone(), world.clone(), format!("{nth} x"));
        let (extended, logout) = race(
            lead,
            async move {
                let extended = one.extend(&name, 9000).await;
                one.clock.set(3600);
                extended
            },
            async move { two.end(&request).await },
        )
        .await?;
        let (_, reported) = (extended?, logout?);
        ensure!(reported.sessions.len() <= 2, "a session was reported twice");
        ensure!(!world.live(&nth).await?, "an expired session is live");
        ensure!(
            !world.live(&format!("{nth} x")).await?,
            "extending saved the session"
        );
        world.clock.set(0);
        ensure!(
            !world.live(&format!("{nth} x")).await?,
            "extending saved the session"
        );
    }
    Ok(())
}

/// Late save against logout: nothing is live afterwards.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_late_save_and_a_logout_leave_no_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // BCL-149
    for (nth, lead) in leads() {
        for iat in [0, 100] {
            let name = format!("{nth} {iat}");
            let new = session(&name, &name, Some(&name), iat)?;
            world.begin(new.clone()).await?;
            let request = by_sid(&name, None, 0)?;
            // A save that came before the logout ended with it; the one that comes after is refused.
            let (one, two, late) = (world.clone(), world.clone(), new.clone());
            let (saved, logout) = race(lead, async move { one.login(late).await }, async move {
                two.end(&request).await
            })
            .await?;
            let (_, reported) = (saved?, logout?);
            ensure!(
                !reported.sessions.is_empty(),
                "the session was not reported"
            );
            ensure!(!world.live(&name).await?, "a late save revived the session");
            ensure!(!world.login(new).await?, "a late save was taken");
        }
    }
    Ok(())
}

/// Guard against logout: once one request was told that the session is over, no later one is told that it is live.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn nobody_sees_a_session_come_back<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    for (nth, lead) in leads() {
        world.begin(session(&nth, &nth, Some(&nth), 0)?).await?;
        let request = by_sid(&nth, None, 0)?;
        let (one, two, name) = (world.clone(), world.clone(), nth.clone());
        let (seen, logout) = race(
            lead,
            async move {
                let mut seen = Vec::new();
                for _ in 0..12 {
                    seen.push(one.live(&name).await?);
                    turn().await;
                }
                Ok::<_, Broken>(seen)
            },
            async move {
                two.end(&request).await?;
                two.live(two.name_of(&request)).await
            },
        )
        .await?;
        ensure!(!logout?, "live right after its logout");
        ensure!(
            seen?.is_sorted_by(|before, after| before >= after),
            "it came back"
        );
    }
    Ok(())
}

/// A live connection against logout: it ends, in every order.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_connection_opened_during_a_logout_ends<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // Promise 9
    for (nth, lead) in leads() {
        world.begin(session(&nth, &nth, Some(&nth), 0)?).await?;
        let request = by_sid(&nth, None, 0)?;
        let (one, two, name) = (world.clone(), world.clone(), id(&nth)?);
        let (noticed, logout) = race(
            lead,
            async move {
                tokio::time::timeout(Duration::from_secs(5), one.store.ended(&name))
                    .await
                    .is_ok()
            },
            async move { two.end(&request).await },
        )
        .await?;
        ensure!(
            noticed && logout?.newly_ended == 1,
            "the connection missed the logout"
        );
    }
    Ok(())
}
