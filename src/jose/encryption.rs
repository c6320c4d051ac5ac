//! What one client says about encrypted tokens (spec BCL-60, 61). Without feature `jwe` it says: none.

use std::borrow::Cow;

use super::Form;
#[cfg(feature = "jwe")]
use super::jwe::{self, DecryptionKeys};
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
            Form::Signed => self.check(false).map(|()| Cow::Borrowed(token)),
            Form::Encrypted => self.decrypt(token).map(Cow::Owned),
        }
    }

    /// Decrypts a token of five segments.
    pub(crate) fn decrypt(&self, token: &str) -> Result<String, Refusal> {
        #[cfg(feature = "jwe")]
        if let Some(keys) = &self.keys {
            return jwe::decrypt(token, keys);
        }
        let _ = token;
        Err(Refusal::Encrypted)
    }

    /// Refuses a token that was not encrypted where encryption was negotiated (BCL 2.6 step 1).
    pub(crate) const fn check(&self, encrypted: bool) -> Result<(), Refusal> {
        #[cfg(feature = "jwe")]
        if self.required && !encrypted {
            return Err(Refusal::EncryptionRequired);
        }
        let _ = encrypted;
        Ok(())
    }

    pub(crate) const fn is_configured(&self) -> bool {
        #[cfg(feature = "jwe")]
        return self.keys.is_some();
        #[cfg(not(feature = "jwe"))]
        false
    }

    /// Whether both would open a token with the very same keys.
    pub(crate) fn same_keys(&self, other: &Self) -> bool {
        #[cfg(feature = "jwe")]
        if let (Some(one), Some(two)) = (&self.keys, &other.keys) {
            return one.is_same(two);
        }
        self.is_configured() == other.is_configured()
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
        assert!(!none.is_configured());
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
        assert!(required.same_keys(&optional) && !required.same_keys(&Encryption::default()));
    }
}
