//! How a session gets from its old id to its new one.
//!
//! tower-sessions deletes the old id, and creates the new one when the response is written. Between the two the session must go on
//! being a session: a logout that selects it then has to end it, and marks alone would not (a `sid` ends its session whatever its age,
//! its mark only refuses older logins). So what is deleted waits in the registry, under a name that nobody can guess, and the
//! new id takes it over in one step, if it is still live.

use std::future::Future;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{BackchannelSessionStore, Records, Version};
use crate::session::{NewSession, Rebinding, SessionRegistry, SessionStatus};
use crate::types::SessionId;

/// How long a session waits for its new id.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a name of a waiting session begins with; no id of tower-sessions does.
pub(super) const WAITING: &str = "rotating.";

/// What the deletion of an id means. tower-sessions does not say; whoever calls it through the wrapper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The session goes on under another id.
    Move,
    /// The session is over.
    End,
    /// One of the two.
    Either,
}

tokio::task_local! {
    static MEANING: Meaning;
}

/// Says what the deletions inside of a future mean.
pub(super) async fn meant_as<F: Future>(meaning: Meaning, future: F) -> F::Output {
    MEANING.scope(meaning, future).await
}

fn meaning() -> Meaning {
    MEANING
        .try_with(|meaning| *meaning)
        .unwrap_or(Meaning::Either)
}

impl<S, R, V> BackchannelSessionStore<S, R, V>
where
    S: Records<V>,
    R: SessionRegistry,
    V: Version,
{
    /// The name under which a session waits that had this id.
    pub(super) fn waiting(&self, old: &SessionId) -> SessionId {
        let tag = hmac::sign(&self.shared.secret, old.as_str().as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag);
        SessionId::reread(&format!("{WAITING}{tag}"))
    }

    /// Takes a session from its id, because tower-sessions deletes that.
    pub(super) async fn leave(&self, id: &SessionId) -> Result<(), R::Error> {
        let registry = self.registry();
        let waiting = self.waiting(id);
        let SessionStatus::Live(session) = self.ask(id).await? else {
            // Nobody was signed in, or the id is deleted for the second time: then whatever waits is over, too. One of the two
            // deletions may have been a local logout.
            registry.unregister(&waiting).await?;
            return Ok(());
        };
        let until = self.clock.now().saturating_add(PATIENCE);
        match meaning() {
            Meaning::Move => {
                if registry.rebind(id, &waiting).await? == Rebinding::Rebound {
                    registry.extend(&waiting, until).await?;
                }
            }
            Meaning::End => {
                registry.unregister(id).await?;
            }
            Meaning::Either => {
                // Findable under the second name first, then not under the first any more. Connections are told now, in case this is
                // a logout.
                let identity = session.identity();
                let second = NewSession::new(waiting.clone(), identity, until);
                let kept = registry.register(second.dangerous_adopt_existing()).await;
                let was_live = registry.unregister(id).await?;
                if !was_live || kept.is_err() {
                    // A logout came between the two, and may not have found the second name.
                    registry.unregister(&waiting).await?;
                }
            }
        }
        Ok(())
    }
}
