//! Logouts that are being carried out: from the moment one is on this list it is in effect, however many sessions it has to end.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::session::LogoutRequest;
use crate::session::cell::{Scope, SessionCell};
use crate::session::marks::MarkPolicy;

#[derive(Debug, Default)]
pub(super) struct PendingEnds {
    /// Zero almost always; then nobody looks further.
    count: AtomicUsize,
    next: AtomicU64,
    list: RwLock<Vec<(u64, Arc<Scope>, LogoutRequest)>>,
}

/// Takes its logout off the list again.
#[derive(Debug)]
pub(super) struct InEffect<'a>(&'a PendingEnds, u64);

impl PendingEnds {
    pub(super) fn add(&self, scope: &Arc<Scope>, request: &LogoutRequest) -> InEffect<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.list
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push((number, Arc::clone(scope), request.clone()));
        self.count.fetch_add(1, Ordering::SeqCst);
        InEffect(self, number)
    }

    /// Whether a logout that is being carried out ends this session.
    pub(super) fn selects(&self, cell: &SessionCell, policy: &MarkPolicy) -> bool {
        self.count.load(Ordering::SeqCst) != 0
            && self
                .list
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|(_, scope, request)| selects(request, scope, cell, policy))
    }
}

/// Whether a request ends a session; never outside its scope (spec BCL-140).
pub(super) fn selects(
    request: &LogoutRequest,
    scope: &Arc<Scope>,
    cell: &SessionCell,
    policy: &MarkPolicy,
) -> bool {
    Arc::ptr_eq(scope, cell.scope())
        && policy.selects(request, cell.subject(), cell.sid(), cell.iat())
}

impl Drop for InEffect<'_> {
    fn drop(&mut self) {
        self.0
            .list
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(number, ..)| *number != self.1);
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}
