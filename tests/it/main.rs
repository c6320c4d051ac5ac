//! Everything that is tested through the public API, in one binary.

mod faults;
mod soak;
mod store;
