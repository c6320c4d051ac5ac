//! What a logout selects, as the statements take it.

use crate::session::LogoutRequest;
use crate::session::marks::{self, MarkKey, MarkPolicy};
use crate::store::remote::Tag;
use crate::store::remote::time::to_seconds;

/// The parameters of a selection, in the order of the statement.
pub(super) struct Selection {
    pub(super) sid: Option<Tag>,
    pub(super) without_sid: Option<Tag>,
    pub(super) subject: Option<Tag>,
    /// Sessions whose ID Token is not newer than this.
    pub(super) reach: i64,
}

impl Selection {
    pub(super) fn new(request: &LogoutRequest, policy: &MarkPolicy) -> Self {
        let mut selection = Self {
            sid: None,
            without_sid: None,
            subject: None,
            reach: to_seconds(request.cut_off().saturating_add(policy.spread)),
        };
        let (first, second) = marks::keys(request.target());
        for key in [Some(first), second].into_iter().flatten() {
            let tag = Some(Tag::key(request.issuer(), request.client_id(), key));
            match key {
                MarkKey::Sid(_) => selection.sid = tag,
                MarkKey::SubjectWithoutSid(_) => selection.without_sid = tag,
                MarkKey::Subject(_) => selection.subject = tag,
            }
        }
        selection
    }

    /// Under these a mark is written.
    pub(super) fn marked(&self) -> impl Iterator<Item = &Tag> {
        [&self.sid, &self.without_sid, &self.subject]
            .into_iter()
            .flatten()
    }
}
