//! Everything that is tested through the public API, in one binary.

mod architecture;
mod conformance;
mod corpus;
mod docs;
#[cfg(feature = "jwe")]
mod encrypted;
mod endpoint;
mod examples;
mod faults;
#[cfg(feature = "client")]
mod fetch;
mod guard;
#[cfg(feature = "josekit")]
mod josekit;
#[cfg(feature = "client")]
mod keys;
mod kit;
mod logout;
#[cfg(feature = "metrics")]
mod metrics;
mod monitoring;
mod parking;
mod properties;
mod provider;
mod rig;
mod secrets;
mod shapes;
mod soak;
mod sockets;
mod spans;
mod store;
mod tenants;
mod tokens;
#[cfg(feature = "tower-sessions")]
mod tower_sessions;
mod vectors;
#[cfg(feature = "client")]
mod wire;
