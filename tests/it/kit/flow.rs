//! A login, walked with a plain HTTP client.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_backchannel_logout::testing::{ClientRegistration, FakeProvider, TestClock};

use super::http::{get, get_json, header, json as body, query, send};
use super::verify::{parts, verifies};

const ID: &str = ClientRegistration::DEFAULT_ID;
const SECRET: &str = ClientRegistration::DEFAULT_SECRET;
const CALLBACK: &str = "http://app.example/callback";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn authorization(client_id: &str, extra: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("response_type", "code"),
        ("scope", "openid"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "the state"),
        ("nonce", "the-nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in extra {
        pairs.retain(|(one, _)| one != name);
        pairs.push((name, value));
    }
    format!("/authorize?{}", query(&pairs))
}

fn returned(location: &str) -> HashMap<String, String> {
    let (uri, query) = location.split_once('?').unwrap();
    assert_eq!(uri, CALLBACK);
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Code and cookie of a login.
async fn authorize(op: &FakeProvider, client_id: &str, cookie: &str) -> (String, String) {
    let url = op.url(&authorization(client_id, &[]));
    let answer = send("GET", &url, &[("cookie", cookie)], "").await.unwrap();
    assert_eq!(answer.status(), 302);
    let back = returned(header(answer.headers(), "location"));
    assert_eq!(back["state"], "the state");
    assert_eq!(back["iss"], op.issuer());
    let cookie = header(answer.headers(), "set-cookie")
        .split(';')
        .next()
        .unwrap();
    (back["code"].clone(), cookie.to_owned())
}

async fn token(op: &FakeProvider, pairs: &[(&str, &str)], authorization: &str) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
    ];
    form.extend(pairs);
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    let answer = send("POST", &op.url("/token"), &headers, &query(&form))
        .await
        .unwrap();
    assert_eq!(
        header(answer.headers(), "cache-control"),
        if answer.status() == 401 {
            ""
        } else {
            "no-store"
        }
    );
    (answer.status().as_u16(), body(&answer))
}

fn basic() -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{ID}:{}", SECRET.replace(' ', "+")))
    )
}

#[tokio::test]
async fn discovery_names_the_issuer_and_urls_that_answer() {
    let op = FakeProvider::start().await;
    assert!(op.issuer().starts_with("http://127.0.0.1:"));
    let metadata = get_json(&op.url("/.well-known/openid-configuration")).await;
    assert_eq!(metadata["issuer"], op.issuer());
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(
        get_json(metadata["jwks_uri"].as_str().unwrap()).await,
        op.jwks()
    );
    assert_eq!(get(&op.url("/elsewhere")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_code_becomes_an_id_token_with_nonce_sid_and_user_info() {
    let op = FakeProvider::builder()
        .with_clock(TestClock::default())
        .start()
        .await;
    let (code, _) = authorize(&op, ID, "").await;
    let form = [("code", code.as_str()), ("code_verifier", VERIFIER)];
    let (status, tokens) = token(&op, &form, &basic()).await;
    assert_eq!(status, 200, "{tokens}");
    let id_token = tokens["id_token"].as_str().unwrap();
    assert!(verifies(id_token, &op.jwks()));
    let (_, claims) = parts(id_token);
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&json!(ID), &json!("customer-1"))
    );
    assert_eq!(claims["iat"], TestClock::DEFAULT_START.as_secs());
    assert_eq!(
        op.sessions_of("customer-1"),
        [claims["sid"].as_str().unwrap()]
    );
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let info = send("GET", &op.url("/userinfo"), &headers, "")
        .await
        .unwrap();
    assert_eq!(body(&info), json!({ "sub": "customer-1" }));
    assert_eq!(get(&op.url("/userinfo")).await.unwrap().status(), 401);
    let (status, again) = token(&op, &form, &basic()).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn the_secret_may_come_in_the_form_and_has_to_be_right() {
    let op = FakeProvider::start().await;
    let (code, _) = authorize(&op, ID, "").await;
    let mut form = vec![
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
        ("client_id", ID),
    ];
    assert_eq!(token(&op, &form, "").await.0, 401);
    form.push(("client_secret", "another"));
    assert_eq!(token(&op, &form, "").await.0, 401);
    form.pop();
    form.push(("client_secret", SECRET));
    assert_eq!(token(&op, &form, "").await.0, 200);
}

#[tokio::test]
async fn a_wrong_verifier_redirect_uri_or_client_gets_nothing() {
    let op = FakeProvider::start().await;
    op.register(ClientRegistration::confidential("other", SECRET));
    let other = format!(
        "Basic {}",
        STANDARD.encode(format!("other:{}", SECRET.replace(' ', "+")))
    );
    let cases = [
        (vec![("code_verifier", "wrong")], basic()),
        (vec![], basic()),
        (
            vec![
                ("code_verifier", VERIFIER),
                ("redirect_uri", "http://evil.example"),
            ],
            basic(),
        ),
        (vec![("code_verifier", VERIFIER)], other),
    ];
    for (extra, authorization) in cases {
        let (code, _) = authorize(&op, ID, "").await;
        let mut form = vec![("code", code.as_str())];
        form.extend(extra.iter());
        let (status, answer) = token(&op, &form, &authorization).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("invalid_grant")),
            "{extra:?}"
        );
    }
}

#[tokio::test]
async fn a_public_client_must_use_pkce() {
    let op = FakeProvider::start().await;
    op.register(ClientRegistration::public("spa").with_redirect_uri(CALLBACK));
    let url = op
        .url(&authorization("spa", &[]))
        .replace("code_challenge=", "ignored=");
    let answer = get(&url).await.unwrap();
    assert_eq!(
        returned(header(answer.headers(), "location"))["error"],
        "invalid_request"
    );
    let (code, _) = authorize(&op, "spa", "").await;
    let form = [
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
        ("client_id", "spa"),
    ];
    assert_eq!(token(&op, &form, "").await.0, 200);
}

#[tokio::test]
async fn an_unknown_client_or_redirect_uri_is_never_redirected_to() {
    let op = FakeProvider::start().await;
    op.register(ClientRegistration::public("spa").with_redirect_uri("http://app.example/other"));
    for client_id in ["spa", "unknown"] {
        let answer = get(&op.url(&authorization(client_id, &[]))).await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(header(answer.headers(), "location"), "");
    }
}

#[tokio::test]
async fn what_the_endpoint_cannot_do_is_an_error_at_the_redirect_uri() {
    let op = FakeProvider::start().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "profile", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let answer = get(&op.url(&authorization(ID, &[(name, value)])))
            .await
            .unwrap();
        assert_eq!(
            returned(header(answer.headers(), "location"))["error"],
            error
        );
    }
}

#[tokio::test]
async fn the_same_browser_joins_its_session_and_a_hint_chooses_the_customer() {
    let op = FakeProvider::start().await;
    let (_, cookie) = authorize(&op, ID, "").await;
    let (_, again) = authorize(&op, ID, &format!("a=b; {cookie}")).await;
    assert_eq!(cookie, again);
    assert_eq!(op.sessions_of("customer-1").len(), 1);
    let url = op.url(&authorization(ID, &[("login_hint", "bob")]));
    send("GET", &url, &[("cookie", &cookie)], "").await.unwrap();
    assert_eq!(op.sessions_of("bob").len(), 1);
    assert_eq!(op.sessions_of("customer-1").len(), 1);
}

#[tokio::test]
async fn pairwise_subjects_differ_by_client_and_stay_the_same() {
    let op = FakeProvider::builder().with_pairwise_subjects().build();
    op.register(ClientRegistration::public("other"));
    let first = op.log_in(ID, "alice");
    let second = op.join_session(&first.sid, "other");
    assert_ne!(first.sub, second.sub);
    assert_eq!(first.sid, second.sid);
    assert_eq!(op.log_in(ID, "alice").sub, first.sub);
    assert_eq!(
        op.metadata()["subject_types_supported"],
        json!(["pairwise"])
    );
    assert_eq!(parts(&first.id_token).1["sub"], first.sub);
}
