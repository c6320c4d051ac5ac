//! What the benches share: the one provider they know, a future that never waits, and two ways of measuring that hold on a busy machine.

#![allow(dead_code, reason = "each bench uses its part")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::testing::TokenMint;

pub(crate) const ISSUER: &str = "https://login.example/realms/shop";
pub(crate) const CLIENT: &str = "shop-frontend";

/// Long enough for HS512.
pub(crate) const SECRET: &str = "a secret of 64 bytes, as HS512 wants it: 0123456789 0123456789 0";

/// Signs with every algorithm.
pub(crate) fn mint() -> TokenMint {
    TokenMint::new(ISSUER, CLIENT).with_client_secret(SECRET)
}

pub(crate) fn keys(mint: &TokenMint) -> JwkSet {
    JwkSet::parse(mint.jwks_json().as_bytes()).unwrap()
}

pub(crate) fn provider(mint: &TokenMint) -> Provider {
    Provider::builder(ISSUER)
        .with_client(Client::builder(CLIENT).build().unwrap())
        .with_static_keys(keys(mint))
        .build()
        .unwrap()
}

/// A session of its own for each number: 36 bytes each, as a UUID.
pub(crate) fn uuid(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

/// The answer of a future that has it at hand.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("it waited"),
    }
}

/// The least a careful program does for a signature: the key is parsed before, the token is split and its signature decoded before.
pub(crate) struct Raw {
    key: RawKey,
    input: Vec<u8>,
    signature: Vec<u8>,
}

impl Raw {
    pub(crate) fn new(mint: &TokenMint, alg: &str, token: &str) -> Self {
        let (input, signature) = token.rsplit_once('.').unwrap();
        Self {
            key: raw_key(mint, alg),
            input: input.into(),
            signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
        }
    }

    pub(crate) fn verify(&self) -> bool {
        match &self.key {
            RawKey::Public(key) => key.verify_sig(&self.input, &self.signature).is_ok(),
            RawKey::Secret(key) => hmac::verify(key, &self.input, &self.signature).is_ok(),
        }
    }
}

enum RawKey {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

fn raw_key(mint: &TokenMint, alg: &str) -> RawKey {
    let secret = |algorithm| RawKey::Secret(Box::new(hmac::Key::new(algorithm, SECRET.as_bytes())));
    match alg {
        "HS256" => secret(hmac::HMAC_SHA256),
        "HS384" => secret(hmac::HMAC_SHA384),
        "HS512" => secret(hmac::HMAC_SHA512),
        _ => RawKey::Public(public_key(mint, alg)),
    }
}

fn public_key(mint: &TokenMint, alg: &str) -> ParsedPublicKey {
    let jwk = mint.key_for(alg).unwrap().jwk();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let rsa = |parameters: &'static lc::RsaParameters| {
        let (n, e) = (member("n"), member("e"));
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(parameters)
            .unwrap()
    };
    let point = || [vec![4], member("x"), member("y")].concat();
    match alg {
        "RS256" => rsa(&lc::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&lc::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&lc::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&lc::RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&lc::RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&lc::RSA_PSS_2048_8192_SHA512),
        "ES256" => ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_FIXED, point()).unwrap(),
        "ES384" => ParsedPublicKey::new(&lc::ECDSA_P384_SHA384_FIXED, point()).unwrap(),
        "ES512" => ParsedPublicKey::new(&lc::ECDSA_P521_SHA512_FIXED, point()).unwrap(),
        "EdDSA" => ParsedPublicKey::new(&lc::ED25519, member("x")).unwrap(),
        _ => unreachable!("{alg} has no yardstick yet"),
    }
}

/// Says what one operation asks of the allocator.
pub(crate) fn allocations(name: &str, limit: u64, operation: impl FnOnce()) {
    let counted = allocation_counter::measure(operation);
    let (calls, bytes) = (counted.count_total, counted.bytes_total);
    println!("{name}: {calls} allocations (limit {limit}), {bytes} bytes");
    assert!(calls <= limit, "{name}: {calls} allocations");
}

/// Times of two operations whose batches took turns, so that what disturbs one disturbs the other.
pub(crate) struct Pair {
    first: Vec<Duration>,
    second: Vec<Duration>,
    batch: u32,
}

impl Pair {
    pub(crate) const fn of_batches(batch: u32) -> Self {
        Self {
            first: Vec::new(),
            second: Vec::new(),
            batch,
        }
    }

    /// One batch of each.
    pub(crate) fn round(&mut self, mut first: impl FnMut(usize), mut second: impl FnMut(usize)) {
        let time = |operation: &mut dyn FnMut(usize)| {
            let begun = Instant::now();
            (0..self.batch as usize).for_each(operation);
            begun.elapsed()
        };
        let times = (time(&mut first), time(&mut second));
        self.first.push(times.0);
        self.second.push(times.1);
    }

    /// The difference of the minima: what the second costs beyond the first when nothing disturbs.
    pub(crate) fn report(mut self, name: &str, target: &str) {
        self.first.sort_unstable();
        self.second.sort_unstable();
        let at = |times: &[Duration], index: usize| {
            times[index].as_secs_f64() * 1e6 / f64::from(self.batch)
        };
        let median = self.first.len() / 2;
        let (first, second) = (at(&self.first, 0), at(&self.second, 0));
        let (first_median, second_median) = (at(&self.first, median), at(&self.second, median));
        println!(
            "{name}: {second:.2} µs over {first:.2} µs, {:+.2} µs ({target}); medians {second_median:.2} over {first_median:.2}, {:+.2}",
            second - first,
            second_median - first_median
        );
    }
}
