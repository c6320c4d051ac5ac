//! Encrypted tokens where several clients could be meant: nothing in clear says which.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::jose::jwe::{ContentEncryption, DecryptionKeys, KeyManagement};
use tower_backchannel_logout::logout::{LogoutErrorKind, LogoutTokenVerifier};
use tower_backchannel_logout::provider::{Client, Provider, Providers};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::testing::{TestClock, TokenMint};

use crate::rig::NOW;

/// A key for `dir`, by its number.
fn octets(number: u8) -> [u8; 16] {
    [number; 16]
}

fn jwk(number: u8, kid: Option<&str>) -> serde_json::Value {
    let mut key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(octets(number)) });
    if let Some(kid) = kid {
        key["kid"] = json!(kid);
    }
    key
}

fn keys(set: impl IntoIterator<Item = serde_json::Value>) -> DecryptionKeys {
    let set: Vec<_> = set.into_iter().collect();
    DecryptionKeys::parse(json!({ "keys": set }).to_string().as_bytes()).unwrap()
}

/// Encrypts to the key of that number.
fn encrypt(token: &str, number: u8, kid: Option<&str>) -> String {
    let mut header = json!({ "alg": "dir", "enc": "A128GCM", "cty": "JWT" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    seal(&header, token, number)
}

fn seal(header: &serde_json::Value, plain: &str, number: u8) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &octets(number)).unwrap());
    let mut sealed = plain.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key([9; 12]);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut sealed)
        .unwrap();
    let [iv, sealed, tag] =
        [&[9; 12][..], &sealed, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}..{iv}.{sealed}.{tag}")
}

/// Clients `client-0`, `client-1` and so on, each at an OP of its own, with these keys.
struct World {
    mint: TokenMint,
    verifier: LogoutTokenVerifier,
}

fn issuer(number: usize) -> String {
    format!("https://op{number}.example")
}

impl World {
    fn new(clients: impl IntoIterator<Item = Option<DecryptionKeys>>) -> Self {
        static MINT: std::sync::OnceLock<TokenMint> = std::sync::OnceLock::new();
        let mint =
            MINT.get_or_init(|| TokenMint::new("unused", "unused").with_clock(TestClock::new(NOW)));
        let jwks = JwkSet::parse(mint.jwks_json().as_bytes()).unwrap();
        let provider = |(number, keys): (usize, Option<DecryptionKeys>)| {
            let client = Client::builder(format!("client-{number}"));
            let client = match keys {
                Some(keys) => client.with_decryption_keys(keys),
                None => client,
            };
            Provider::builder(issuer(number))
                .with_client(client.build().unwrap())
                .with_static_keys(jwks.clone())
                .build()
                .unwrap()
        };
        let providers: Providers = clients.into_iter().enumerate().map(provider).collect();
        Self {
            mint: mint.clone(),
            verifier: LogoutTokenVerifier::new(providers).with_clock(TestClock::new(NOW)),
        }
    }

    /// A token of the OP of that number for its client, only signed.
    fn token(&self, number: usize) -> String {
        let token = self.mint.logout_token().issuer(issuer(number));
        token.audience(format!("client-{number}")).sid("s").sign()
    }

    async fn verdict(&self, token: &str) -> Result<String, Refusal> {
        match self.verifier.verify(token).await {
            Ok(token) => Ok(token.client_id().as_str().to_owned()),
            Err(error) => match error.kind() {
                LogoutErrorKind::Refused(refusal) => Err(refusal),
                other => panic!("{other:?}"),
            },
        }
    }
}

#[tokio::test]
async fn clients_that_share_a_key_are_all_served_although_each_read_it_by_itself() {
    // BCL-61, BCL-42
    for kid in [None, Some("rp")] {
        let world = World::new((0..12).map(|_| Some(keys([jwk(1, kid)]))));
        for number in [0, 5, 11] {
            let token = encrypt(&world.token(number), 1, kid);
            assert_eq!(world.verdict(&token).await, Ok(format!("client-{number}")));
        }
    }
}

#[tokio::test]
async fn each_client_is_served_by_its_own_key() {
    // BCL-61
    let world = World::new((0..8).map(|number| Some(keys([jwk(number, None)]))));
    for number in 0..8_u8 {
        let token = encrypt(&world.token(usize::from(number)), number, None);
        assert_eq!(world.verdict(&token).await, Ok(format!("client-{number}")));
    }
}

#[tokio::test]
async fn a_token_that_was_encrypted_to_another_client_is_refused() {
    // BCL-42, BCL-62
    let named = |number, kid| Some(keys([jwk(number, Some(kid))]));
    let world = World::new([named(0, "a"), named(1, "b"), None, named(0, "c")]);
    for (number, key, kid, expected) in [
        (0, 0, Some("a"), Ok("client-0".to_owned())),
        (0, 0, None, Ok("client-0".to_owned())),
        (0, 1, None, Err(Refusal::DecryptionFailed)),
        (1, 0, None, Err(Refusal::DecryptionFailed)),
        (1, 0, Some("a"), Err(Refusal::DecryptionFailed)),
        // A client without keys of its own.
        (2, 0, None, Err(Refusal::DecryptionFailed)),
        // The same key under another name: it is not the one that the token names.
        (3, 0, Some("c"), Ok("client-3".to_owned())),
        (3, 0, Some("a"), Err(Refusal::DecryptionFailed)),
    ] {
        let token = encrypt(&world.token(number), key, kid);
        assert_eq!(
            world.verdict(&token).await,
            expected,
            "{number} {key} {kid:?}"
        );
    }
}

#[tokio::test]
async fn what_another_client_allows_is_not_allowed_for_this_one() {
    // BCL-62
    let set = json!({ "keys": [jwk(0, None)] }).to_string();
    let builder = || DecryptionKeys::builder().with_jwk_set(set.as_bytes());
    let wide = builder().build().unwrap();
    let narrow = [
        builder().with_encryptions([ContentEncryption::A256Gcm]),
        builder().with_algorithms([KeyManagement::A128Kw]),
    ];
    for narrow in narrow.map(|narrow| narrow.build().unwrap()) {
        let world = World::new([Some(wide.clone()), Some(narrow.clone())]);
        let for_wide = encrypt(&world.token(0), 0, None);
        assert_eq!(world.verdict(&for_wide).await, Ok("client-0".to_owned()));
        let for_narrow = encrypt(&world.token(1), 0, None);
        let refused = Err(Refusal::DecryptionFailed);
        assert_eq!(world.verdict(&for_narrow).await, refused);
        let alone = World::new([Some(narrow)]);
        let refused = Err(Refusal::JweNotAllowed);
        assert_eq!(
            alone.verdict(&encrypt(&alone.token(0), 0, None)).await,
            refused
        );
    }
}

#[tokio::test]
async fn a_token_is_tried_with_eight_keys_of_all_clients_and_with_nine_refused() {
    // BCL-62, BCL-74, BCL-173
    let named = |number: u8| format!("key-{number}");
    let world = |clients: u8| {
        World::new((0..clients).map(|number| Some(keys([jwk(number, Some(&named(number)))]))))
    };
    let (eight, nine) = (world(8), world(9));
    for number in 0..8_u8 {
        let token = encrypt(&eight.token(usize::from(number)), number, None);
        assert_eq!(eight.verdict(&token).await, Ok(format!("client-{number}")));
        let token = encrypt(&nine.token(usize::from(number)), number, None);
        assert_eq!(nine.verdict(&token).await, Err(Refusal::AmbiguousKey));
    }
    // A name makes it one.
    let token = encrypt(&nine.token(8), 8, Some("key-8"));
    assert_eq!(nine.verdict(&token).await, Ok("client-8".to_owned()));
}

#[tokio::test]
async fn the_reason_does_not_depend_on_the_order_of_the_clients() {
    // BCL-62, BCL-171
    let narrow = || {
        let set = json!({ "keys": [jwk(1, None)] }).to_string();
        DecryptionKeys::builder()
            .with_jwk_set(set.as_bytes())
            .with_algorithms([KeyManagement::A128Kw])
            .build()
            .unwrap()
    };
    let wide = || keys([jwk(0, None)]);
    // The map of the providers has another order in each program, and so in each of these worlds.
    for _ in 0..20 {
        let world = World::new([Some(narrow()), None, Some(wide()), Some(narrow())]);
        let stranger = encrypt(&world.token(2), 7, None);
        let refused = Err(Refusal::DecryptionFailed);
        assert_eq!(world.verdict(&stranger).await, refused);
        let header = json!({ "alg": "dir", "enc": "A128GCM" });
        let no_token = seal(&header, "no token", 0);
        assert_eq!(world.verdict(&no_token).await, Err(Refusal::NotNested));
        let other = seal(&json!({ "alg": "A256KW", "enc": "A128GCM" }), "x", 0);
        assert_eq!(world.verdict(&other).await, Err(Refusal::JweNotAllowed));
    }
    let without_keys = World::new([None, None]);
    let token = encrypt(&without_keys.token(0), 0, None);
    assert_eq!(without_keys.verdict(&token).await, Err(Refusal::Encrypted));
    assert_eq!(without_keys.verdict("....").await, Err(Refusal::Encrypted));
}
