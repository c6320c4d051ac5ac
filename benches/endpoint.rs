//! What the endpoint costs beside the signature, every token another one: `call` in process, and over loopback HTTP.
//!
//! `cargo bench --bench endpoint`

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::endpoint::LogoutService;
use tower_backchannel_logout::logout::Logout;
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry as _,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::TokenMint;
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};
use tower_service::Service;

mod kit;

use kit::{Pair, Raw, now};

const SESSIONS: usize = 100_000;
const TOKENS: usize = 2_000;
const BATCH: usize = 100;

/// A store with 100,000 sessions, and the endpoint before it.
fn endpoint(mint: &TokenMint) -> (MemoryStore, LogoutService<MemoryStore>) {
    let store = MemoryStore::new();
    let issuer = Issuer::parse(kit::ISSUER).unwrap();
    let client = ClientId::parse(kit::CLIENT).unwrap();
    let time = SystemClock::default().now();
    for number in 0..SESSIONS {
        let identity = SessionIdentity::new(
            issuer.clone(),
            client.clone(),
            Subject::parse(kit::uuid(number)).unwrap(),
        )
        .with_sid(Sid::parse(kit::uuid(number)).unwrap())
        .with_id_token_iat(time);
        let id = SessionId::parse(format!("{number:022}")).unwrap();
        let end = time.saturating_add(Duration::from_secs(86_400));
        let taken = now(store.register(NewSession::new(id, identity, end))).unwrap();
        assert_eq!(taken, Registration::Registered);
    }
    let logout = Logout::builder(store.clone(), kit::provider(mint)).build();
    (store, LogoutService::new(logout))
}

fn request(token: &str) -> Request<Full<Bytes>> {
    Request::post("/backchannel-logout")
        .header("host", "app.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(format!("logout_token={token}")))
        .unwrap()
}

fn in_process(mint: &TokenMint, tokens: &[String]) {
    let raw: Vec<_> = tokens
        .iter()
        .map(|token| Raw::new(mint, "RS256", token))
        .collect();
    let mut pair = Pair::of_batches(BATCH as u32);
    for round in 0..5 {
        let (store, mut endpoint) = endpoint(mint);
        let mut requests: Vec<_> = tokens.iter().map(|token| Some(request(token))).collect();
        let mut call = |number: usize| {
            let request = requests[number].take().unwrap();
            now(endpoint.call(request)).unwrap().status()
        };
        // The first ones warm up, and are counted once.
        for number in 0..BATCH {
            assert_eq!(call(number), StatusCode::OK);
        }
        if round == 0 {
            kit::allocations("call", 25, || assert_eq!(call(BATCH), StatusCode::OK));
        }
        for first in (2 * BATCH..TOKENS).step_by(BATCH) {
            pair.round(
                |nth| assert!(raw[first + nth].verify()),
                |nth| assert_eq!(call(first + nth), StatusCode::OK),
            );
        }
        let ended = SESSIONS - store.stats().live_sessions;
        assert!(ended >= TOKENS - BATCH, "only {ended} sessions ended");
    }
    pair.report("call over the signature", "target 4 µs");
}

/// One connection, one request after the other.
fn loopback(mint: &TokenMint, tokens: &[String]) {
    let (_, endpoint) = endpoint(mint);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(endpoint.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 1024];
    let mut times: Vec<_> = tokens
        .iter()
        .map(|token| {
            let request = format!(
                "POST /backchannel-logout HTTP/1.1\r\nhost: app.example\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\nlogout_token={token}",
                token.len() + 13
            );
            let begun = Instant::now();
            stream.write_all(request.as_bytes()).unwrap();
            let length = stream.read(&mut answer).unwrap();
            let time = begun.elapsed();
            assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
            assert!(answer[..length].ends_with(b"\r\n\r\n"));
            time
        })
        .collect();
    times.sort_unstable();
    println!(
        "loopback keep-alive, one request after the other: p50 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}

fn main() {
    let mint = kit::mint();
    let tokens: Vec<_> = (0..TOKENS)
        .map(|number| {
            let name = kit::uuid(number);
            mint.logout_token().sub(name.clone()).sid(name).sign()
        })
        .collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    in_process(&mint, &tokens);
    drop(entered);
    loopback(&mint, &tokens);
}
