//! The tokens of the load.

use std::thread;
use std::time::Duration;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http_body_util::Full;
use tower_backchannel_logout::testing::TokenMint;

pub const ISSUER: &str = "https://login.example/realms/shop";
pub const CLIENT: &str = "shop-frontend";
pub const SESSIONS: usize = 100_000;

pub fn mint() -> TokenMint {
    TokenMint::new(ISSUER, CLIENT)
}

/// The one key that signs, as published.
pub fn jwk(mint: &TokenMint) -> String {
    mint.key_for("RS256").expect("an RSA key").jwk().to_string()
}

pub fn uuid(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

/// So many tokens, no two alike, each for another session while there are so many.
pub fn tokens(mint: &TokenMint, count: usize) -> Vec<String> {
    // Longer than OPs do it: signing so many takes a while.
    let end = mint.now().saturating_add(Duration::from_secs(600));
    let sign = |number: usize| {
        let name = uuid(number % SESSIONS);
        mint.logout_token()
            .sub(name.clone())
            .sid(name)
            .expires_at(end)
            .sign()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = count.div_ceil(threads);
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|thread| {
                let numbers = (thread * part).min(count)..((thread + 1) * part).min(count);
                scope.spawn(move || numbers.map(sign).collect::<Vec<_>>())
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("a signer"))
            .collect()
    })
}

pub fn key(jwk: &str) -> ParsedPublicKey {
    let jwk: serde_json::Value = serde_json::from_str(jwk).expect("a JWK");
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text"));
    RsaPublicKeyComponents {
        n: member("n").expect("base64url"),
        e: member("e").expect("base64url"),
    }
    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
    .expect("an RSA key")
}

/// What `limit` does with a token: split, decode, verify.
pub fn verifies(key: &ParsedPublicKey, token: &str) -> bool {
    let Some((input, signature)) = token.rsplit_once('.') else {
        return false;
    };
    URL_SAFE_NO_PAD
        .decode(signature)
        .is_ok_and(|signature| key.verify_sig(input.as_bytes(), &signature).is_ok())
}

pub fn request(token: &str) -> Request<Full<bytes::Bytes>> {
    Request::post("/backchannel-logout")
        .header("host", "app.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(format!("logout_token={token}")))
        .expect("a request")
}
