//! The load: requests prepared before, over connections that stay open; and the table that compares the servers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_backchannel_logout::testing::TokenMint;

use crate::serve::{KINDS, runtime};
use crate::token::{jwk, mint, tokens};

const CONNECTIONS: usize = 32;
const WARM_UP: usize = 2_000;
const MEASURED: usize = 18_000;
/// The servers take turns of so many requests: what a busy host does to one turn, it does to all of them.
const TURN: usize = 600;

/// A server in a process of its own, on the first core.
pub struct Server {
    child: Child,
    pub port: u16,
    /// What it shows at TLS handshakes, if it does TLS.
    pub certificate: String,
}

impl Server {
    pub fn start(kind: &str, jwk: &str) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(this)
            .args(["serve", kind, jwk])
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset of util-linux");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line");
        let (port, certificate) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        Self {
            child,
            port: port.parse().expect("the port it listens on"),
            certificate: certificate.to_owned(),
        }
    }

    /// The time it has spent on a processor.
    fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/schedstat", self.child.id());
        let text = std::fs::read_to_string(path).expect("Linux");
        let nanos = text.split(' ').next().expect("three numbers");
        Duration::from_nanos(nanos.parse().expect("a number"))
    }

    /// The memory it holds, in KiB.
    pub fn resident(&self) -> i64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).expect("Linux");
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        let mut words = line.expect("VmRSS").split_whitespace();
        words.nth(1).expect("a number").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn post(token: &str) -> Vec<u8> {
    let length = token.len() + "logout_token=".len();
    format!(
        "POST /backchannel-logout HTTP/1.1\r\nhost: app.example\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {length}\r\n\r\nlogout_token={token}"
    )
    .into_bytes()
}

/// A connection that stays open, one request at a time.
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// A socket that sends at once what it has.
pub async fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    stream
}

impl Connection {
    pub async fn open(port: u16) -> Self {
        Self::over(dial(port).await)
    }

    pub async fn open_many(port: u16, connections: usize) -> Vec<Self> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Self::open(port).await);
        }
        open
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; 4096],
        }
    }

    /// The status of the answer, once all of it is read.
    pub async fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("it is sent");
        self.stream.flush().await.expect("it is sent");
        let mut length = 0;
        loop {
            let read = self
                .stream
                .read(&mut self.buffer[length..])
                .await
                .expect("an answer");
            assert!(read > 0, "the server closed the connection");
            length += read;
            let answer = std::str::from_utf8(&self.buffer[..length]).expect("text");
            let Some((head, body)) = answer.split_once("\r\n\r\n") else {
                continue;
            };
            let declared = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == declared.map_or(0, |number| number.parse().expect("a number")) {
                return head[9..12].parse().expect("a status");
            }
        }
    }
}

pub struct Run {
    pub elapsed: Duration,
    latencies: Vec<Duration>,
}

impl Run {
    pub fn new(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { elapsed, latencies }
    }

    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// In milliseconds.
    pub fn quantile(&self, part: f64) -> f64 {
        let last = self.latencies.len() - 1;
        self.latencies[(last as f64 * part).round() as usize].as_secs_f64() * 1e3
    }
}

/// Sends each request once, over these connections, and asserts the status of every answer.
pub async fn drive<S>(
    open: &mut Vec<Connection<S>>,
    requests: &Arc<Vec<Vec<u8>>>,
    range: std::ops::Range<usize>,
    status: u16,
) -> Run
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(range.start));
    let room = range.len() / open.len();
    let begun = Instant::now();
    let tasks: Vec<_> = open
        .drain(..)
        .map(|mut connection| {
            let (next, requests, end) = (Arc::clone(&next), Arc::clone(requests), range.end);
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(room);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return (connection, latencies);
                    }
                    let sent = Instant::now();
                    let answered = connection.send(&requests[number % requests.len()]).await;
                    latencies.push(sent.elapsed());
                    assert_eq!(answered, status, "request {number}");
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        let (connection, own) = task.await.expect("no panic");
        open.push(connection);
        latencies.extend(own);
    }
    Run::new(begun.elapsed(), latencies)
}

/// A good token is taken and one with another signature is not; asserted before anything is measured.
async fn check(server: &Server, kind: &str, good: &str, other: &str) {
    let (input, _) = good.rsplit_once('.').expect("a token");
    let (_, signature) = other.rsplit_once('.').expect("a token");
    let forged = format!("{input}.{signature}");
    let mut connection = Connection::open(server.port).await;
    assert_eq!(
        connection.send(&post(good)).await,
        200,
        "{kind} takes a good token"
    );
    let expected = if kind == "echo" { 200 } else { 400 };
    assert_eq!(
        connection.send(&post(&forged)).await,
        expected,
        "{kind} and a forged token"
    );
}

/// One turn of one server.
struct Turn {
    run: Run,
    micros: f64,
}

/// The requests of a round, and two tokens to check a server with.
struct Batch {
    requests: Arc<Vec<Vec<u8>>>,
    spare: Vec<String>,
    minted: Instant,
}

impl Batch {
    fn new(mint: &TokenMint) -> Self {
        let minted = Instant::now();
        let mut tokens = tokens(mint, WARM_UP + MEASURED + 2);
        let spare = tokens.split_off(WARM_UP + MEASURED);
        let requests = tokens.iter().map(|token| post(token)).collect();
        Self {
            requests: Arc::new(requests),
            spare,
            minted,
        }
    }
}

/// A server that waits for its turn.
struct Waiting {
    server: Server,
    open: Vec<Connection>,
}

impl Waiting {
    async fn new(kind: &str, jwk: &str, batch: &Batch) -> Self {
        let server = Server::start(kind, jwk);
        check(&server, kind, &batch.spare[0], &batch.spare[1]).await;
        let mut open = Connection::open_many(server.port, CONNECTIONS).await;
        drive(&mut open, &batch.requests, 0..WARM_UP, 200).await;
        Self { server, open }
    }

    async fn turn(&mut self, batch: &Batch, first: usize) -> Turn {
        let before = self.server.processor_time();
        let run = drive(&mut self.open, &batch.requests, first..first + TURN, 200).await;
        let spent = self.server.processor_time() - before;
        Turn {
            run,
            micros: spent.as_secs_f64() * 1e6 / TURN as f64,
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// All servers side by side, so many times; each time in fresh processes, so that every token is new to them.
pub fn table(rounds: usize) {
    let mint = mint();
    let jwk = jwk(&mint);
    let mut batch = Batch::new(&mint);
    let mut results: Vec<Vec<Turn>> = KINDS.iter().map(|_| Vec::new()).collect();
    runtime().block_on(async {
        for _ in 0..rounds {
            if batch.minted.elapsed() > Duration::from_secs(200) {
                batch = Batch::new(&mint);
            }
            let mut servers = Vec::new();
            for kind in KINDS {
                servers.push(Waiting::new(kind, &jwk, &batch).await);
            }
            for number in 0..MEASURED / TURN {
                for place in 0..KINDS.len() {
                    let at = (number + place) % KINDS.len();
                    let turn = servers[at].turn(&batch, WARM_UP + number * TURN).await;
                    results[at].push(turn);
                }
            }
        }
    });
    print(&results);
    println!(
        "\nMedians of {rounds} rounds of {MEASURED} distinct tokens over {CONNECTIONS} connections, the servers in turns of {TURN}; \
         a ratio is the median of those of the turns side by side."
    );
}

fn print(results: &[Vec<Turn>]) {
    println!(
        "| server | requests/s | of `limit` | CPU µs a request | of `limit` | p50 ms | p99 ms |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for (kind, turns) in KINDS.iter().zip(results) {
        let of = |value: fn(&Turn) -> f64| median(turns.iter().map(value).collect());
        let ratio = |value: fn(&Turn, &Turn) -> f64| {
            let pairs = turns.iter().zip(&results[0]);
            median(pairs.map(|(own, limit)| value(own, limit)).collect())
        };
        println!(
            "| `{kind}` | {:.0} | {:.2} | {:.1} | {:.2} | {:.2} | {:.2} |",
            of(|turn| turn.run.rate()),
            ratio(|own, limit| own.run.rate() / limit.run.rate()),
            of(|turn| turn.micros),
            ratio(|own, limit| limit.micros / own.micros),
            of(|turn| turn.run.quantile(0.5)),
            of(|turn| turn.run.quantile(0.99)),
        );
    }
}
