//! What both kinds of test tokens are made of, and how they become text.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::keys::{SigningKey, base64url, random_id};
use super::mint::TokenMint;
use crate::clock::UnixTime;

/// The `sub` of a token for which neither `sub` nor `sid` was chosen.
pub(super) const DEFAULT_SUBJECT: &str = "customer-1";

/// Members of a JSON object and what to do with them, in order: set one, or (`None`) leave it out.
type Changes = Vec<(String, Option<Value>)>;

#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) mint: TokenMint,
    pub(super) now: UnixTime,
    pub(super) alg: String,
    pub(super) key: Option<SigningKey>,
    header: Changes,
    claims: Changes,
    /// Appended to the text of the payload, inside its braces.
    repeated: Option<(String, Value)>,
    wire: Wire,
}

/// What happens to the token once it is signed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Whole,
    Unsigned,
    TwoSegments,
    ChangedSignature,
    ChangedPayload,
    Encrypted,
}

impl Draft {
    pub(super) fn new(mint: TokenMint, lifetime: Duration) -> Self {
        let now = mint.now();
        let mut draft = Self {
            alg: mint.alg().to_owned(),
            key: None,
            header: Changes::new(),
            claims: Changes::new(),
            repeated: None,
            wire: Wire::Whole,
            now,
            mint,
        };
        draft.set("iss", draft.mint.issuer().into());
        draft.set("aud", draft.mint.client_id().into());
        draft.set("iat", now.as_secs().into());
        draft.set("exp", now.saturating_add(lifetime).as_secs().into());
        draft
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.claims.push((name.to_owned(), Some(value)));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.claims.push((name.to_owned(), None));
    }

    pub(super) fn set_header(&mut self, name: &str, value: Option<Value>) {
        self.header.push((name.to_owned(), value));
    }

    pub(super) fn use_key(&mut self, alg: &str, key: SigningKey) {
        alg.clone_into(&mut self.alg);
        self.key = Some(key);
    }

    pub(super) fn repeat(&mut self, name: &str, value: Value) {
        self.repeated = Some((name.to_owned(), value));
    }

    pub(super) fn wire(&mut self, wire: Wire) {
        self.wire = wire;
    }

    fn mentions(&self, claim: &str) -> bool {
        self.claims.iter().any(|(name, _)| name == claim)
    }

    pub(super) fn signing_key(&self) -> SigningKey {
        let found = self
            .key
            .as_ref()
            .or_else(|| self.mint.key_for(&self.alg))
            .cloned();
        let alg = &self.alg;
        found.unwrap_or_else(|| {
            panic!("no key for {alg}: use with_key, or with_client_secret for HS*, on the mint")
        })
    }

    pub(super) fn finish(mut self, typ: &str) -> String {
        if !self.mentions("sub") && !self.mentions("sid") {
            self.set("sub", DEFAULT_SUBJECT.into());
        }
        let key = self.signing_key();
        let mut header = Map::new();
        header.insert("alg".into(), self.alg.clone().into());
        header.insert("typ".into(), typ.into());
        // The secret of a client has no name in any key set.
        if !self.alg.starts_with("HS") {
            header.insert("kid".into(), key.kid().into());
        }
        apply(&mut header, self.header);
        let mut claims = Map::new();
        apply(&mut claims, self.claims);
        let mut payload = Value::Object(claims.clone()).to_string();
        if let Some((name, value)) = self.repeated {
            payload.truncate(payload.len() - 1);
            payload.push_str(&format!(",{}:{value}}}", Value::from(name)));
        }
        let header = Value::Object(header).to_string();
        let signed = key.sign_raw(&self.alg, &header, &payload);
        let (input, signature) = signed.rsplit_once('.').expect("three segments");
        match self.wire {
            Wire::Whole => signed,
            Wire::Unsigned => format!(
                "{}.{}.",
                base64url(json!({ "alg": "none" }).to_string()),
                base64url(payload)
            ),
            Wire::TwoSegments => input.to_owned(),
            Wire::ChangedSignature => {
                // The first character holds six whole bits: the text stays canonical base64url.
                let other = if signature.starts_with('A') { 'B' } else { 'A' };
                format!("{input}.{other}{}", &signature[1..])
            }
            Wire::ChangedPayload => {
                claims.insert("changed_after_signing".into(), true.into());
                let payload = Value::Object(claims).to_string();
                format!("{}.{}.{signature}", base64url(header), base64url(payload))
            }
            Wire::Encrypted => encrypted_garbage(),
        }
    }
}

/// Looks like a JWE to an RSA key (RFC 7516 7.1) and is made of random bytes.
fn encrypted_garbage() -> String {
    let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT" });
    let wrapped_key: String = (0..16).map(|_| random_id()).collect();
    format!(
        "{}.{}.{}.{}.{}",
        base64url(header.to_string()),
        // 16 times 22 characters are 352; 256 bytes are 342.
        &wrapped_key[..341]
            .to_owned()
            .chars()
            .chain(['A'])
            .collect::<String>(),
        &random_id()[..16],
        random_id(),
        random_id(),
    )
}

fn apply(object: &mut Map<String, Value>, changes: Changes) {
    for (name, value) in changes {
        match value {
            Some(value) => object.insert(name, value),
            None => object.remove(&name),
        };
    }
}
