//! The one client that the inputs are meant for, and its good token.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::jose::{Algorithm, ClientSecret};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::token::{Expectation, LogoutToken};
use tower_backchannel_logout::{ClientId, Issuer};

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const CLIENT: &str = "orders-web";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
/// A MAC is made as fast as it is checked, so the fuzzer reaches what lies behind the signature.
pub(crate) const SECRET: &str = "a secret that is known to everybody and long enough";

pub(crate) const GOOD_HEADER: &str = r#"{"alg":"HS256","typ":"logout+jwt"}"#;
pub(crate) const GOOD_CLAIMS: &str = r#"{"iss":"https://op.example","aud":"orders-web","iat":1790000000,"exp":1790000120,"jti":"j","sub":"u","sid":"s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse(ISSUER).expect("an issuer")
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse(CLIENT).expect("a client")
}

pub(crate) fn secret() -> ClientSecret {
    ClientSecret::parse(SECRET).expect("long enough")
}

pub(crate) fn mac(input: &str) -> Vec<u8> {
    static KEY: OnceLock<hmac::Key> = OnceLock::new();
    let key = KEY.get_or_init(|| hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()));
    hmac::sign(key, input.as_bytes()).as_ref().to_vec()
}

/// Any bytes as header and payload, signed rightly.
pub(crate) fn sign(header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let signature = base64url(mac(&input));
    format!("{input}.{signature}")
}

/// The token that `form` looks for; a MAC has one value, so it is the same in every run.
pub(crate) fn good_token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| sign(GOOD_HEADER.as_bytes(), GOOD_CLAIMS.as_bytes()))
}

pub(crate) fn expectation() -> Expectation {
    Expectation::keyed_with(issuer(), client_id(), Algorithm::Hs256, secret()).expect("it fits")
}

/// The verdict on a token, which is the same each time and always one of the table.
pub(crate) fn verify(token: &str) -> Result<LogoutToken, Refusal> {
    static EXPECTATION: OnceLock<Expectation> = OnceLock::new();
    let expectation = EXPECTATION.get_or_init(expectation);
    let verdict = expectation.verify(token, NOW);
    if let Err(refusal) = &verdict {
        assert!(Refusal::ALL.contains(refusal));
        let again = expectation.verify(token, NOW).err();
        assert_eq!(again.as_ref(), Some(refusal), "a verdict is stable");
    }
    verdict
}
