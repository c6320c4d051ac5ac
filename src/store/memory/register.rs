//! How a login is taken: findable first, then the marks are looked at, then it is live.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::Engine;
use super::ids::Published;
use super::{MemoryStoreError, step};
use crate::clock::UnixTime;
use crate::session::cell::SessionCell;
use crate::session::{NewSession, Registration};

impl Engine {
    /// Findable first, then the marks, then live: a logout writes its mark first and looks for sessions second, so whichever comes
    /// first, one of the two sees the other (spec BCL-149).
    pub(super) fn register(&self, new: &NewSession) -> Result<Registration, MemoryStoreError> {
        let now = self.clock.now();
        let iat = new.identity().id_token_iat();
        if !new.adopts_existing() && self.policy.is_too_old(iat, now) {
            return Ok(Registration::AlreadyLoggedOut);
        }
        let scope = self.scope_of(new.identity());
        let tags = self.tags(&scope, new.identity());
        let (id, expires_at) = (new.id(), new.expires_at());
        let cell = SessionCell::new(scope, id, new.identity(), expires_at, tags);
        let cell = Arc::new(cell);
        self.take_place(now)?;
        self.link(&cell);
        step("register: findable");
        let marked = self.is_marked(cell.scope(), cell.subject(), cell.sid(), iat, now)
            || self.pending.selects(&cell, &self.policy);
        step("register: marks looked at");
        let mut swept = Vec::new();
        let published = if marked {
            Published::Refused
        } else {
            let print = self.prints.id(id);
            self.ids
                .publish(print, &cell, now, &self.policy, &mut swept)
        };
        step("register: decided");
        let outcome = match published {
            Published::Yes(replaced) => {
                swept.extend(replaced);
                Registration::Registered
            }
            Published::Refused => {
                self.unlink(&cell);
                self.live.fetch_sub(1, Ordering::Relaxed);
                Registration::AlreadyLoggedOut
            }
        };
        self.bury(swept);
        Ok(outcome)
    }

    fn take_place(&self, now: UnixTime) -> Result<(), MemoryStoreError> {
        if self.live.fetch_add(1, Ordering::Relaxed) < self.max_sessions {
            return Ok(());
        }
        // What is over may still be counted. Looked for at most once a second: it takes a while.
        if self.last_full_sweep.swap(now.as_secs(), Ordering::Relaxed) != now.as_secs() {
            let mut swept = Vec::new();
            self.ids.sweep_all(now, &mut swept);
            self.bury(swept);
        }
        if self.live.load(Ordering::Relaxed) <= self.max_sessions {
            return Ok(());
        }
        self.live.fetch_sub(1, Ordering::Relaxed);
        Err(MemoryStoreError::Full)
    }
}
