//! Guides, from the first line to production. They exist in the documentation only.
//!
//! | page | answers |
//! | --- | --- |
//! | [`first_steps`] | How do I get a working, tested endpoint in my application? |
//! | [`providers`] | What do I set at Strivacity, Keycloak, Auth0, Ory Hydra, …, and what will they send? |
//! | [`stores`] | Where do sessions live, what survives a restart, how do I bring my own table? |
//! | [`stateless`] | How does a signed cookie or a JWT end? |
//! | [`live_connections`] | How do WebSockets, event streams and downloads end? |
//! | [`keys`] | Where do the keys come from, and what happens when the provider is down? |
//! | [`operation`] | What does this reason code mean? What do I log, count and alert on? |
//! | [`limits`] | What can be ended and what cannot? Who wins which race? |
//! | [`threat_model`] | Who could attack this, and what stops them? |
//! | [`scale`] | What does it cost with 100 million sessions, and what breaks first? |
//! | [`comparison`] | What else could I use? |
//!
//! "OP" is the OpenID Provider, "RP" the application that uses this crate, "BCL" the specification OpenID Connect Back-Channel
//! Logout 1.0 with errata set 1.

#[doc = include_str!("first_steps.md")]
pub mod first_steps {}

#[doc = include_str!("providers.md")]
pub mod providers {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("stateless.md")]
pub mod stateless {}

#[doc = include_str!("live_connections.md")]
pub mod live_connections {}

#[doc = include_str!("keys.md")]
pub mod keys {}

#[doc = include_str!("operation.md")]
pub mod operation {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("scale.md")]
pub mod scale {}
