//! What the example applications have in common. The parts about this crate are in each application's `app.rs`.

pub(crate) mod brand;
pub(crate) mod cookies;
pub(crate) mod events;
pub(crate) mod http_client;
pub(crate) mod logging;
pub(crate) mod openid;
pub(crate) mod page;
pub(crate) mod pending;
pub(crate) mod relying_party;
pub(crate) mod shutdown;
pub(crate) mod views;
