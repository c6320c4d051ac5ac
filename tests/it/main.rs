//! The integration tests, in one binary.

mod architecture;
mod kit;
//! Integration tests: one binary, one module a topic.

mod vectors;
