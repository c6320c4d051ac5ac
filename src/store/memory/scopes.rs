//! One shared [`Scope`] for each (issuer, `client_id`).

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashTable;

use crate::session::cell::Scope;
use crate::types::{ClientId, Issuer};

/// Unused scopes are looked for when there are this many, and each time their number has doubled.
const FIRST_PURGE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Scopes {
    keyed: RandomState,
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    scopes: HashTable<Arc<Scope>>,
    purge_at: usize,
}

impl Scopes {
    /// The scope, the same for as long as somebody holds it.
    pub(super) fn intern(&self, issuer: &Issuer, client_id: &ClientId) -> Arc<Scope> {
        let hash = self.keyed.hash_one((issuer, client_id));
        let same = |scope: &Arc<Scope>| scope.issuer == *issuer && scope.client_id == *client_id;
        let read = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = read.scopes.find(hash, same) {
            return Arc::clone(scope);
        }
        drop(read);
        let mut write = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = write.scopes.find(hash, same) {
            return Arc::clone(scope);
        }
        if write.scopes.len() >= write.purge_at.max(FIRST_PURGE) {
            // Nobody can get hold of one meanwhile: that takes this lock.
            write.scopes.retain(|scope| Arc::strong_count(scope) > 1);
            write.purge_at = write.scopes.len().saturating_mul(2);
        }
        let scope = Arc::new(Scope {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
        });
        write
            .scopes
            .insert_unique(hash, Arc::clone(&scope), |scope| {
                self.keyed.hash_one((&scope.issuer, &scope.client_id))
            });
        scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nobody_uses_do_not_pile_up() {
        let scopes = Scopes::default();
        let client_id = ClientId::parse("rp").unwrap();
        let kept = scopes.intern(&Issuer::parse("https://kept.example").unwrap(), &client_id);
        for nth in 0..5000 {
            let issuer = Issuer::parse(format!("https://op.example/{nth}")).unwrap();
            scopes.intern(&issuer, &client_id);
        }
        assert!(scopes.table.read().unwrap().scopes.len() <= 1 + FIRST_PURGE);
        let again = scopes.intern(&Issuer::parse("https://kept.example").unwrap(), &client_id);
        assert!(Arc::ptr_eq(&kept, &again));
    }
}
