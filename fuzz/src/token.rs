//! Any text as a token.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{oracle, subject};

/// Nothing is accepted but three canonical segments, authenticated, with a good header and good claims.
pub fn check(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else {
        return;
    };
    let accepted = subject::verify(token).is_ok();
    let expected = second_opinion(token);
    assert!(!accepted || expected != Some(false), "accepted: {token}");
    assert!(accepted || expected != Some(true), "refused: {token}");
}

fn second_opinion(token: &str) -> Option<bool> {
    let segments: Vec<_> = token.split('.').collect();
    let decode = |segment: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(segment).ok()?;
        (URL_SAFE_NO_PAD.encode(&bytes) == segment).then_some(bytes)
    };
    let [header, claims, signature] = segments[..] else {
        return Some(false);
    };
    let input = format!("{header}.{claims}");
    let (Some(header), Some(claims), Some(signature)) =
        (decode(header), decode(claims), decode(signature))
    else {
        return Some(false);
    };
    let authentic = verify_slices_are_equal(&signature, &subject::mac(&input)).is_ok();
    if token.len() > 64 * 1024 || !authentic || !oracle::header_is_good(&header) {
        return Some(false);
    }
    oracle::claims_are_good(&claims)
}
