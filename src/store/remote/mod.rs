//! What the shared stores have in common: everything but the engine. An [`Engine`] keeps sessions and marks where several nodes
//! see them, each operation one atomic step; this room adds what lives in the process, so that every engine behaves alike.

mod engine;
mod tag;

pub(crate) use engine::{Engine, Listener, Look, News, Notice};
pub(crate) use tag::Tag;
