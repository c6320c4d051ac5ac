//! The eight modules of the OpenID Foundation's certification profile "Back-Channel RP", by their names, over a real
//! socket, with the key set and the token shape of the suite (spec section 5).

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::jose::JwkSet;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{LogoutTokenBuilder, SigningKey, TestClock, TokenMint};

use crate::rig::{CLIENT, ISSUER, NOW, Served, client_id, is_live, issuer, serve, sign_in};

/// The suite's OP: two RSA, two P-256, one secp256k1 and one Ed25519 signing key without `alg`, two encryption keys.
struct Suite {
    mint: TokenMint,
    store: MemoryStore,
    served: Served,
}

fn key(alg: &str, kid: &str) -> SigningKey {
    SigningKey::generate(alg)
        .with_kid(kid)
        .without_jwk_member("alg")
}

fn published(mint: &TokenMint) -> String {
    let mut set: Value = mint.jwks();
    let entries = set["keys"].as_array_mut().unwrap();
    for entry in entries.iter_mut() {
        assert!(entry.get("alg").is_none(), "the suite's keys have no alg");
        entry["use"] = json!("sig");
    }
    let encryption = |kid: &str, alg: &str| {
        let mut jwk = key(alg, kid).jwk();
        jwk["use"] = json!("enc");
        jwk
    };
    let more = [
        json!({
            "kty": "EC", "crv": "secp256k1", "kid": "k1", "use": "sig",
            "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
            "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
        }),
        encryption("enc-rsa", "RS256"),
        encryption("enc-ec", "ES256"),
    ];
    entries.extend(more);
    set.to_string()
}

impl Suite {
    async fn start() -> Self {
        let clock = TestClock::new(NOW);
        let mint = TokenMint::new(ISSUER, CLIENT)
            .with_keys([
                key("RS256", "rsa-1"),
                key("RS256", "rsa-2"),
                key("ES256", "ec-1"),
                key("ES256", "ec-2"),
                key("EdDSA", "ed-1"),
            ])
            .with_alg("RS256")
            .with_clock(clock.clone());
        let keys = JwkSet::parse(published(&mint).as_bytes()).unwrap();
        let provider = Provider::builder(issuer())
            .with_client(Client::builder(client_id()).build().unwrap())
            .with_static_keys(keys)
            .build()
            .unwrap();
        let store = MemoryStore::builder().with_clock(clock.clone()).build();
        sign_in(&store, "browser", "248289761001", Some("08a5019c"), NOW).await;
        let logout = Logout::builder(store.clone(), [provider])
            .with_clock(clock)
            .build();
        let served = serve(LogoutService::new(logout)).await;
        Self {
            mint,
            store,
            served,
        }
    }

    /// The good token: no `typ`, a `kid`, `aud` a string, `sub` and `sid`, two minutes, one unknown claim.
    fn good(&self) -> LogoutTokenBuilder {
        self.mint
            .logout_token()
            .without_header("typ")
            .sub("248289761001")
            .sid("08a5019c")
            .claim("ignored_claim", "ignored")
    }

    /// Posts the token with one unknown form field, over HTTP/1.1.
    async fn post(&self, token: &str) -> Response<Bytes> {
        let stream = tokio::net::TcpStream::connect(self.served.address)
            .await
            .unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(self.request(token)).await.unwrap()).await
    }

    /// The same over HTTP/2.
    async fn post_http2(&self, token: &str) -> Response<Bytes> {
        let stream = tokio::net::TcpStream::connect(self.served.address)
            .await
            .unwrap();
        let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
            TokioExecutor::new(),
            TokioIo::new(stream),
        )
        .await
        .unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(self.request(token)).await.unwrap()).await
    }

    fn request(&self, token: &str) -> Request<Full<Bytes>> {
        Request::post(format!("http://{}/backchannel-logout", self.served.address))
            .header("host", self.served.address.to_string())
            .header(
                "content-type",
                "application/x-www-form-urlencoded; charset=UTF-8",
            )
            .body(Full::new(Bytes::from(format!(
                "logout_token={token}&ignored_parameter=ignored"
            ))))
            .unwrap()
    }

    async fn assert_refused(&self, token: &str) {
        for answer in [self.post(token).await, self.post_http2(token).await] {
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        assert!(
            is_live(&self.store, "browser").await,
            "a refused token ends nothing"
        );
    }
}

async fn whole(answer: Response<Incoming>) -> Response<Bytes> {
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout() {
    // BCL-09, BCL-13, BCL-14, BCL-55, BCL-72, BCL-116, BCL-144
    let suite = Suite::start().await;
    let token = suite.good().sign();
    let answer = suite.post(&token).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-length"], "0");
    assert!(answer.body().is_empty());
    assert!(!is_live(&suite.store, "browser").await);
    assert_eq!(
        suite.post_http2(&token).await.status(),
        StatusCode::OK,
        "a repetition over HTTP/2"
    );
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_alg_none() {
    // BCL-53
    let suite = Suite::start().await;
    // The suite's form: a header of `alg` alone and an empty third segment.
    let payload = suite.good().sign().split('.').nth(1).unwrap().to_owned();
    suite
        .assert_refused(&format!("eyJhbGciOiJub25lIn0.{payload}."))
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg() {
    // BCL-38, BCL-52: signed with a real key of the published set
    let suite = Suite::start().await;
    suite
        .assert_refused(&suite.good().alg("ES256").sign())
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss() {
    // BCL-100
    let suite = Suite::start().await;
    suite
        .assert_refused(&suite.good().issuer(format!("{ISSUER}INVALID")).sign())
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud() {
    // BCL-101
    let suite = Suite::start().await;
    suite
        .assert_refused(&suite.good().audience(format!("{CLIENT}INVALID")).sign())
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_no_event() {
    // BCL-113
    let suite = Suite::start().await;
    suite
        .assert_refused(&suite.good().without_claim("events").sign())
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event() {
    // BCL-113
    let suite = Suite::start().await;
    let events = json!({ "http://schemas.openid.net/event/INVALID": {} });
    suite
        .assert_refused(&suite.good().claim("events", events).sign())
        .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce() {
    // BCL-115
    let suite = Suite::start().await;
    suite
        .assert_refused(&suite.good().claim("nonce", "n-0S6_WzA2Mj").sign())
        .await;
}
