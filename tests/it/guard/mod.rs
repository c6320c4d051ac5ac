//! The per-request check: who gets in, who does not, and what the application can still do.

mod after;
mod bodies;
mod decision;
mod logs;
pub(crate) mod rig;
mod sockets;
