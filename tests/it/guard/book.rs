use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tower_backchannel_logout::SessionId;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::session::*;

type Cell = Arc<(SessionIdentity, watch::Sender<bool>)>;

pub(crate) struct Book {
    sessions: Mutex<HashMap<SessionId, Cell>>,
    marks: watch::Sender<HashSet<String>>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            sessions: Mutex::default(),
            marks: watch::Sender::new(HashSet::new()),
        }
    }
}

fn sid(identity: &SessionIdentity) -> String {
    identity.sid().unwrap().as_str().into()
}

impl SessionStore for Book {
    type Error = Infallible;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Infallible> {
        let wanted = request.target().sid().unwrap().as_str().to_owned();
        for cell in self.sessions.lock().unwrap().values() {
            if sid(&cell.0) == wanted {
                cell.1.send_replace(false);
            }
        }
        self.marks.send_modify(|marks| {
            marks.insert(wanted);
        });
        Ok(Terminated::default())
    }
}

impl SessionRegistry for Book {
    async fn register(&self, session: NewSession) -> Result<Registration, Infallible> {
        let cell = Arc::new((session.identity().clone(), watch::Sender::new(true)));
        self.sessions
            .lock()
            .unwrap()
            .insert(session.id().clone(), cell);
        Ok(Registration::Registered)
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, Infallible> {
        Ok(self.status_now(id).unwrap())
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        Some(match self.sessions.lock().unwrap().get(id) {
            Some(cell) if *cell.1.borrow() => SessionStatus::Live(Session::new(cell.0.clone())),
            Some(_) => SessionStatus::Ended,
            None => SessionStatus::Unknown,
        })
    }

    async fn extend(&self, _: &SessionId, _: UnixTime) -> Result<bool, Infallible> {
        Ok(true)
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, Infallible> {
        let mut sessions = self.sessions.lock().unwrap();
        match sessions.remove(old) {
            Some(cell) => sessions.insert(new.clone(), cell),
            None => return Ok(Rebinding::NotLive),
        };
        Ok(Rebinding::Rebound)
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, Infallible> {
        Ok(match self.sessions.lock().unwrap().get(id) {
            Some(cell) => cell.1.send_replace(false),
            None => false,
        })
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, Infallible> {
        Ok(self.is_logged_out_now(identity).unwrap())
    }

    fn is_logged_out_now(&self, identity: &SessionIdentity) -> Option<bool> {
        Some(self.marks.borrow().contains(&sid(identity)))
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        let cell = self.sessions.lock().unwrap().get(id).cloned();
        async move {
            if let Some(cell) = cell {
                let mut live = cell.1.subscribe();
                let _ = live.wait_for(|live| !live).await;
            }
        }
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut marks = self.marks.subscribe();
        let sid = sid(identity);
        async move {
            let _ = marks.wait_for(|marks| marks.contains(&sid)).await;
        }
    }
}
