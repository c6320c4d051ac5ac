//! The OPs this RP trusts, and what it registered with each.
//!
//! 1. A [`Provider`] is one issuer: its keys (found by discovery, at a URL, or given) and one or more [`Client`]s.
//! 2. A client expects exactly one algorithm (spec BCL-38), RS256 unless told otherwise. An HMAC algorithm needs a secret of
//!    at least the hash length and then no public key is ever tried; a public-key algorithm never tries a secret (BCL-41).
//! 3. [`Providers`] finds the entry by the exact `iss`; a token is verified with the keys of that entry alone (BCL-42).
//!    Entries come and go while requests are in flight.
//!
//! ```
//! use tower_backchannel_logout::provider::{Client, Provider};
//!
//! # fn main() -> Result<(), tower_backchannel_logout::config::ConfigError> {
//! # #[cfg(feature = "client")] {
//! let provider = Provider::builder("https://op.example")
//!     .with_client(Client::builder("orders-web").build()?)
//!     .build()?; // finds its keys by discovery, on first use
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! The issuer, the URLs and the algorithm come from the configuration or the issuer's own metadata, never from a token.

mod builder;
mod check;
mod client;
mod entry;
mod keys;
mod profile;
mod registration;
mod registry;

pub use builder::ProviderBuilder;
pub use check::{Finding, Report, Severity};
pub use client::{Client, ClientBuilder};
pub use entry::Provider;
pub use profile::Profile;
pub use registration::LogoutRegistration;
pub use registry::Providers;
