//! The test kit itself: its tokens verify, its breakages break, its provider behaves as told.

mod mint;
pub(crate) mod verify;
