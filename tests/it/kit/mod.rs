//! The test kit itself: its tokens verify, its breakages break, its provider behaves as told.

mod application;
mod browser;
mod deliver;
mod fault;
mod flow;
mod http;
mod keys;
mod mint;
mod refusals;
mod verify;
