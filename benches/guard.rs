//! What the guard costs a request: `guard/no_session`, `guard/live_session` and their parts.
//!
//! `cargo bench --bench guard`

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Empty;
use tower_backchannel_logout::clock::UnixTime;
use tower_backchannel_logout::guard::{
    RequestHead, SessionCookie, SessionExtractor, SessionGuardLayer,
};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_layer::Layer;
use tower_service::Service;

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

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory store answers at once"),
    }
}

fn id(number: usize) -> String {
    format!("{number:022}")
}

fn filled() -> MemoryStore {
    let store = MemoryStore::builder()
        .with_max_sessions(SESSIONS + 1)
        .build();
    let issuer = Issuer::parse("https://op.example").unwrap();
    let client = ClientId::parse("app").unwrap();
    let time = UnixTime::from(SystemTime::now());
    let end = time.saturating_add(Duration::from_secs(3600));
    for number in 0..SESSIONS {
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
    let store = filled();
    let cookie = SessionCookie::parse("id").unwrap();
    let mut guard = SessionGuardLayer::new(store.clone(), cookie.clone()).layer(Handler);
    let mut bare = Handler;
    let live: Vec<_> = (0..4096).map(|n| n * 241 % SESSIONS).collect();
    let ids: Vec<_> = live
        .iter()
        .map(|n| SessionId::parse(id(*n)).unwrap())
        .collect();

    let status = |answer: Result<Response<_>, Infallible>| answer.unwrap().status();
    assert_eq!(status(now(guard.call(request(None)))), 200);
    for number in [0, SESSIONS - 1] {
        let known = request(Some(format!("id={}", id(number))));
        assert_eq!(status(now(guard.call(known))), 200);
    }
    let unknown = request(Some("id=unknown".into()));
    assert_eq!(status(now(guard.call(unknown))), 401);
    assert!(ids.iter().all(|id| store.status_now(id).unwrap().is_live()));

    let mut group = criterion.benchmark_group("guard");
    group.bench_function("bare_service", |bencher| {
        bencher.iter_batched_ref(
            || Some(request(None)),
            |request| now(bare.call(request.take().unwrap())),
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function("no_session", |bencher| {
        bencher.iter_batched_ref(
            || Some(request(None)),
            |request| now(guard.call(request.take().unwrap())),
            criterion::BatchSize::SmallInput,
        );
    });
    let mut next = live.iter().cycle();
    group.bench_function("live_session", |bencher| {
        bencher.iter_batched_ref(
            || {
                Some(request(
                    next.next().map(|n| format!("theme=dark; id={}", id(*n))),
                ))
            },
            |request| now(guard.call(request.take().unwrap())),
            criterion::BatchSize::SmallInput,
        );
    });
    let with_cookie = request(Some(format!("theme=dark; id={}", id(7))));
    group.bench_function("extract", |bencher| {
        bencher.iter(|| cookie.extract(&RequestHead::new(black_box(&with_cookie))));
    });
    let mut next = ids.iter().cycle();
    group.bench_function("status", |bencher| {
        bencher.iter(|| next.next().map(|id| store.status_now(id)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
