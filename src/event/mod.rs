//! What happened: told to whoever waits for it.

pub(crate) mod hub;
