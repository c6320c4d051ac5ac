//! The integration tests, in one binary.

mod architecture;
mod kit;
mod vectors;
