//! Short names for long ones: the same on every node, of one length, and without anything that names a person.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::session::SessionIdentity;
use crate::session::marks::{self, MarkKey};
use crate::types::{ClientId, Issuer, SessionId, Sid};

/// The first 128 bits of a SHA-256 over a kind and the names it is about, each with its length in front, so that no two lists of names
/// read the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag([u8; 16]);

impl Tag {
    /// Of a session by the RP's own key.
    pub(crate) fn id(id: &SessionId) -> Self {
        Self::of(b"id", &[id.as_str()])
    }

    /// Of what a mark is about, inside its scope.
    pub(crate) fn key(issuer: &Issuer, client_id: &ClientId, key: MarkKey<'_>) -> Self {
        let (kind, name): (&[u8], _) = match key {
            MarkKey::Sid(name) => (b"sid", name),
            MarkKey::SubjectWithoutSid(name) => (b"sub without sid", name),
            MarkKey::Subject(name) => (b"sub", name),
        };
        Self::of(kind, &[issuer.as_str(), client_id.as_str(), name])
    }

    /// Of the marks that can reach a session, the finer one first, see [`marks::keys_of_session`].
    pub(crate) fn of_marks(identity: &SessionIdentity) -> [Self; 2] {
        let sid = identity.sid().map(Sid::as_str);
        marks::keys_of_session(identity.subject().as_str(), sid)
            .map(|key| Self::key(identity.issuer(), identity.client_id(), key))
    }

    fn of(kind: &[u8], names: &[&str]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(kind);
        for name in names {
            context.update(&(name.len() as u64).to_be_bytes());
            context.update(name.as_bytes());
        }
        let mut tag = [0; 16];
        for (to, from) in tag.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(tag)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Twenty-two characters that every engine takes as they are.
    pub(crate) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut tag = [0; 16];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut tag).ok()?;
        (length == tag.len()).then_some(Self(tag))
    }

    /// Its key in the [`Hub`](crate::event::hub::Hub) and in other tables of this process.
    pub(crate) const fn short(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({:016x}…)", self.short())
    }
}
