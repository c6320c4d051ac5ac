//! What each provider of spec section 8 sends, through the endpoint with the default client or the profile of its name.

use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, ClientBuilder, Profile, Provider};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::testing::{LogoutTokenBuilder, TestClock, TokenMint};

use crate::rig::{
    Answer, Behaviour, CLIENT, ISSUER, NOW, ScriptedStore, assert_error, form, form_text, send,
};

const SUB: &str = "248289761001";
const SID: &str = "08a5019c-17e1-4977-8f42-65a12843ea02";
const SECRET: &str =
    "a client secret of more than sixty-four bytes, so that it serves for HS512 too";

const fn after(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + seconds)
}

/// An OP of that issuer, and what this RP registered there.
struct Rp {
    mint: TokenMint,
    store: ScriptedStore,
    endpoint: LogoutService<ScriptedStore>,
}

impl Rp {
    fn new(issuer: &str, client: ClientBuilder) -> Self {
        let client = client.build().unwrap();
        let mint = TokenMint::new(issuer, CLIENT)
            .with_clock(TestClock::new(NOW))
            .with_alg(client.algorithm().as_str())
            .with_client_secret(SECRET);
        let keys = JwkSet::parse(mint.jwks_json().as_bytes()).unwrap();
        let provider = Provider::builder(issuer)
            .with_client(client)
            .with_static_keys(keys)
            .build()
            .unwrap();
        let store = ScriptedStore::new([Behaviour::Answer]);
        let logout = Logout::builder(store.clone(), provider)
            .with_clock(TestClock::new(NOW))
            .build();
        Self {
            mint,
            store,
            endpoint: LogoutService::new(logout),
        }
    }

    /// Both, as most OPs send them.
    fn token(&self) -> LogoutTokenBuilder {
        self.mint.logout_token().sub(SUB).sid(SID)
    }

    async fn post(&self, token: LogoutTokenBuilder) -> Answer {
        send(&self.endpoint, form(&token.sign())).await
    }

    /// Posts the token; it must end what `sid` and `sub` name.
    async fn accepts(&self, token: LogoutTokenBuilder, sid: Option<&str>, sub: Option<&str>) {
        let answer = self.post(token).await;
        assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
        self.was_asked_for(sid, sub);
    }

    fn was_asked_for(&self, sid: Option<&str>, sub: Option<&str>) {
        let asked = self.store.asked();
        let target = asked.last().unwrap().target();
        assert_eq!(target.sid().map(|sid| sid.as_str()), sid);
        assert_eq!(target.subject().map(|sub| sub.as_str()), sub);
    }

    async fn refuses(&self, token: LogoutTokenBuilder, refusal: Refusal) {
        let answer = self.post(token).await;
        let (bad, error) = (StatusCode::BAD_REQUEST, "invalid_request");
        assert_error(&answer, bad, error, refusal.description());
        assert!(self.store.asked().is_empty());
    }
}

fn standard(algorithm: Algorithm) -> Rp {
    Rp::new(ISSUER, Client::builder(CLIENT).with_algorithm(algorithm))
}

fn profile(profile: Profile) -> Rp {
    Rp::new(ISSUER, Client::builder(CLIENT).with_profile(profile))
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A second event, and `typ` in the payload.
fn keycloak(rp: &Rp) -> LogoutTokenBuilder {
    let events: Value = json!({ EVENT: {}, "revoke_offline_access": true });
    rp.token().claim("typ", "Logout").claim("events", events)
}

#[tokio::test]
async fn keycloak_is_accepted_by_default_and_its_hint_is_passed_on() {
    // BCL-114, BCL-151
    let rp = standard(Algorithm::Rs256);
    rp.accepts(keycloak(&rp), Some(SID), Some(SUB)).await;
    assert!(rp.store.asked()[0].revoke_offline_access());
}

#[tokio::test]
async fn keycloak_before_december_2023_sends_typ_jwt_and_no_exp() {
    // BCL-55, BCL-106
    let rp = standard(Algorithm::Rs256);
    let token = keycloak(&rp).typ("JWT").without_claim("exp");
    rp.accepts(token, Some(SID), Some(SUB)).await;
}

#[cfg(feature = "jwe")]
#[tokio::test]
async fn keycloak_never_encrypts_and_its_profile_allows_that() {
    // BCL-60
    use tower_backchannel_logout::jose::jwe::DecryptionKeys;
    let keys = br#"{"keys":[{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}]}"#;
    let client = Client::builder(CLIENT).with_decryption_keys(DecryptionKeys::parse(keys).unwrap());
    let rp = Rp::new(ISSUER, client.clone());
    rp.refuses(keycloak(&rp), Refusal::EncryptionRequired).await;
    let rp = Rp::new(ISSUER, client.with_profile(Profile::Keycloak));
    rp.accepts(keycloak(&rp), Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn node_oidc_provider_is_accepted_with_any_algorithm_of_the_client() {
    // BCL-41, BCL-106
    let rp = standard(Algorithm::Ps256);
    rp.accepts(rp.token(), Some(SID), Some(SUB)).await;
    let secret = ClientSecret::parse(SECRET).unwrap();
    let client = Client::builder(CLIENT)
        .with_algorithm(Algorithm::Hs256)
        .with_client_secret(secret);
    let rp = Rp::new(ISSUER, client);
    rp.accepts(rp.token().without_claim("exp"), Some(SID), Some(SUB))
        .await;
}

#[tokio::test]
async fn ory_hydra_sends_sid_alone_an_array_of_one_audience_and_no_exp() {
    // BCL-55, BCL-101, BCL-106
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let rp = standard(algorithm);
        let token = rp
            .token()
            .typ("JWT")
            .without_claim("sub")
            .audience(vec![CLIENT])
            .without_claim("exp");
        rp.accepts(token, Some(SID), None).await;
    }
}

#[tokio::test]
async fn duende_identityserver_sends_nbf_and_a_reason() {
    // BCL-107, BCL-116
    let rp = standard(Algorithm::Rs256);
    let token = rp
        .token()
        .expires_at(after(300))
        .claim("nbf", NOW.as_secs())
        .claim("logout_reason", "Expiration")
        .jti("5F5D58CF0B6D4E2B9D3B64B7F5A3C0E1");
    rp.accepts(token, Some(SID), Some(SUB)).await;
}

/// Thirty seconds, `azp`, `nbf`, and `typ` in both places.
fn rauthy(rp: &Rp) -> LogoutTokenBuilder {
    rp.token()
        .typ("JWT")
        .claim("typ", "logout+jwt")
        .expires_at(after(30))
        .claim("azp", CLIENT)
        .claim("nbf", NOW.as_secs())
        .jti("aB3xY9_q")
}

#[tokio::test]
async fn rauthy_sends_either_sid_with_a_null_sub_or_sub() {
    // BCL-103, BCL-110
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs512] {
        let rp = standard(algorithm);
        let with_sid = rauthy(&rp).claim("sub", Value::Null);
        rp.accepts(with_sid, Some(SID), None).await;
        let with_sub = rauthy(&rp).without_claim("sid");
        rp.accepts(with_sub, None, Some(SUB)).await;
    }
}

#[tokio::test]
async fn zitadel_signs_anew_with_the_same_jti_and_an_iat_a_second_ago() {
    // BCL-101, BCL-162
    let rp = standard(Algorithm::Rs256);
    let token = |iat| {
        let token = rp.token().typ("JWT").audience(vec![CLIENT]);
        token.jti("287934650943259").issued_at(after(iat))
    };
    rp.accepts(token(-6), Some(SID), Some(SUB)).await;
    rp.accepts(token(-1), Some(SID), Some(SUB)).await;
    assert_eq!(rp.store.asked().len(), 2, "the newer one is no repetition");
}

#[tokio::test]
async fn authentik_sends_a_hash_as_sid_or_sub_alone() {
    // BCL-112
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let rp = standard(Algorithm::Es256);
    rp.accepts(rp.token().sid(hash), Some(hash), Some(SUB))
        .await;
    rp.accepts(rp.token().without_claim("sid"), None, Some(SUB))
        .await;
}

#[tokio::test]
async fn wso2_sends_no_typ_and_a_thumbprint() {
    // BCL-55, BCL-57
    let rp = standard(Algorithm::Rs256);
    let token = rp
        .token()
        .without_header("typ")
        .header("x5t", "NTdmZjM4ZDk3NjY0YzIyN2ZhN2Y1ZGRk");
    rp.accepts(token, Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn janssen_sends_tokens_that_live_as_long_as_an_id_token() {
    // BCL-104, BCL-105
    let rp = standard(Algorithm::Rs256);
    let token = || rp.token().expires_at(after(3600));
    rp.accepts(token(), Some(SID), Some(SUB)).await;
    // Age bounds them all the same.
    let old = rp.post(token().issued_at(after(-361))).await;
    let description = Refusal::TooOld.description();
    assert_error(
        &old,
        StatusCode::BAD_REQUEST,
        "invalid_request",
        description,
    );
}

/// A POST with the token in the query string and no form field.
async fn post_in_query(rp: &Rp, token: LogoutTokenBuilder) -> Answer {
    let uri = format!("/backchannel-logout?logout_token={}", token.sign());
    let request = Request::post(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::<bytes::Bytes>::default())
        .unwrap();
    send(&rp.endpoint, request).await
}

#[tokio::test]
async fn apereo_cas_puts_the_token_into_the_query_and_needs_its_profile() {
    // BCL-10
    let rp = standard(Algorithm::Rs256);
    let refused = post_in_query(&rp, rp.token()).await;
    let description = Refusal::MissingLogoutToken.description();
    assert_error(
        &refused,
        StatusCode::BAD_REQUEST,
        "invalid_request",
        description,
    );
    let rp = profile(Profile::ApereoCas);
    let token = rp.token().expires_at(after(60));
    assert_eq!(post_in_query(&rp, token).await.status(), StatusCode::OK);
    rp.was_asked_for(Some(SID), Some(SUB));
}

#[tokio::test]
async fn apereo_cas_may_be_set_to_sign_nothing_and_is_then_refused() {
    // BCL-53
    let rp = profile(Profile::ApereoCas);
    rp.refuses(rp.token().alg_none(), Refusal::AlgNone).await;
}

#[tokio::test]
async fn better_auth_is_accepted_with_its_jti_of_32_characters() {
    // BCL-52
    let rp = standard(Algorithm::EdDsa);
    let token = || rp.token().jti("Zk3aVtq0yLxR9Wc5Hn1bGd7sPo2uTe8f");
    rp.accepts(token(), Some(SID), Some(SUB)).await;
    // RFC 9864 gives the same algorithm a second name. A header that is set is not signed anew, so this is the mint's.
    let renamed = token().header("alg", "Ed25519");
    rp.accepts(renamed, Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn open_liberty_sends_two_minutes_and_before_that_no_exp() {
    // BCL-106
    let rp = standard(Algorithm::Rs256);
    rp.accepts(rp.token(), Some(SID), Some(SUB)).await;
    let before = rp.token().without_claim("exp");
    rp.accepts(before, Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn ping_am_sends_a_tracking_id_and_a_cause() {
    // BCL-116
    let rp = standard(Algorithm::Rs256);
    let token = rp
        .token()
        .claim(
            "auditTrackingId",
            "5b8c2a5c-63d9-4a4e-8b0e-9a1b2c3d4e5f-4711",
        )
        .claim("cause", "LOGOUT");
    rp.accepts(token, Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn pingfederate_is_accepted_as_the_specification_has_it() {
    // BCL-13
    let rp = standard(Algorithm::Rs256);
    rp.accepts(rp.token(), Some(SID), Some(SUB)).await;
}

#[tokio::test]
async fn auth0_has_an_issuer_with_a_slash_and_sends_session_metadata() {
    // BCL-30, BCL-100, BCL-116
    let rp = Rp::new("https://tenant.example/", Client::builder(CLIENT));
    let token = || {
        let metadata = json!({ "key": "value" });
        let token = rp.token().sub("auth0|602c0dcab993d10073daf680");
        token.claim("session_metadata", metadata)
    };
    let sub = Some("auth0|602c0dcab993d10073daf680");
    rp.accepts(token(), Some(SID), sub).await;
    let without = rp.post(token().issuer("https://tenant.example")).await;
    let description = Refusal::WrongIssuer.description();
    assert_error(
        &without,
        StatusCode::BAD_REQUEST,
        "invalid_request",
        description,
    );
}

#[tokio::test]
async fn connect2id_types_its_tokens_explicitly_and_also_when_a_session_expires() {
    // BCL-55, BCL-117
    let rp = standard(Algorithm::Rs256);
    let typed = rp.token().typ("application/logout+jwt");
    rp.accepts(typed, Some(SID), Some(SUB)).await;
    let without_sid = rp.token().without_claim("sid");
    rp.accepts(without_sid, None, Some(SUB)).await;
}

#[tokio::test]
async fn lemonldap_ng_signs_with_the_client_secret() {
    // BCL-41, BCL-85
    let secret = ClientSecret::parse(SECRET).unwrap();
    let client = Client::builder(CLIENT)
        .with_algorithm(Algorithm::Hs512)
        .with_client_secret(secret);
    let rp = Rp::new(ISSUER, client);
    rp.accepts(rp.token().without_claim("exp"), Some(SID), Some(SUB))
        .await;
    let rp = standard(Algorithm::Rs256);
    rp.refuses(rp.token().alg("HS512"), Refusal::AlgNotAllowed)
        .await;
}

#[tokio::test]
async fn an_older_java_client_names_a_charset() {
    // BCL-03
    let rp = standard(Algorithm::Rs256);
    let mut request = form_text(format!("logout_token={}", rp.token().sign()));
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    request
        .headers_mut()
        .insert("content-type", form.parse().unwrap());
    assert_eq!(send(&rp.endpoint, request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_strict_profile_takes_what_follows_the_current_specification() {
    // BCL-174
    let rp = profile(Profile::Strict);
    rp.accepts(keycloak(&rp), Some(SID), Some(SUB)).await;
    rp.accepts(rp.token().expires_at(after(180)), Some(SID), Some(SUB))
        .await;
}

#[tokio::test]
async fn the_strict_profile_refuses_what_others_send() {
    // BCL-55, BCL-106, BCL-174
    let rp = profile(Profile::Strict);
    let sent = rp.token();
    for (token, refusal) in [
        (sent.clone().without_header("typ"), Refusal::WrongTyp),
        (sent.clone().typ("JWT"), Refusal::WrongTyp),
        (sent.clone().without_claim("exp"), Refusal::ExpMissing),
        (
            sent.clone().expires_at(after(181)),
            Refusal::LifetimeTooLong,
        ),
        (sent.expires_at(after(3600)), Refusal::LifetimeTooLong),
    ] {
        rp.refuses(token, refusal).await;
    }
}
