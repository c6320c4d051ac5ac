//! What the guard costs a request: `guard/no_session`, `guard/live_session` and their parts.
//!
//! `cargo bench --bench guard`

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Empty;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::guard::{
    RequestHead, SessionCookie, SessionExtractor, SessionGuardLayer,
};
use tower_backchannel_logout::session::{
    LogoutRequest, NewSession, Registration, SessionIdentity, SessionRegistry, SessionStore,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_layer::Layer;
use tower_service::Service;

mod kit;

use kit::now;

const SESSIONS: usize = 1_000_000;

#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(Empty::new())))
    }
}

fn id(number: usize) -> String {
    format!("{number:022}")
}

fn filled(sessions: usize) -> MemoryStore {
    let store = MemoryStore::builder()
        .with_max_sessions(SESSIONS + 1)
        .build();
    let issuer = Issuer::parse("https://op.example").unwrap();
    let client = ClientId::parse("app").unwrap();
    let time = UnixTime::from(SystemTime::now());
    let end = time.saturating_add(Duration::from_secs(3600));
    for number in 0..sessions {
        let name = format!("{number:036}");
        let subject = Subject::parse(name.clone()).unwrap();
        let identity = SessionIdentity::new(issuer.clone(), client.clone(), subject)
            .with_sid(Sid::parse(name).unwrap())
            .with_id_token_iat(time);
        let session = NewSession::new(SessionId::parse(id(number)).unwrap(), identity, end);
        assert_eq!(
            now(store.register(session)).unwrap(),
            Registration::Registered
        );
    }
    store
}

fn request(cookie: Option<String>) -> Request<()> {
    let mut request = Request::get("/account").header("host", "app.example");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.body(()).unwrap()
}

fn bench(criterion: &mut Criterion) {
    let mut bare = Handler;
    criterion.bench_function("guard/bare_service", |bencher| {
        bencher.iter_batched_ref(
            || Some(request(None)),
            |request| now(bare.call(request.take().unwrap())),
            BatchSize::SmallInput,
        );
    });
    // The least that a middleware does which tells the handler something.
    let told = std::sync::Arc::new(());
    let mut tell = |request: &mut Option<Request<()>>| {
        let mut request = request.take().unwrap();
        request.extensions_mut().insert(told.clone());
        now(bare.call(request))
    };
    let mut one = Some(request(None));
    kit::allocations("guard/bare_extension", 3, || {
        assert_eq!(tell(&mut one).unwrap().status(), 200);
    });
    criterion.bench_function("guard/bare_extension", |bencher| {
        bencher.iter_batched_ref(|| Some(request(None)), &mut tell, BatchSize::SmallInput);
    });
    let cookie = SessionCookie::parse("id").unwrap();
    let with_cookie = request(Some(format!("theme=dark; id={}", id(7))));
    criterion.bench_function("guard/extract", |bencher| {
        bencher.iter(|| cookie.extract(&RequestHead::new(black_box(&with_cookie))));
    });
    at_size(criterion, &cookie, 1_000, "1k");
    at_size(criterion, &cookie, SESSIONS, "1m");
}

/// No session, a live one, one that was logged out; and the store's answer alone.
fn at_size(criterion: &mut Criterion, cookie: &SessionCookie, sessions: usize, size: &str) {
    let store = filled(sessions);
    let mut guard = SessionGuardLayer::new(store.clone(), cookie.clone()).layer(Handler);
    let scattered: Vec<_> = (0..4096).map(|nth| nth * 241 % sessions).collect();
    let live: Vec<_> = scattered.iter().copied().filter(|n| n % 10 != 0).collect();
    let ended: Vec<_> = scattered.iter().copied().filter(|n| n % 10 == 0).collect();
    for number in &ended {
        let request = LogoutRequest::for_sid(
            Issuer::parse("https://op.example").unwrap(),
            ClientId::parse("app").unwrap(),
            Sid::parse(format!("{number:036}")).unwrap(),
            UnixTime::from(SystemTime::now()),
        );
        let terminated = now(store.terminate(&request)).unwrap();
        now(store.forget(&request, &terminated)).unwrap();
    }
    let ids: Vec<_> = live
        .iter()
        .map(|n| SessionId::parse(id(*n)).unwrap())
        .collect();

    let mut status = |cookie: Option<String>| {
        let answer = now(guard.call(request(cookie)));
        answer.unwrap().status()
    };
    assert_eq!(status(None), 200);
    assert!(
        live.iter()
            .all(|n| status(Some(format!("id={}", id(*n)))) == 200)
    );
    assert!(
        ended
            .iter()
            .all(|n| status(Some(format!("id={}", id(*n)))) == 401)
    );
    assert_eq!(status(Some("id=unknown".into())), 401);
    kit::allocations(&format!("guard/status/{size}"), 0, || {
        assert!(ids.iter().all(|id| store.status_now(id).unwrap().is_live()));
    });
    let mut allocations = |name: &str, limit, number: Option<&usize>, expected: u16| {
        let request = request(number.map(|n| format!("id={}", id(*n))));
        kit::allocations(&format!("guard/{name}/{size}"), limit, || {
            assert_eq!(now(guard.call(request)).unwrap().status(), expected);
        });
    };
    allocations("no_session", 0, None, 200);
    allocations("live_session", 4, live.first(), 200);
    allocations("ended_session", 5, ended.first(), 401);

    let mut call = |name: &str, numbers: &[usize]| {
        let mut next = numbers.iter().cycle();
        criterion.bench_function(&format!("guard/{name}/{size}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let cookie = next.next().map(|n| format!("theme=dark; id={}", id(*n)));
                    Some(request(cookie))
                },
                |request| now(guard.call(request.take().unwrap())),
                BatchSize::SmallInput,
            );
        });
    };
    call("no_session", &[]);
    call("live_session", &live);
    call("ended_session", &ended);
    let mut next = ids.iter().cycle();
    criterion.bench_function(&format!("guard/status/{size}"), |bencher| {
        bencher.iter(|| next.next().map(|id| store.status_now(id)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
