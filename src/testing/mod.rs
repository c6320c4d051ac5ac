//! For tests of applications and of stores.

pub mod suite;
