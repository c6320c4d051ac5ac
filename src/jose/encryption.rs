//! What one client says about encrypted tokens (spec BCL-60, 61). Without feature `jwe` it says: none.

use std::borrow::Cow;

use super::Form;
#[cfg(feature = "jwe")]
use super::jwe::DecryptionKeys;
#[cfg(feature = "jwe")]
pub(crate) use super::jwe::Opened;
use crate::refusal::Refusal;

/// The decryption keys of a client, if any, and whether its tokens have to be encrypted.
#[derive(Clone, Default)]
pub(crate) struct Encryption {
    #[cfg(feature = "jwe")]
    keys: Option<DecryptionKeys>,
    #[cfg(feature = "jwe")]
    required: bool,
}

impl Encryption {
    #[cfg(feature = "jwe")]
    pub(crate) const fn new(keys: DecryptionKeys, required: bool) -> Self {
        Self {
            keys: Some(keys),
            required,
        }
    }

    /// The signed token: the token itself, or what was encrypted. Nothing in it is believed yet.
    pub(crate) fn open<'a>(&self, token: &'a str) -> Result<Cow<'a, str>, Refusal> {
        match Form::of(token)? {
            Form::Signed => self.check(None).map(|()| Cow::Borrowed(token)),
            Form::Encrypted => {
                Self::decrypt(token, [self]).map(|opened| Cow::Owned(opened.into_signed()))
            }
        }
    }

    /// Opens a token of five segments. Nothing in clear says whom it is for, so the keys of each client are tried.
    pub(crate) fn decrypt<'e>(
        token: &str,
        clients: impl IntoIterator<Item = &'e Self>,
    ) -> Result<Opened, Refusal> {
        #[cfg(feature = "jwe")]
        {
            let mut sets = clients.into_iter().filter_map(|it| it.keys.as_ref());
            if let Some(first) = sets.next() {
                return Opened::with(token, std::iter::once(first).chain(sets));
            }
        }
        #[cfg(not(feature = "jwe"))]
        let _ = (token, clients);
        Err(Refusal::Encrypted)
    }

    /// Refuses a token that was not encrypted where encryption was negotiated (BCL 2.6 step 1), and one that was encrypted
    /// to another client.
    pub(crate) fn check(&self, opened: Option<&Opened>) -> Result<(), Refusal> {
        #[cfg(feature = "jwe")]
        match opened {
            None if self.required => return Err(Refusal::EncryptionRequired),
            Some(opened) if !self.keys.as_ref().is_some_and(|keys| opened.is_for(keys)) => {
                return Err(Refusal::DecryptionFailed);
            }
            _ => {}
        }
        let _ = opened;
        Ok(())
    }
}

/// What was inside an encrypted token. Without feature `jwe` there never is one.
#[cfg(not(feature = "jwe"))]
pub(crate) enum Opened {}

#[cfg(not(feature = "jwe"))]
impl Opened {
    pub(crate) const fn signed(&self) -> &str {
        match *self {}
    }

    fn into_signed(self) -> String {
        match self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_decryption_keys_a_signed_token_is_taken_and_an_encrypted_one_is_refused() {
        // BCL-60, BCL-61
        let none = Encryption::default();
        assert_eq!(none.open("a.b.c").as_deref(), Ok("a.b.c"));
        assert_eq!(none.open("a.b.c.d.e"), Err(Refusal::Encrypted));
        assert_eq!(none.open("a.b.c.d"), Err(Refusal::Malformed));
    }

    #[cfg(feature = "jwe")]
    #[test]
    fn with_decryption_keys_a_signed_token_is_taken_only_where_encryption_is_not_required() {
        // BCL-60
        let set = br#"{"keys":[{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}]}"#;
        let keys = DecryptionKeys::parse(set).unwrap();
        let optional = Encryption::new(keys.clone(), false);
        assert_eq!(optional.open("a.b.c").as_deref(), Ok("a.b.c"));
        let required = Encryption::new(keys, true);
        assert_eq!(required.open("a.b.c"), Err(Refusal::EncryptionRequired));
    }
}
