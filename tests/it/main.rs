//! The integration tests, in one binary.

mod architecture;
mod conformance;
mod endpoint;
mod examples;
#[cfg(feature = "client")]
mod fetch;
#[cfg(feature = "client")]
mod keys;
mod guard;
mod kit;
mod logout;
mod parking;
mod provider;
mod rig;
mod secrets;
mod vectors;
#[cfg(feature = "client")]
mod wire;
