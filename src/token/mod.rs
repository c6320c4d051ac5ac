//! Throw-away stub.
#![allow(missing_docs)]
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TokenPolicy {}
impl TokenPolicy {
    #[must_use]
    pub fn strict() -> Self {
        Self {}
    }
}
