//! Shapes of load: many streams, TLS, many idle connections, one burst, a flood of rubbish. Each prints one row or two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::load::{Connection, Run, Server, dial, drive, post};
use crate::serve::runtime;
use crate::tls::Back;
use crate::token::{jwk, mint, request, tokens};

fn row(name: &str, run: &Run, before: i64, after: i64) {
    println!(
        "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} |",
        run.rate(),
        run.quantile(0.5),
        run.quantile(0.99),
        run.quantile(0.999),
        before as f64 / 1024.0,
        after as f64 / 1024.0
    );
}

/// 4 connections with 64 streams each.
pub fn http2() {
    let mint = mint();
    let tokens = Arc::new(tokens(&mint, 20_000));
    let server = Server::start("hyper", &jwk(&mint));
    let before = server.resident();
    let run = runtime().block_on(async {
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = Vec::new();
        for _ in 0..4 {
            let stream = dial(server.port).await;
            let (sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .expect("HTTP/2");
            tokio::spawn(connection);
            senders.extend(std::iter::repeat_n(sender, 64));
        }
        let begun = Instant::now();
        let tasks: Vec<_> = senders
            .into_iter()
            .map(|mut sender| {
                let (next, tokens) = (Arc::clone(&next), Arc::clone(&tokens));
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    while let Some(token) = tokens.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut request = request(token);
                        *request.uri_mut() = "http://app.example/backchannel-logout"
                            .parse()
                            .expect("a URI");
                        let sent = Instant::now();
                        let answer = sender.send_request(request).await.expect("an answer");
                        assert_eq!(answer.status(), 200);
                        answer.into_body().collect().await.expect("a body");
                        latencies.push(sent.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.expect("no panic"));
        }
        Run::new(begun.elapsed(), latencies)
    });
    row(
        "HTTP/2, 4 connections of 64 streams, 20,000 tokens",
        &run,
        before,
        server.resident(),
    );
}

/// Connections that stay open, and one for each token as an OP without keep-alive makes them.
pub fn tls() {
    let mint = mint();
    let requests: Vec<_> = tokens(&mint, 25_000)
        .iter()
        .map(|token| post(token))
        .collect();
    let requests = Arc::new(requests);
    let server = Server::start("tls", &jwk(&mint));
    let back = Back::new(&server.certificate);
    let port = server.port;
    runtime().block_on(async {
        let before = server.resident();
        let mut open = Vec::new();
        for _ in 0..32 {
            open.push(Connection::over(back.connect(dial(port).await).await));
        }
        let run = drive(&mut open, &requests, 0..20_000, 200).await;
        row(
            "TLS 1.3, 32 connections, 20,000 tokens",
            &run,
            before,
            server.resident(),
        );
        let before = server.resident();
        let next = Arc::new(AtomicUsize::new(20_000));
        let begun = Instant::now();
        let tasks: Vec<_> =
            std::iter::repeat_with(|| (next.clone(), requests.clone(), back.clone()))
                .take(32)
                .map(|(next, requests, back)| {
                    tokio::spawn(async move {
                        let mut latencies = Vec::new();
                        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed))
                        {
                            let begun = Instant::now();
                            let mut connection =
                                Connection::over(back.connect(dial(port).await).await);
                            assert_eq!(connection.send(request).await, 200);
                            latencies.push(begun.elapsed());
                        }
                        latencies
                    })
                })
                .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.expect("no panic"));
        }
        row(
            "TLS 1.3, a handshake for each of 5,000 tokens, 32 at a time",
            &Run::new(begun.elapsed(), latencies),
            before,
            server.resident(),
        );
    });
}

/// 10,000 connections that have said something once, and the usual load beside them.
pub fn idle() {
    let mint = mint();
    let requests: Vec<_> = tokens(&mint, 20_000)
        .iter()
        .map(|token| post(token))
        .collect();
    let requests = Arc::new(requests);
    let server = Server::start("hyper", &jwk(&mint));
    runtime().block_on(async {
        let mut open = Connection::open_many(server.port, 32).await;
        let alone = drive(&mut open, &requests, 0..10_000, 200).await;
        let before = server.resident();
        row("10,000 tokens, no other connection", &alone, before, before);
        let mut idle = Vec::new();
        for _ in 0..10_000 {
            let mut connection = Connection::open(server.port).await;
            let get = b"GET /backchannel-logout HTTP/1.1\r\nhost: app.example\r\n\r\n";
            assert_eq!(connection.send(get).await, 405);
            idle.push(connection);
        }
        let held = server.resident();
        let run = drive(&mut open, &requests, 10_000..20_000, 200).await;
        row(
            "10,000 tokens beside 10,000 idle connections",
            &run,
            before,
            server.resident(),
        );
        println!(
            "\n{:.1} KiB an idle connection",
            (held - before) as f64 / 10_000.0
        );
    });
}

/// A customer base is signed out: 100,000 tokens at once.
pub fn burst() {
    let mint = mint();
    let requests: Vec<_> = tokens(&mint, 100_000)
        .iter()
        .map(|token| post(token))
        .collect();
    let requests = Arc::new(requests);
    let server = Server::start("hyper", &jwk(&mint));
    let before = server.resident();
    let run = runtime().block_on(async {
        let mut open = Connection::open_many(server.port, 256).await;
        drive(&mut open, &requests, 0..100_000, 200).await
    });
    row(
        "100,000 tokens in one burst, 256 connections",
        &run,
        before,
        server.resident(),
    );
}

/// 1,000,000 requests that are refused, each in one of seven ways.
pub fn flood() {
    let mint = mint();
    let token = tokens(&mint, 1).remove(0);
    let (head, signature) = token.rsplit_once('.').expect("a token");
    let rubbish = [
        String::new(),
        "a.b".to_owned(),
        "A".repeat(4_000),
        format!("{head}.{}", signature.replace('A', "B")),
        mint.logout_token()
            .issuer("https://other.example")
            .sub("x")
            .sign(),
        mint.logout_token().sub("x").header("alg", "none").sign(),
        mint.logout_token().sub("x").kid("unknown").sign(),
    ];
    let requests = Arc::new(rubbish.iter().map(|token| post(token)).collect::<Vec<_>>());
    let server = Server::start("hyper", &jwk(&mint));
    runtime().block_on(async {
        let mut open = Connection::open_many(server.port, 32).await;
        drive(&mut open, &requests, 0..50_000, 400).await;
        let before = server.resident();
        let run = drive(&mut open, &requests, 0..1_000_000, 400).await;
        let after = server.resident();
        row("1,000,000 refused requests", &run, before, after);
        assert!(after - before < 4096, "{before} KiB grew to {after} KiB");
    });
}
