//! Any bytes as the body of a Back-Channel Logout Request.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::{Builder, Runtime};
use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::jose::{Algorithm, JwkSet};
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::session::{LogoutRequest, SessionStore, Terminated};
use tower_service::Service as _;

use super::oracle::Json;
use super::subject;

/// Success exactly for one good token in the form; everything else is one of the answers of the catalogue.
pub fn check(data: &[u8]) {
    thread_local! {
        static ENDPOINT: RefCell<Endpoint> = RefCell::new(Endpoint::new());
    }
    ENDPOINT.with_borrow_mut(|endpoint| {
        let (answer, asked) = endpoint.send(data);
        let good = data.len() <= 64 * 1024 && fields(data) == [subject::good_token()];
        assert_eq!(answer.status() == StatusCode::OK, good, "{data:?}");
        // A repetition is answered without asking again.
        assert!(asked == 0 || good, "the store was asked");
        check_answer(&answer);
    });
}

/// The values of all fields called `logout_token`.
fn fields(form: &[u8]) -> Vec<String> {
    let decode = |text: &[u8]| {
        let mut bytes = Vec::new();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let hex = text.get(at + 1..at + 3);
            let hex = hex.filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            match (byte, hex) {
                (b'%', Some(hex)) => {
                    let digits = String::from_utf8_lossy(hex);
                    bytes.push(u8::from_str_radix(&digits, 16).expect("hexadecimal"));
                    at += 2;
                }
                (b'+', _) => bytes.push(b' '),
                (other, _) => bytes.push(*other),
            }
            at += 1;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    form.split(|byte| *byte == b'&')
        .map(|field| {
            let end = field.iter().position(|byte| *byte == b'=');
            let end = end.unwrap_or(field.len());
            (
                decode(&field[..end]),
                decode(field.get(end + 1..).unwrap_or_default()),
            )
        })
        .filter(|(name, _)| name == "logout_token")
        .map(|(_, value)| value)
        .collect()
}

fn check_answer(answer: &Response<Bytes>) {
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body = answer.body();
    match answer.status() {
        StatusCode::OK => assert!(body.is_empty()),
        StatusCode::PAYLOAD_TOO_LARGE => {}
        StatusCode::BAD_REQUEST => {
            let body = Json::parse(body).expect("JSON");
            let known = |text: &str| Refusal::ALL.iter().any(|it| it.description() == text);
            let Json::Object(members) = &body else {
                panic!("no object");
            };
            assert_eq!(members.len(), 2);
            assert!(
                body.member("error")
                    .is_some_and(|it| it.is("invalid_request"))
            );
            let description = body.member("error_description").and_then(Json::text);
            assert!(description.is_some_and(known), "{description:?}");
        }
        other => panic!("answered {other}"),
    }
}

struct Endpoint {
    runtime: Runtime,
    service: LogoutService<Counting>,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    fn new() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let client = Client::builder(subject::CLIENT)
            .with_algorithm(Algorithm::Hs256)
            .with_client_secret(subject::secret())
            .build()
            .expect("a client");
        // A second entry, whose keys are public, so that both paths are there.
        let keys = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let other = Client::builder("other")
            .with_algorithm(Algorithm::EdDsa)
            .build()
            .expect("a client");
        let provider = Provider::builder(subject::ISSUER)
            .with_client(client)
            .with_client(other)
            .with_static_keys(JwkSet::parse(keys).expect("a key set"))
            .build()
            .expect("a provider");
        let store = Counting(Arc::clone(&asked));
        let logout = Logout::builder(store, provider).with_clock(Fixed).build();
        Self {
            runtime: Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime"),
            service: LogoutService::new(logout),
            asked,
        }
    }

    fn send(&mut self, body: &[u8]) -> (Response<Bytes>, usize) {
        let request = Request::post("/backchannel-logout")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::copy_from_slice(body)))
            .expect("a request");
        let before = self.asked.load(Ordering::Relaxed);
        let service = &mut self.service;
        let answer = self.runtime.block_on(async {
            let (head, body) = service
                .call(request)
                .await
                .expect("infallible")
                .into_parts();
            let body = body.collect().await.expect("infallible").to_bytes();
            Response::from_parts(head, body)
        });
        (answer, self.asked.load(Ordering::Relaxed) - before)
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> UnixTime {
        subject::NOW
    }
}

struct Counting(Arc<AtomicUsize>);

impl SessionStore for Counting {
    type Error = Infallible;

    async fn terminate(&self, _: &LogoutRequest) -> Result<Terminated, Infallible> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Terminated::new(Vec::new()))
    }
}
