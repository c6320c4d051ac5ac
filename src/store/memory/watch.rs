//! Waiting for the end of a session.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::engine::{Engine, hub_key};
use crate::clock::UnixTime;
use crate::event::hub::Watch;
use crate::session::SessionIdentity;
use crate::session::cell::SessionCell;

/// The longest time without a look at the clock: a clock that was set forward is noticed after it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Resolves when the session is not live any more.
pub(super) async fn ended(engine: Arc<Engine>, cell: Option<Arc<SessionCell>>) {
    let Some(cell) = cell else { return };
    // Subscribed first, looked at second: no end is missed.
    let mut watch = engine.sessions.watch(hub_key(&cell));
    loop {
        let now = engine.clock.now();
        if !engine.is_live(&cell, now) {
            return;
        }
        pause(&mut [&mut watch], until(cell.expires_at(), now)).await;
    }
}

/// Resolves when a mark reaches the identity.
pub(super) async fn identity_ended(engine: Arc<Engine>, identity: SessionIdentity) {
    // Holding the scope keeps its tags the same.
    let scope = engine.scope_of(&identity);
    let [subject, sid] = engine.tags(&scope, &identity);
    let mut by_subject = engine.identities.watch(subject);
    let mut by_sid = engine.identities.watch(sid);
    while !engine.is_logged_out(&identity) {
        pause(&mut [&mut by_subject, &mut by_sid], LOOK_AGAIN).await;
    }
}

fn until(moment: UnixTime, now: UnixTime) -> Duration {
    moment.saturating_duration_since(now).min(LOOK_AGAIN)
}

/// Waits for a wake-up, but no longer than this.
async fn pause(watches: &mut [&mut Watch], longest: Duration) {
    let mut sleep = pin!(tokio::time::sleep(longest));
    std::future::poll_fn(|cx| {
        let woken = watches
            .iter_mut()
            .any(|watch| pin!(watch.woken()).poll(cx).is_ready());
        if woken || sleep.as_mut().poll(cx).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
