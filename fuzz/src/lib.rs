//! What must hold for every input, one `check` for each fuzz target. `cargo test` replays the kept inputs of `tests/corpus`
//! through the same functions, so that the two cannot drift apart.

pub mod claims;
pub mod discovery;
pub mod form;
pub mod header;
#[cfg(feature = "jwe")]
pub mod jwe;
pub mod jwks;
mod oracle;
mod subject;
pub mod token;
