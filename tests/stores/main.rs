//! The store suite, and what goes wrong with servers, over every shared store on a real server that the test starts itself.

#![cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]

#[allow(dead_code, reason = "not every feature needs every part")]
mod proxy;
#[allow(dead_code, reason = "not every feature needs every part")]
mod services;
#[allow(dead_code, reason = "not every feature needs every part")]
mod world;

#[cfg(all(unix, feature = "client"))]
mod apps;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
