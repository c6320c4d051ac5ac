//! Redis servers, one or a cluster of three.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::{Client, Connection, FromRedisValue};

use super::{Folder, Process, free_port, program};

/// A server of its own folder, on a free port.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    folder: Folder,
    port: u16,
    options: Vec<String>,
    process: Process,
}

/// What every command is given to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is there.
pub(crate) fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        sleep(Duration::from_millis(10));
    }
}

impl Server {
    /// `None` where Redis is not installed.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let program = program("redis-server", &["/usr/local/bin", "/opt/homebrew/bin"])?;
        let folder = Folder::new("redis");
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        // Somebody else may take a port between the look and the start.
        for _ in 0..10 {
            let port = free_port();
            let mut process = launch(&program, &folder, port, &options);
            if answers(port, &mut process) {
                return Some(Self {
                    program,
                    folder,
                    port,
                    options,
                    process,
                });
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// The same server, with the same port and folder.
    pub(crate) fn start_again(&mut self) {
        wait_for("start", || {
            self.process = launch(&self.program, &self.folder, self.port, &self.options);
            answers(self.port, &mut self.process).then_some(())
        });
    }

    /// Stops or continues it where it is.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process_id().to_string();
        let done = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(done.success());
    }

    pub(crate) fn connection(&self) -> Connection {
        connection(self.port).unwrap()
    }

    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        ask(&mut self.connection(), words)
    }

    /// A figure of `INFO`.
    pub(crate) fn info(&self, section: &str, name: &str) -> String {
        let info: String = self.ask(&["INFO", section]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().to_owned()
    }
}

pub(crate) fn ask<T: FromRedisValue>(connection: &mut Connection, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(connection).unwrap()
}

fn launch(program: &PathBuf, folder: &Folder, port: u16, options: &[String]) -> Process {
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
        .arg("--port")
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process::start(&mut command)
}

fn connection(port: u16) -> Option<Connection> {
    let client = Client::open(("127.0.0.1", port)).ok()?;
    client
        .get_connection_with_timeout(Duration::from_secs(1))
        .ok()
}

/// Whether it came up, with all its data.
fn answers(port: u16, process: &mut Process) -> bool {
    let answer = || {
        let mut connection = connection(port)?;
        redis::cmd("PING").query::<String>(&mut connection).ok()
    };
    wait_for("answer of redis-server", || match answer() {
        // Another program may have the port.
        Some(_) => Some(process.is_running()),
        None => (!process.is_running()).then_some(false),
    })
}

/// Three primaries, and as many replicas if wanted.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start(replicas: bool) -> Option<Self> {
        let count: u16 = if replicas { 6 } else { 3 };
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(Server::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "1000",
                "--cluster-port",
                &free_port().to_string(),
                "--repl-diskless-sync-delay",
                "0",
            ])?);
        }
        let cluster = Self { nodes };
        cluster.join();
        Some(cluster)
    }

    fn join(&self) {
        let (primaries, replicas) = self.nodes.split_at(3);
        for (nth, node) in self.nodes.iter().enumerate() {
            let epoch = (nth + 1).to_string();
            let _: String = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (node, range) in
            primaries
                .iter()
                .zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]])
        {
            let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", range[0], range[1]]);
        }
        let first = &self.nodes[0];
        for other in &self.nodes[1..] {
            let bus: (String, String) = other.ask(&["CONFIG", "GET", "cluster-port"]);
            let port = other.port().to_string();
            let _: String = first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus.1]);
        }
        self.wait_until_whole();
        for (replica, primary) in replicas.iter().zip(primaries) {
            let id: String = primary.ask(&["CLUSTER", "MYID"]);
            wait_for("replica", || {
                let mut command = redis::cmd("CLUSTER");
                command.arg(&["REPLICATE", &id]);
                command.query::<String>(&mut replica.connection()).ok()
            });
            wait_for("replication", || {
                (replica.info("replication", "master_link_status") == "up").then_some(())
            });
        }
        self.wait_until_whole();
    }

    /// Until every node knows every other one, and each slot has an owner.
    pub(crate) fn wait_until_whole(&self) {
        let count = self.nodes.len().to_string();
        for node in &self.nodes {
            wait_for("whole cluster", || {
                let info: String = node.ask(&["CLUSTER", "INFO"]);
                let has = |line: String| info.lines().any(|other| other == line);
                (has("cluster_state:ok".into()) && has(format!("cluster_known_nodes:{count}")))
                    .then_some(())
            });
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// The node that owns the slot of a namespace.
    pub(crate) fn owner(&self, namespace: &str) -> usize {
        let key = format!("{{{namespace}}}:");
        let owns = |node: &Server| {
            redis::cmd("GET")
                .arg(&key)
                .query::<Option<String>>(&mut node.connection())
                .is_ok()
        };
        self.nodes.iter().position(owns).unwrap()
    }
}
