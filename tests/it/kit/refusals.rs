//! Tokens of the mint before the verifier of this crate: good ones pass, each broken one is refused for its reason.

use std::time::Duration;

use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::testing::{
    Breakage, ClientRegistration, FakeProvider, FakeProviderBuilder, TestClock,
};
use tower_backchannel_logout::token::{Expectation, IdTokenRefusal, TokenPolicy, check_id_token};
use tower_backchannel_logout::{ClientId, Issuer};

const NOW: UnixTime = TestClock::DEFAULT_START;
const ID: &str = ClientRegistration::DEFAULT_ID;

fn provider() -> FakeProviderBuilder {
    FakeProvider::builder().with_clock(TestClock::default())
}

fn expectation(op: &FakeProvider, alg: &str) -> Expectation {
    let (issuer, client) = (
        Issuer::parse(op.issuer()).unwrap(),
        ClientId::parse(ID).unwrap(),
    );
    let algorithm = Algorithm::parse(alg).unwrap();
    if algorithm.is_symmetric() {
        let secret = ClientSecret::parse(ClientRegistration::DEFAULT_SECRET).unwrap();
        return Expectation::keyed_with(issuer, client, algorithm, secret).unwrap();
    }
    let keys = JwkSet::parse(op.jwks_json().as_bytes()).unwrap();
    Expectation::signed_with(issuer, client, algorithm, keys).unwrap()
}

#[test]
fn a_good_token_of_every_algorithm_is_taken() {
    // BCL-38, BCL-41
    for algorithm in Algorithm::ALL {
        let alg = algorithm.as_str();
        let op = provider().with_alg(alg).build();
        let token = op.logout_token().sub("alice").sid("s").sign();
        let verified = expectation(&op, alg).verify(&token, NOW);
        assert!(verified.is_ok(), "{alg}: {verified:?}");
    }
}

#[test]
fn a_strict_relying_party_takes_the_default_token_with_a_sid() {
    // BCL-174
    let op = provider().build();
    let policy = TokenPolicy::strict().with_require_sid(true);
    let strict = expectation(&op, "RS256").with_policy(policy);
    assert!(
        strict
            .verify(&op.logout_token().sid("s").sign(), NOW)
            .is_ok()
    );
}

#[test]
fn each_breakage_is_refused_for_its_reason_whatever_the_family_of_keys() {
    // BCL-15
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let op = provider().with_alg(alg).build();
        let lenient = expectation(&op, alg);
        let policy = TokenPolicy::default()
            .with_require_exp(true)
            .with_require_sid(true)
            .with_max_lifetime(Duration::from_secs(120));
        let strict = lenient.clone().with_policy(policy);
        for breakage in Breakage::ALL {
            if breakage.name == "signed_by_encryption_key" && !alg.starts_with(['R', 'P']) {
                continue;
            }
            let token = breakage
                .apply(op.logout_token().sub("alice").sid("s"))
                .sign();
            let refused = strict.verify(&token, NOW).map(drop);
            assert_eq!(refused, Err(breakage.refusal), "{alg}: {breakage:?}");
            let by_default = lenient.verify(&token, NOW).is_err();
            assert_eq!(
                by_default,
                breakage.only_with.is_none(),
                "{alg}: {breakage:?}"
            );
        }
    }
}

#[test]
fn a_token_of_another_provider_is_refused_also_under_this_issuer() {
    // BCL-42, BCL-71
    let (here, there) = (provider().build(), provider().build());
    let token = there.logout_token().issuer(here.issuer()).sign();
    let refused = expectation(&here, "RS256").verify(&token, NOW).map(drop);
    assert_eq!(refused, Err(Refusal::UnknownKey));
    let kid = here.mint_for(ID).key_for("RS256").unwrap().kid().to_owned();
    let token = there.logout_token().issuer(here.issuer()).kid(kid).sign();
    let refused = expectation(&here, "RS256").verify(&token, NOW).map(drop);
    assert_eq!(refused, Err(Refusal::BadSignature));
}

#[test]
fn an_id_token_is_for_the_login_and_a_logout_token_is_not() {
    // BCL-118, BCL-119
    let op = provider().build();
    let id_token = op.id_token().sid("s").nonce("n").sign();
    assert_eq!(check_id_token(&id_token, "n"), Ok(()));
    assert!(expectation(&op, "RS256").verify(&id_token, NOW).is_err());
    let logout_token = op.logout_token().sid("s").claim("nonce", "n").sign();
    assert_ne!(
        check_id_token(&logout_token, "n"),
        Ok::<(), IdTokenRefusal>(())
    );
}

#[cfg(feature = "client")]
#[tokio::test]
async fn a_provider_of_this_crate_discovers_the_fake_one_and_its_keys() {
    // BCL-31, BCL-83
    use tower_backchannel_logout::provider::{Client, Provider};
    use tower_backchannel_logout::testing::{Endpoint, Fault};
    let op = provider().start().await;
    op.fail(Endpoint::Jwks, Fault::Html);
    let build = || {
        let client = Client::builder(ID).build().unwrap();
        Provider::builder(op.issuer())
            .with_client(client)
            .build()
            .unwrap()
    };
    assert!(build().ready().await.is_err());
    op.recover(Endpoint::Jwks);
    let before = op.requests(Endpoint::Jwks);
    assert!(build().ready().await.is_ok());
    assert_eq!(op.requests(Endpoint::Jwks), before + 1);
}
