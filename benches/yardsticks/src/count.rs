//! One step, or one request over a connection in memory, so many times: for counting instructions.

use std::convert::Infallible;
use std::future::{Future, Ready, pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::ParsedPublicKey;
use axum::serve::Listener;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, Service as _, service_fn};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::guard::{SessionCookie, SessionGuard, SessionGuardLayer};
use tower_backchannel_logout::logout::LogoutTokenVerifier;
use tower_backchannel_logout::store::MemoryStore;

use crate::load::post;
use crate::serve;
use crate::token::{jwk, key, mint, request, tokens, verifies};

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waited"),
    }
}

type Pages = ServiceFn<fn(Request<()>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>>>;

/// What one step works with, prepared before.
enum Prepared {
    Signature(ParsedPublicKey),
    Verify(LogoutTokenVerifier),
    Call(
        LogoutService<MemoryStore>,
        Vec<Option<Request<Full<Bytes>>>>,
    ),
    Serve(Runtime, DuplexStream, Vec<Vec<u8>>),
    Guard(
        SessionGuard<Pages, MemoryStore, SessionCookie>,
        Vec<Option<Request<()>>>,
    ),
}

impl Prepared {
    fn new(what: &str, jwk: &str, tokens: &[String], runtime: Runtime) -> Self {
        match what {
            "signature" => Self::Signature(key(jwk)),
            "verify" => Self::Verify(LogoutTokenVerifier::new(serve::provider(jwk))),
            "call" => {
                let requests = tokens.iter().map(|token| Some(request(token)));
                Self::Call(serve::endpoint(jwk), requests.collect())
            }
            "guard" => Self::guard(tokens.len(), Some("id=0000000000000000000007")),
            "guest" => Self::guard(tokens.len(), None),
            kind => {
                let (near, far) = tokio::io::duplex(8 * 1024);
                let (kind, jwk) = (kind.to_owned(), jwk.to_owned());
                runtime.spawn(async move {
                    serve::serve(&kind, &jwk, InMemory(Some(far)), |_| {}).await
                });
                let requests = tokens.iter().map(|token| post(token));
                Self::Serve(runtime, near, requests.collect())
            }
        }
    }

    fn guard(times: usize, cookie: Option<&str>) -> Self {
        let layer =
            SessionGuardLayer::new(serve::store(), SessionCookie::parse("id").expect("a name"));
        let pages: fn(_) -> _ = |_| ready(Ok(Response::new(Empty::new())));
        let request = || {
            let mut request = Request::get("/account").header("host", "app.example");
            if let Some(cookie) = cookie {
                request = request.header("cookie", cookie);
            }
            Some(request.body(()).expect("a request"))
        };
        Self::Guard(
            layer.layer(service_fn(pages)),
            std::iter::repeat_with(request).take(times).collect(),
        )
    }

    /// Never inlined: callgrind counts what happens inside.
    #[inline(never)]
    fn step(&mut self, tokens: &[String], number: usize) {
        self.once(tokens, number);
    }

    fn once(&mut self, tokens: &[String], number: usize) {
        match self {
            Self::Signature(key) => assert!(verifies(key, &tokens[number])),
            Self::Verify(verifier) => assert!(now(verifier.verify(&tokens[number])).is_ok()),
            Self::Call(service, requests) => {
                let request = requests[number].take().expect("each once");
                let answer = now(service.call(request)).expect("an answer");
                assert_eq!(answer.status(), 200);
            }
            Self::Guard(guard, requests) => {
                let request = requests[number].take().expect("each once");
                let answer = now(guard.call(request)).expect("an answer");
                assert_eq!(answer.status(), 200);
            }
            Self::Serve(runtime, connection, requests) => runtime.block_on(async {
                let mut answer = [0; 1024];
                let sent = connection.write_all(&requests[number]).await;
                sent.expect("it is sent");
                let length = connection.read(&mut answer).await.expect("an answer");
                assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
                assert!(answer[..length].ends_with(b"\r\n\r\n"));
            }),
        }
    }
}

/// Accepts one connection that is no socket.
struct InMemory(Option<DuplexStream>);

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One step so many times, for callgrind with `--toggle-collect='*Prepared*step*'`.
pub fn count(what: &str, times: usize) {
    let mint = mint();
    let tokens = tokens(&mint, times + 1);
    let (runtime, here) = (serve::runtime(), serve::runtime());
    let _entered = here.enter();
    let mut prepared = Prepared::new(what, &jwk(&mint), &tokens, runtime);
    // The first one prepares the key, and a server all it needs.
    prepared.once(&tokens, times);
    (0..times).for_each(|number| prepared.step(&tokens, number));
}
