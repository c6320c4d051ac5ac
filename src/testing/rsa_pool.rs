//! RSA keys are slow to make (about a tenth of a second), so a process starts with ready-made ones and uses keys again
//! that nobody holds any more.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const READY_KEYS: &str = include_str!("rsa_test_keys.txt");

/// First in, first out: a key that was just given up, say by a rotation, comes back as late as possible.
fn pool() -> &'static Mutex<VecDeque<KeyPair>> {
    static POOL: OnceLock<Mutex<VecDeque<KeyPair>>> = OnceLock::new();
    POOL.get_or_init(|| {
        let lines = READY_KEYS.lines().filter(|line| !line.starts_with('#'));
        let keys = lines.map(|line| {
            let der = STANDARD.decode(line).expect("the file holds base64");
            KeyPair::from_pkcs8(&der).expect("the file holds keys")
        });
        Mutex::new(keys.collect())
    })
}

/// A key that goes back to the pool at the end, if it came from there.
pub(super) struct RsaKey {
    /// Taken by `drop` alone.
    pair: Option<KeyPair>,
    pooled: bool,
}

impl RsaKey {
    /// A key that nobody else in this process holds.
    pub(super) fn lease() -> Self {
        let ready = pool()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let generate = || KeyPair::generate(KeySize::Rsa2048).expect("a key can be generated");
        Self {
            pair: Some(ready.unwrap_or_else(generate)),
            pooled: true,
        }
    }

    pub(super) fn own(pair: KeyPair) -> Self {
        Self {
            pair: Some(pair),
            pooled: false,
        }
    }
}

impl Deref for RsaKey {
    type Target = KeyPair;

    fn deref(&self) -> &KeyPair {
        self.pair.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for RsaKey {
    fn drop(&mut self) {
        if let Some(pair) = self.pair.take().filter(|_| self.pooled) {
            let mut pool = pool().lock().unwrap_or_else(PoisonError::into_inner);
            pool.push_back(pair);
        }
    }
}
