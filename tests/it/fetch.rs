//! What one GET may bring, over real sockets, with the shipped client.

use std::time::Duration;

use tower_backchannel_logout::fetch::{
    BoxError, Fetch, FetchBody, FetchErrorKind, FetchLimits, HttpClient,
};
use tower_backchannel_logout::jwks::{KeysErrorKind, RefreshPolicy};
use tower_backchannel_logout::provider::{Client, Provider};

use crate::wire::{Reply, Wire};

pub(crate) const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"411s40N_jMmVWje0P03GY53cBKU9NQ2LVHf16Jj041Y"}]}"#;

fn client() -> HttpClient {
    HttpClient::new().unwrap()
}

/// Patient, so that a busy machine is not taken for a server that hangs.
fn provider(url: String, fetch: impl Fetch) -> Provider {
    with_limits(url, fetch, Duration::from_secs(60))
}

/// For servers that do hang.
fn hasty(url: String) -> Provider {
    with_limits(url, client(), Duration::from_millis(300))
}

fn with_limits(url: String, fetch: impl Fetch, limit: Duration) -> Provider {
    let limits = FetchLimits::default().with_total(limit).with_read(limit);
    Provider::builder("https://op.example")
        .with_client(Client::builder("orders-web").build().unwrap())
        .with_jwks_uri(url)
        .with_fetch(fetch)
        .with_refresh(RefreshPolicy::default().with_burst(100).with_limits(limits))
        .build()
        .unwrap()
}

/// What becomes of a provider whose OP answers like that, first without and then with keys at hand.
async fn outcome(reply: Reply) -> FetchErrorKind {
    let wire = Wire::start(reply).await;
    failure(&provider(wire.url("/jwks"), client())).await
}

async fn failure(provider: &Provider) -> FetchErrorKind {
    match provider.ready().await.unwrap_err().kind() {
        KeysErrorKind::Fetch(kind) => kind,
        other => panic!("{other:?}"),
    }
}

fn raw(text: &str) -> Reply {
    Reply::Raw(text.to_owned())
}

#[tokio::test]
async fn a_key_set_is_fetched_whatever_its_media_type() {
    // BCL-79
    for media_type in [
        "application/json",
        "text/plain",
        "application/jwk-set+json",
        "text/html",
    ] {
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n{KEYS}",
            KEYS.len()
        );
        let wire = Wire::start(Reply::Raw(reply)).await;
        let provider = provider(wire.url("/jwks"), client());
        provider.ready().await.unwrap();
        assert_eq!(provider.health().keys, 1);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    // BCL-84
    let other = Wire::start(Reply::Ok(KEYS.to_owned())).await;
    for target in [
        other.url("/jwks"),
        "file:///etc/passwd".to_owned(),
        "/same-host".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let reply = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
            );
            assert_eq!(outcome(Reply::Raw(reply)).await, FetchErrorKind::Redirect);
        }
    }
    assert_eq!(other.hits(), 0);
}

#[tokio::test]
async fn a_fetch_sends_neither_cookies_nor_credentials() {
    // BCL-84
    let reply = "HTTP/1.1 500 No\r\nset-cookie: a=b\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
    let wire = Wire::start(raw(reply)).await;
    let provider = provider(wire.url("/jwks?v=1"), client());
    for _ in 0..2 {
        assert!(provider.ready().await.is_err());
    }
    let heads = wire.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(head.starts_with("GET /jwks?v=1 HTTP/1.1\r\n"), "{head}");
        let head = head.to_ascii_lowercase();
        for field in ["cookie:", "authorization:", "referer:", "if-none-match:"] {
            assert!(!head.contains(field), "{head}");
        }
    }
}

#[tokio::test]
async fn only_status_200_is_success() {
    // BCL-79
    for status in [201, 204, 206, 304, 400, 404, 500, 503] {
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(
            outcome(Reply::Raw(reply)).await,
            FetchErrorKind::Status(status)
        );
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut() {
    // BCL-79
    assert_eq!(outcome(Reply::Endless).await, FetchErrorKind::TooLarge);
}

#[tokio::test]
async fn a_body_that_is_declared_too_large_is_not_read() {
    // BCL-79
    let reply = raw("HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n");
    assert_eq!(outcome(reply).await, FetchErrorKind::TooLarge);
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_used() {
    // BCL-79
    let declared = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{KEYS}",
        KEYS.len() + 1
    );
    assert_eq!(
        outcome(Reply::Raw(declared)).await,
        FetchErrorKind::Interrupted
    );
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{KEYS}\r\n",
        KEYS.len()
    );
    assert_eq!(
        outcome(Reply::Raw(chunked)).await,
        FetchErrorKind::Interrupted
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    // BCL-83
    let wire = Wire::start(Reply::Hang).await;
    let provider = hasty(wire.url("/jwks"));
    assert_eq!(failure(&provider).await, FetchErrorKind::Timeout);
}

#[tokio::test]
async fn a_server_that_falls_silent_leaves_the_good_set_in_place() {
    // BCL-79, BCL-83
    let wire = Wire::start(Reply::Ok(KEYS.to_owned())).await;
    let provider = hasty(wire.url("/jwks"));
    // On a busy machine an attempt may be given up too.
    while provider.ready().await.is_err() {}
    wire.answer(Reply::Hang);
    let keys = provider.remote_keys().unwrap();
    assert!(keys.refresh().await.is_err());
    assert!(keys.current().is_some_and(|keys| keys.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_frames_without_bytes_is_given_up_in_time() {
    // BCL-83: the shipped client cannot bring one, another may.
    struct Empty;
    impl Fetch for Empty {
        async fn fetch(&self, _: http::Request<()>) -> Result<http::Response<FetchBody>, BoxError> {
            let frames = tokio_stream::StreamExt::map(tokio_stream::iter(0_u64..), |_| {
                Ok::<_, BoxError>(http_body::Frame::data(bytes::Bytes::new()))
            });
            let body = http_body_util::StreamBody::new(frames);
            Ok(http::Response::new(FetchBody::new(body)))
        }
    }
    // The runtime is never idle meanwhile, so its time goes on only if others have their turn too.
    let time = tokio::spawn(async {
        loop {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    });
    let keys = provider("https://op.example/jwks".to_owned(), Empty);
    let error = keys.ready().await.unwrap_err();
    assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Timeout));
    time.abort();
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_an_error_and_not_a_wait() {
    // BCL-83
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    drop(listener);
    let error = provider(url, client()).ready().await.unwrap_err();
    assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Connect));
}

#[tokio::test]
async fn an_answer_that_is_not_a_good_set_leaves_the_good_one_in_place() {
    // BCL-79
    let wire = Wire::start(Reply::Ok(KEYS.to_owned())).await;
    let provider = provider(wire.url("/jwks"), client());
    provider.ready().await.unwrap();
    let keys = provider.remote_keys().unwrap();
    for reply in [
        raw("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
        Reply::Ok("<!doctype html><title>Sign in</title>".to_owned()),
        Reply::Ok("{}".to_owned()),
        Reply::Ok(r#"{"keys":[]}"#.to_owned()),
        Reply::Ok(format!("{KEYS}{}", " ".repeat(2 << 20))),
        raw("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"),
        raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"keys\":["),
        Reply::Endless,
    ] {
        wire.answer(reply.clone());
        assert!(keys.refresh().await.is_err(), "{reply:?}");
        assert!(
            keys.current().is_some_and(|keys| keys.len() == 1),
            "{reply:?}"
        );
        assert!(provider.health().last_error.is_some());
    }
    wire.answer(Reply::Ok(KEYS.to_owned()));
    keys.refresh().await.unwrap();
    assert_eq!(provider.health().last_error, None);
}

mod tls {
    use super::*;
    use std::sync::Arc;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    struct Secure {
        acceptor: TlsAcceptor,
        pem: String,
        der: Vec<u8>,
    }

    /// A certificate that nobody but itself vouches for.
    fn self_signed(name: &str) -> Secure {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Secure {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            pem: made.cert.pem(),
            der: made.cert.der().to_vec(),
        }
    }

    async fn serve_tls(wire: Wire, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                wire.serve(stream).await;
            }
        }
    }

    async fn secure_op(secure: &Secure) -> String {
        let (wire, listener) = Wire::bind(Reply::Ok(KEYS.to_owned())).await;
        let url = format!("https://localhost:{}/jwks", wire.address.port());
        tokio::spawn(serve_tls(wire, listener, secure.acceptor.clone()));
        url
    }

    #[tokio::test]
    async fn a_self_signed_server_is_refused() {
        // BCL-33
        let url = secure_op(&self_signed("localhost")).await;
        let error = provider(url, client()).ready().await.unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Connect));
    }

    #[tokio::test]
    async fn a_self_signed_server_is_accepted_once_its_root_is_supplied() {
        // BCL-33
        let secure = self_signed("localhost");
        let url = secure_op(&secure).await;
        for builder in [
            HttpClient::builder().with_root_pem(&secure.pem),
            HttpClient::builder().with_root_der(secure.der.clone()),
        ] {
            let provider = provider(url.clone(), builder.build().unwrap());
            provider.ready().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_certificate_for_another_host_is_refused() {
        // BCL-33
        let secure = self_signed("other.example");
        let url = secure_op(&secure).await;
        let client = HttpClient::builder().with_root_pem(&secure.pem);
        let error = provider(url, client.build().unwrap())
            .ready()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Connect));
    }

    #[test]
    fn a_root_that_is_no_certificate_is_refused_at_start_up() {
        // BCL-33
        let field = |builder: tower_backchannel_logout::fetch::HttpClientBuilder| {
            builder.build().unwrap_err().field()
        };
        assert_eq!(field(HttpClient::builder().with_root_pem("")), "root_pem");
        assert_eq!(
            field(HttpClient::builder().with_root_pem("nothing here")),
            "root_pem"
        );
        assert_eq!(
            field(HttpClient::builder().with_root_der(*b"nothing")),
            "root_der"
        );
    }

    const PROXY_ROOT: &str = "TEST_PROXY_ROOT";

    /// The environment is that of a process, so the test runs itself once more with a proxy in it.
    #[tokio::test]
    async fn the_proxy_of_the_environment_is_used_for_https_and_not_for_loopback() {
        let secure = self_signed("op.example");
        let (wire, listener) = Wire::bind(Reply::Ok(KEYS.to_owned())).await;
        let direct = Wire::start(Reply::Ok(KEYS.to_owned())).await;
        let connects = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, acceptor) = (Arc::clone(&connects), secure.acceptor.clone());
        let address = wire.address;
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    wire.serve(stream).await;
                }
            }
        });
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fetch::tls::child_behind_a_proxy", "--nocapture"])
            .env("HTTPS_PROXY", format!("http://user:secret@{address}"))
            .env("HTTP_PROXY", format!("http://{address}"))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env(PROXY_ROOT, &secure.pem)
            .env("TEST_DIRECT", direct.url("/jwks"))
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
        let connects = connects.lock().unwrap();
        assert_eq!(connects.len(), 1, "{connects:?}");
        assert!(connects[0].starts_with("CONNECT op.example:443 HTTP/1.1\r\n"));
        assert!(
            connects[0]
                .to_ascii_lowercase()
                .contains("proxy-authorization: basic")
        );
        assert_eq!(direct.hits(), 1);
    }

    #[tokio::test]
    async fn child_behind_a_proxy() {
        let (Ok(root), Ok(direct)) = (std::env::var(PROXY_ROOT), std::env::var("TEST_DIRECT"))
        else {
            return;
        };
        let client = HttpClient::builder().with_root_pem(root).build().unwrap();
        provider("https://op.example/jwks".to_owned(), client.clone())
            .ready()
            .await
            .unwrap();
        provider(direct, client).ready().await.unwrap();
    }
}

#[cfg(feature = "reqwest")]
mod with_reqwest {
    use super::*;

    #[tokio::test]
    async fn a_reqwest_client_is_a_fetcher() {
        let wire = Wire::start(Reply::Ok(KEYS.to_owned())).await;
        provider(wire.url("/jwks"), reqwest::Client::new())
            .ready()
            .await
            .unwrap();
        wire.answer(Reply::Endless);
        let error = provider(wire.url("/jwks"), reqwest::Client::new())
            .ready()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::TooLarge));
    }

    #[tokio::test]
    async fn a_redirect_that_a_reqwest_client_followed_is_refused() {
        // BCL-84
        let wire = Wire::start(Reply::Hang).await;
        wire.answer_by_path(|path| match path {
            "/jwks" => raw("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"),
            _ => Reply::Ok(KEYS.to_owned()),
        });
        let error = provider(wire.url("/jwks"), reqwest::Client::new())
            .ready()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Connect));
        let still = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let error = provider(wire.url("/jwks"), still.build().unwrap())
            .ready()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::Fetch(FetchErrorKind::Redirect));
    }
}
