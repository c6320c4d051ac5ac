//! The keys of the provider over time.

use serde_json::{Value, json};
use tower_backchannel_logout::testing::{FakeProvider, SigningKey};

use super::http::{get, get_json, header};
use super::verify::{parts, verifies};

fn published(op: &FakeProvider) -> usize {
    op.jwks()["keys"].as_array().unwrap().len()
}

fn kid(token: &str) -> String {
    parts(token).0["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_provider_without_a_server_signs_and_publishes() {
    let op = FakeProvider::new();
    assert_eq!(op.issuer(), "https://op.example");
    assert!(verifies(&op.logout_token().sign(), &op.jwks()));
    assert_eq!(
        serde_json::from_str::<Value>(&op.jwks_json()).unwrap(),
        op.jwks()
    );
}

#[test]
fn a_rotation_signs_with_new_keys_and_keeps_the_old_ones_published() {
    let op = FakeProvider::new();
    let old = op.logout_token().sign();
    let before = op.jwks();
    op.rotate_keys();
    let new = op.logout_token().sign();
    assert_ne!(kid(&old), kid(&new));
    assert!(!verifies(&new, &before));
    assert!(verifies(&old, &op.jwks()) && verifies(&new, &op.jwks()));
    op.remove_old_keys();
    assert!(!verifies(&old, &op.jwks()));
    assert!(verifies(&new, &op.jwks()));
}

#[test]
fn the_next_keys_can_be_published_ahead_of_the_rotation() {
    let op = FakeProvider::new();
    let old = op.logout_token().sign();
    let before = published(&op);
    op.publish_next_keys();
    op.publish_next_keys();
    assert_eq!(published(&op), before + 5);
    assert_eq!(kid(&op.logout_token().sign()), kid(&old));
    let ahead = op.jwks();
    op.rotate_keys();
    let new = op.logout_token().sign();
    assert_ne!(kid(&new), kid(&old));
    assert!(verifies(&new, &ahead));
}

#[test]
fn a_removed_key_still_signs_and_no_longer_verifies() {
    // BCL-80
    let op = FakeProvider::new();
    let token = op.logout_token().sign();
    op.remove_key(&kid(&token));
    let next = op.logout_token().sign();
    assert_eq!(kid(&next), kid(&token));
    assert!(!verifies(&next, &op.jwks()));
}

#[test]
fn an_added_key_signs_and_a_published_one_does_not() {
    let op = FakeProvider::new();
    op.publish_key(SigningKey::generate("RS256").with_kid("silent"));
    op.add_key(SigningKey::generate("RS256").with_kid("loud"));
    let token = op.logout_token().sign();
    assert_eq!(kid(&token), "loud");
    assert!(verifies(&token, &op.jwks()));
    assert!(op.jwks_json().contains("silent"));
}

#[test]
fn the_certification_suite_has_its_eight_keys() {
    // BCL-77
    let op = FakeProvider::builder()
        .with_keys(SigningKey::certification_suite())
        .build();
    let jwks = op.jwks();
    let keys = jwks["keys"].as_array().unwrap();
    let count = |member: &str, value: &str, usage: &str| {
        let fits = |key: &&Value| key[member] == value && key["use"] == usage;
        keys.iter().filter(fits).count()
    };
    assert_eq!(keys.len(), 8);
    assert_eq!(count("kty", "RSA", "sig"), 2);
    assert_eq!(count("crv", "P-256", "sig"), 2);
    assert_eq!(count("crv", "secp256k1", "sig"), 1);
    assert_eq!(count("crv", "Ed25519", "sig"), 1);
    assert_eq!(keys.iter().filter(|key| key["use"] == "enc").count(), 2);
    assert!(
        keys.iter()
            .all(|key| (key["use"] == "sig") == key.get("alg").is_none())
    );
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        assert!(verifies(&op.logout_token().alg(alg).sign(), &jwks), "{alg}");
    }
}

#[tokio::test]
async fn the_metadata_and_the_caching_of_keys_can_be_bent() {
    let op = FakeProvider::start().await;
    let answer = get(&op.url("/jwks")).await.unwrap();
    assert_eq!(answer.headers().get("cache-control"), None);
    op.set_jwks_cache_control(Some("max-age=60"));
    let answer = get(&op.url("/jwks")).await.unwrap();
    assert_eq!(header(answer.headers(), "cache-control"), "max-age=60");
    op.set_metadata("issuer", "https://evil.example");
    op.remove_metadata("backchannel_logout_supported");
    let metadata = get_json(&op.url("/.well-known/openid-configuration")).await;
    assert_eq!(metadata["issuer"], "https://evil.example");
    assert_eq!(metadata.get("backchannel_logout_supported"), None);
    assert_eq!(metadata["jwks_uri"], json!(op.url("/jwks")));
}

#[test]
fn the_algorithm_of_a_client_signs_its_tokens() {
    let op = FakeProvider::builder().with_alg("ES512").build();
    let token = op.logout_token().sign();
    assert_eq!(parts(&token).0["alg"], "ES512");
    assert!(verifies(&token, &op.jwks()));
}
