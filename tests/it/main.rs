//! The integration tests, in one binary.

mod architecture;
mod conformance;
mod endpoint;
mod kit;
mod logout;
mod rig;
mod secrets;
mod vectors;
