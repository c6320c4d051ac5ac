//! Integration tests, in one binary.

mod kit;
