//! Claims about live connections.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::{Broken, Report, SuiteClock, World, at, by_sid, by_subject, id, identity, session};
use crate::session::{NewSession, SessionRegistry};

claims! { run_watch:
    a_logout_wakes_the_connections_of_its_sessions_alone
    a_connection_follows_the_session
    an_end_before_the_first_poll_is_not_missed
    a_connection_ends_when_the_session_expires
    a_connection_ends_when_another_session_takes_its_id
    a_logout_wakes_stateless_connections
}

/// Whether it is over now, without waiting.
async fn is_over(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
    for _ in 0..8 {
        let ready = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready()));
        if ready.await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Whether it resolves within the time a live connection may take to notice.
async fn resolves(future: Pin<&mut impl Future<Output = ()>>) -> bool {
    tokio::time::timeout(Duration::from_secs(5), future)
        .await
        .is_ok()
}

/// `ended` resolves when a logout ends the session, and not for another one.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_logout_wakes_the_connections_of_its_sessions_alone<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // Promise 9
    world.begin(session("a", "customer", Some("A"), 0)?).await?;
    world.begin(session("b", "customer", Some("B"), 0)?).await?;
    let mut a = pin!(world.store.ended(&id("a")?));
    let mut second = pin!(world.store.ended(&id("a")?));
    let mut b = pin!(world.store.ended(&id("b")?));
    ensure!(!is_over(a.as_mut()).await, "a live session has ended");
    world.end(&by_sid("A", None, 0)?).await?;
    ensure!(resolves(a).await, "the connection did not notice its end");
    ensure!(
        resolves(second.as_mut()).await,
        "the second connection did not notice its end"
    );
    ensure!(
        !is_over(b.as_mut()).await,
        "another session's connection ended"
    );
    world.end(&by_subject("customer", 0)?).await?;
    ensure!(
        resolves(b).await,
        "the connection did not notice the logout of the customer"
    );
    Ok(())
}

/// `ended` follows a rotation and notices a local logout; for what is not live it resolves at once.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_connection_follows_the_session<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world.begin(session("a", "customer", None, 0)?).await?;
    let mut watch = pin!(world.store.ended(&id("a")?));
    ensure!(!is_over(watch.as_mut()).await, "a live session has ended");
    ensure!(
        world.rotate("a", "b").await?,
        "a live session was not moved"
    );
    ensure!(
        tokio::time::timeout(Duration::from_secs(1), watch.as_mut())
            .await
            .is_err(),
        "a rotation ended the connection"
    );
    ensure!(
        resolves(pin!(world.store.ended(&id("a")?))).await,
        "a dead id has a connection"
    );
    world.local_logout("b").await?;
    ensure!(
        resolves(watch).await,
        "the connection did not notice the local logout"
    );
    ensure!(
        resolves(pin!(world.store.ended(&id("b")?))).await,
        "an ended session has a connection"
    );
    ensure!(
        resolves(pin!(world.store.ended(&id("c")?))).await,
        "an unknown session has a connection"
    );
    Ok(())
}

/// A future that was made before the end and is polled after it resolves.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn an_end_before_the_first_poll_is_not_missed<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    world.begin(session("a", "customer", None, 0)?).await?;
    let watch = pin!(world.store.ended(&id("a")?));
    world.end(&by_subject("customer", 0)?).await?;
    ensure!(resolves(watch).await, "the end was missed");
    Ok(())
}

/// `ended` resolves when the session expires, at its newest end.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_connection_ends_when_the_session_expires<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    let new = NewSession::new(id("a")?, identity("customer", None, Some(0))?, at(1));
    world.begin(new).await?;
    let mut watch = pin!(world.store.ended(&id("a")?));
    ensure!(!is_over(watch.as_mut()).await, "it ended early");
    ensure!(
        world.extend("a", 2).await?,
        "a live session was not extended"
    );
    world.clock.set(1);
    ensure!(
        !is_over(watch.as_mut()).await,
        "it did not follow the extension"
    );
    world.clock.set(2);
    ensure!(resolves(watch).await, "it did not notice the expiry");
    Ok(())
}

/// `ended` is about one session, not about its id: it resolves when a login or a rotation gives the id to another one.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_connection_ends_when_another_session_takes_its_id<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    // Promise 9
    for (name, subject) in [("a", "one"), ("b", "two"), ("c", "three")] {
        world.begin(session(name, subject, None, 0)?).await?;
    }
    let mut by_login = pin!(world.store.ended(&id("a")?));
    let mut by_rotation = pin!(world.store.ended(&id("b")?));
    let mut moved = pin!(world.store.ended(&id("c")?));
    ensure!(!is_over(by_login.as_mut()).await, "it ended early");
    ensure!(!is_over(by_rotation.as_mut()).await, "it ended early");
    world.begin(session("a", "four", None, 1)?).await?;
    ensure!(
        world.rotate("c", "b").await?,
        "a live session was not moved"
    );
    ensure!(
        resolves(by_login).await,
        "the connection went over to another login"
    );
    ensure!(
        resolves(by_rotation).await,
        "the connection went over to another session"
    );
    ensure!(
        !is_over(moved.as_mut()).await,
        "the connection of the moved session ended"
    );
    world.end(&by_subject("three", 0)?).await?;
    ensure!(
        resolves(moved).await,
        "the connection of the moved session did not notice its end"
    );
    Ok(())
}

/// `identity_ended` resolves when a mark reaches the identity, at once if one does already.
///
/// # Errors
///
/// [`Broken`], when the claim does not hold.
pub async fn a_logout_wakes_stateless_connections<R: SessionRegistry>(
    world: &World<R>,
) -> Result<(), Broken> {
    let with_sid = identity("customer", Some("A"), Some(0))?;
    let without = identity("customer", None, Some(0))?;
    let later = identity("customer", Some("B"), Some(100))?;
    let mut one = pin!(world.store.identity_ended(&with_sid));
    let mut two = pin!(world.store.identity_ended(&without));
    let mut three = pin!(world.store.identity_ended(&later));
    ensure!(!is_over(one.as_mut()).await, "nobody logged out");
    ensure!(!is_over(two.as_mut()).await, "nobody logged out");
    world.end(&by_sid("A", None, 0)?).await?;
    ensure!(resolves(one).await, "the sid did not reach the connection");
    ensure!(
        !is_over(two.as_mut()).await,
        "a sid reached a connection without one"
    );
    world.end(&by_sid("B", Some("customer"), 0)?).await?;
    ensure!(
        resolves(two).await,
        "the sub did not reach the connection without a sid"
    );
    ensure!(
        !is_over(three.as_mut()).await,
        "a later session was reached"
    );
    world.end(&by_subject("customer", 95)?).await?;
    ensure!(
        resolves(three).await,
        "the sub did not reach the connection"
    );
    ensure!(
        resolves(pin!(world.store.identity_ended(&later))).await,
        "a mark that is there was missed"
    );
    Ok(())
}
