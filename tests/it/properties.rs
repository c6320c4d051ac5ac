//! No change of a valid token is accepted, whatever it is signed or encrypted with, and nothing makes the endpoint panic.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::logout::{Logout, LogoutTokenVerifier};
use tower_backchannel_logout::replay::{ReplayKey, ReplayStore};
use tower_backchannel_logout::testing::{TestClock, TokenMint};
use tower_backchannel_logout::token::Expectation;

use crate::rig::{
    Behaviour, CLIENT, ISSUER, NOW, Op, ScriptedStore, client_id, form_text, issuer, send,
};

const SECRET: &str = "a client secret of more than thirty-two bytes";

/// A valid token of each family, and what accepts it.
fn valid() -> &'static [(Algorithm, String, Expectation)] {
    static VALID: OnceLock<Vec<(Algorithm, String, Expectation)>> = OnceLock::new();
    VALID.get_or_init(|| {
        let mint = TokenMint::new(ISSUER, CLIENT)
            .with_clock(TestClock::new(NOW))
            .with_client_secret(SECRET);
        let keys = JwkSet::parse(mint.jwks_json().as_bytes()).unwrap();
        [
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::EdDsa,
            Algorithm::Hs256,
        ]
        .map(|algorithm| {
            let token = mint.logout_token().alg(algorithm.as_str()).sid("s").sign();
            let (issuer, client) = (issuer(), client_id());
            let expectation = if algorithm.is_symmetric() {
                let secret = ClientSecret::parse(SECRET).unwrap();
                Expectation::keyed_with(issuer, client, algorithm, secret)
            } else {
                Expectation::signed_with(issuer, client, algorithm, keys.clone())
            };
            let expectation = expectation.unwrap();
            assert!(expectation.verify(&token, NOW).is_ok(), "{algorithm}");
            (algorithm, token, expectation)
        })
        .into()
    })
}

/// One change of a text of bytes below 128.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, u8),
    Insert(usize, u8),
    Delete(usize),
    Swap(usize, usize),
    Truncate(usize),
    Append(String),
}

impl Change {
    fn apply(&self, token: &str) -> String {
        let mut bytes = token.as_bytes().to_vec();
        let length = bytes.len();
        match self {
            Self::Replace(at, byte) => bytes[at % length] = *byte,
            Self::Insert(at, byte) => bytes.insert(at % (length + 1), *byte),
            Self::Delete(at) => drop(bytes.remove(at % length)),
            Self::Swap(one, other) => bytes.swap(one % length, other % length),
            Self::Truncate(at) => bytes.truncate(at % length),
            Self::Append(text) => bytes.extend(text.as_bytes()),
        }
        String::from_utf8(bytes).unwrap()
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..100_000_usize;
    let byte = prop_oneof![
        4 => proptest::sample::select(b"ABCXYZabcxyz0189-_.".to_vec()),
        1 => 0..128_u8,
    ];
    prop_oneof![
        4 => (at.clone(), byte.clone()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        2 => (at.clone(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        2 => at.clone().prop_map(Change::Delete),
        1 => (at.clone(), at.clone()).prop_map(|(one, other)| Change::Swap(one, other)),
        1 => at.prop_map(Change::Truncate),
        1 => "[A-Za-z0-9_.=-]{1,8}".prop_map(Change::Append),
    ]
}

proptest! {
    #[test]
    fn no_changed_token_is_accepted_with_any_algorithm(change in change()) {
        // BCL-50, BCL-70
        for (algorithm, token, expectation) in valid() {
            let changed = change.apply(token);
            let verdict = expectation.verify(&changed, NOW);
            prop_assert_eq!(verdict.is_ok(), changed == *token, "{}: {:?}", algorithm, change);
        }
    }

    #[test]
    fn no_token_is_accepted_for_another_algorithm_with_its_segments_mixed(
        header in 0_usize..5, claims in 0_usize..5, signature in 0_usize..5,
    ) {
        // BCL-38, BCL-70
        let segment = |index: usize, at: usize| valid()[index].1.split('.').nth(at).unwrap();
        let mixed = format!("{}.{}.{}", segment(header, 0), segment(claims, 1), segment(signature, 2));
        for (index, (algorithm, _, expectation)) in valid().iter().enumerate() {
            let whole = header == index && claims == index && signature == index;
            prop_assert_eq!(expectation.verify(&mixed, NOW).is_ok(), whole, "{}", algorithm);
        }
    }

    #[test]
    fn every_body_has_an_answer_of_the_catalogue(body in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000),
        "(logout_token=|x=|&|%[0-9A-F]{2}|[A-Za-z0-9_.=-]{0,40}){0,12}".prop_map(String::into_bytes),
    ]) {
        // BCL-15, BCL-16, BCL-173
        static OP: OnceLock<Op> = OnceLock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let store = ScriptedStore::new([]);
        let answer = runtime.block_on(async {
            let endpoint = OP.get_or_init(Op::new).endpoint(store.clone());
            send(&endpoint, form_text(body)).await
        });
        prop_assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        prop_assert!(store.asked().is_empty());
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        let printable = |text: &str| text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\');
        prop_assert_eq!(&body["error"], "invalid_request");
        prop_assert!(printable(body["error_description"].as_str().unwrap()));
    }
}

#[test]
fn no_single_byte_of_a_valid_token_can_be_any_other() {
    // BCL-70
    for (algorithm, token, expectation) in valid() {
        // Every byte of the signature and a sample of the rest, each as a few others.
        let signature = token.rfind('.').unwrap();
        for at in (0..token.len()).filter(|at| *at > signature || at % 7 == 0) {
            for other in [b'A', b'_', b'.', b'='] {
                let changed = Change::Replace(at, other).apply(token);
                let verdict = expectation.verify(&changed, NOW);
                assert_eq!(verdict.is_ok(), changed == *token, "{algorithm}, byte {at}");
            }
        }
    }
}

/// Remembers what it was asked, and knows nothing.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

impl ReplayStore for Asked {
    type Error = Infallible;

    async fn seen(&self, _: &ReplayKey<'_>) -> Result<bool, Infallible> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(false)
    }

    async fn remember(&self, _: &ReplayKey<'_>, _: UnixTime) -> Result<(), Infallible> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_changed_byte_of_payload_or_signature_reaches_neither_store() {
    // BCL-70
    let op = Op::new();
    let (store, replay) = (ScriptedStore::new([Behaviour::Answer]), Asked::default());
    let logout = Logout::builder(store.clone(), [op.provider()])
        .with_clock(op.clock.clone())
        .with_replay_store(replay.clone())
        .build();
    let token = op.token().sid("s").sign();
    for at in token.find('.').unwrap() + 1..token.len() {
        let other = if token.as_bytes()[at] == b'A' {
            b'B'
        } else {
            b'A'
        };
        let changed = Change::Replace(at, other).apply(&token);
        assert!(logout.handle(&changed).await.is_err(), "byte {at}");
    }
    assert!(store.asked().is_empty());
    assert_eq!(replay.0.load(Ordering::Relaxed), 0);
    assert!(logout.handle(&token).await.is_ok());
    assert_eq!(
        (store.asked().len(), replay.0.load(Ordering::Relaxed)),
        (1, 2)
    );
}

/// A clock that goes a day ahead at each reading.
#[derive(Clone, Default)]
struct Restless(Arc<AtomicUsize>);

impl Clock for Restless {
    fn now(&self) -> UnixTime {
        let days = self.0.fetch_add(1, Ordering::Relaxed);
        let seconds = u64::try_from(days).unwrap() * 86_400;
        NOW.saturating_add(Duration::from_secs(seconds))
    }
}

#[tokio::test]
async fn every_check_of_a_token_goes_by_one_reading_of_the_clock() {
    // BCL-120
    let op = Op::new();
    let clock = Restless::default();
    let verifier = LogoutTokenVerifier::new([op.provider()]).with_clock(clock.clone());
    // Each of these is good at one moment, and at no other.
    let token = op
        .token()
        .sid("s")
        .issued_at(NOW.saturating_add(Duration::from_secs(60)));
    let token = token
        .claim("nbf", NOW.as_secs() + 60)
        .claim("exp", NOW.as_secs() - 59);
    assert!(verifier.verify(&token.sign()).await.is_ok());
    assert_eq!(clock.0.load(Ordering::Relaxed), 1);
}

#[cfg(feature = "jwe")]
mod encrypted {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use tower_backchannel_logout::jose::jwe::DecryptionKeys;

    use super::*;

    /// A valid token, encrypted with a shared key, and what accepts it.
    fn valid_jwe() -> &'static (String, Expectation) {
        static VALID: OnceLock<(String, Expectation)> = OnceLock::new();
        VALID.get_or_init(|| {
            let (_, token, expectation) = &valid()[3];
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A128GCM","cty":"JWT"}"#);
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
            let mut sealed = token.clone().into_bytes();
            let (nonce, aad) = (
                Nonce::assume_unique_for_key([9; 12]),
                Aad::from(header.as_bytes()),
            );
            let tag = key
                .seal_in_place_separate_tag(nonce, aad, &mut sealed)
                .unwrap();
            let [iv, sealed, tag] =
                [&[9; 12][..], &sealed, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
            let keys = br#"{"keys":[{"kty":"oct","k":"BwcHBwcHBwcHBwcHBwcHBw"}]}"#;
            let keys = DecryptionKeys::parse(keys).unwrap();
            let expectation = expectation.clone().with_decryption_keys(keys, true);
            let encrypted = format!("{header}..{iv}.{sealed}.{tag}");
            assert!(expectation.verify(&encrypted, NOW).is_ok());
            (encrypted, expectation)
        })
    }

    proptest! {
        #[test]
        fn no_changed_encrypted_token_is_accepted(change in change()) {
            // BCL-62, BCL-70
            let (token, expectation) = valid_jwe();
            let changed = change.apply(token);
            let verdict = expectation.verify(&changed, NOW);
            prop_assert_eq!(verdict.is_ok(), changed == *token, "{:?}", change);
        }
    }
}
