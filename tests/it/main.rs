//! Everything that is tested through the public API, in one binary.

mod architecture;
mod conformance;
mod endpoint;
mod faults;
#[cfg(feature = "client")]
mod fetch;
mod guard;
#[cfg(feature = "client")]
mod keys;
mod kit;
mod logout;
#[cfg(feature = "metrics")]
mod metrics;
mod monitoring;
mod parking;
mod provider;
mod rig;
mod secrets;
mod soak;
mod spans;
mod store;
mod tokens;
mod vectors;
#[cfg(feature = "client")]
mod wire;
