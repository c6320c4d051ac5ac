//! PostgreSQL servers.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Folder, Process, free_port, program};

/// Where distributions put what belongs to one version.
const FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/14/bin",
    "/usr/lib/postgresql/13/bin",
    "/opt/homebrew/bin",
];

const PATIENCE: Duration = Duration::from_secs(60);

/// Whether commits reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Synced,
    NotSynced,
}

/// A server of its own folder, on a free port.
#[derive(Debug)]
pub(crate) struct Server {
    programs: PathBuf,
    folder: Folder,
    port: u16,
    options: Vec<String>,
    process: Process,
}

/// Asks again and again until the answer is there.
pub(crate) fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        sleep(Duration::from_millis(20));
    }
}

impl Server {
    /// The server of all tests that do not harm it; each takes a prefix of its own. `None` where PostgreSQL is not installed.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start(Disk::NotSynced, &[])?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// `None` where PostgreSQL is not installed. The options are those of `postgresql.conf`.
    pub(crate) fn start(disk: Disk, options: &[&str]) -> Option<Self> {
        // On the path there may be a link alone; the other programs are beside what it leads to.
        let program = fs::canonicalize(program("postgres", FOLDERS)?).unwrap();
        let programs = program.parent()?.to_owned();
        let folder = Folder::new("postgres");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        run(as_somebody(&programs.join("initdb"))
            .args(["--no-sync", "--no-locale", "--encoding=UTF8"])
            .args(["--auth=trust", "--username=test", "--pgdata"])
            .arg(&data));
        let mut all = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ];
        if disk == Disk::NotSynced {
            all.push("fsync=off".to_owned());
        }
        all.extend(options.iter().map(|option| (*option).to_owned()));
        // Somebody else may take a port between the look and the start.
        for _ in 0..10 {
            let port = free_port();
            let mut process = launch(&programs, &folder, port, &all);
            if answers(&programs, port, &mut process) {
                return Some(Self {
                    programs,
                    folder,
                    port,
                    options: all,
                    process,
                });
            }
        }
        panic!("postgres does not start");
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://test@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its processes, one for each connection and some more.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.process.id())
    }

    /// As a power cut would, for the server; its disk keeps what was synced and what was not.
    pub(crate) fn kill(&mut self) {
        let children = self.children();
        self.process.kill();
        // They notice by themselves; a new server must not start before.
        wait_for("end of the server's processes", || {
            let alive = |id: &u32| Path::new(&format!("/proc/{id}")).exists();
            (!children.iter().any(alive)).then_some(())
        });
    }

    /// The same server, with the same port and folder.
    pub(crate) fn start_again(&mut self) {
        wait_for("start", || {
            self.process = launch(&self.programs, &self.folder, self.port, &self.options);
            answers(&self.programs, self.port, &mut self.process).then_some(())
        });
    }

    /// Stops or continues it where it is, with all its processes.
    pub(crate) fn signal(&self, signal: &str) {
        let mut ids = self.children();
        ids.push(self.process.id());
        let ids = ids.iter().map(u32::to_string);
        // One of them may have ended meanwhile.
        let _ = Command::new("kill").arg(signal).args(ids).status();
    }

    /// A program that comes with the server, told where it is.
    pub(crate) fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .args(["--host=127.0.0.1", "--username=test"])
            .arg(format!("--port={}", self.port));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let begun = Instant::now();
        while self.process.is_running() && begun.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(5));
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

/// The server refuses to run as root.
fn as_somebody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

fn launch(programs: &Path, folder: &Folder, port: u16, options: &[String]) -> Process {
    let log = folder.path().join("log");
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = as_somebody(&programs.join("postgres"));
    command
        .arg("-D")
        .arg(folder.path().join("data"))
        .args(["-p", &port.to_string()])
        .args(options.iter().flat_map(|option| ["-c", option]))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    Process::start(&mut command)
}

/// Whether it came up and takes questions.
fn answers(programs: &Path, port: u16, process: &mut Process) -> bool {
    let mut ready = Command::new(programs.join("pg_isready"));
    ready
        .args(["--quiet", "--host=127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null());
    wait_for("answer of postgres", || {
        let ready = ready.status().is_ok_and(|status| status.success());
        // Another program may have the port.
        match (process.is_running(), ready) {
            (running, true) => Some(running),
            (false, false) => Some(false),
            (true, false) => None,
        }
    })
}

fn children_of(id: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in braces may hold anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1)?.parse::<u32>().ok()
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| parent(*process) == Some(id))
        .collect()
}

/// Writes a line to a file of the server's folder, as its owner would.
pub(crate) fn append(file: &Path, line: impl AsRef<OsStr>) {
    use std::io::Write;
    let mut file = File::options().append(true).open(file).unwrap();
    file.write_all(line.as_ref().as_encoded_bytes()).unwrap();
    file.write_all(b"\n").unwrap();
}
