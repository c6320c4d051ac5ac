//! Times as the scripts get and give them.

use crate::clock::UnixTime;
use crate::store::remote::time::{from_seconds, to_seconds};

pub(super) fn to_text(time: UnixTime) -> String {
    to_seconds(time).to_string()
}

pub(super) fn from_text(text: &str) -> Option<UnixTime> {
    text.parse().ok().map(from_seconds)
}
