//! What an application needs to test its logout: tokens, a clock and a provider.
#![cfg_attr(
    not(test),
    expect(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test kit fails the test by panicking"
    )
)]

mod breakages;
mod builder;
mod clock;
mod draft;
mod jwk;
mod keys;
mod mint;

pub use breakages::Breakage;
pub use builder::{IdTokenBuilder, LogoutTokenBuilder};
pub use clock::TestClock;
pub use keys::SigningKey;
pub use mint::TokenMint;
