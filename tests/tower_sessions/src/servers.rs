//! Servers for tests that share one: started by the first test, stopped when the tests are over, however that comes about.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::services::{Folder, free_port, program};

/// The server goes when the other end of the pipe does, and its folder with it. A test binary has no better last moment.
const UNTIL_THE_TESTS_END: &str =
    r#"trap '' INT TERM; folder=$1; shift; "$@" & read -r _; kill $!; wait $!; rm -rf "$folder""#;

fn start(folder: Folder, command: &[&str]) {
    let mut watch = Command::new("sh");
    watch
        .args(["-c", UNTIL_THE_TESTS_END, "watch"])
        .arg(folder.path())
        .args(command);
    let child = watch
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Neither the pipe nor the folder is dropped by anybody but the system and the script.
    std::mem::forget((child.spawn().unwrap(), folder));
}

/// Waits until somebody listens.
fn until_it_listens(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody listens");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The port of a Redis server; `None` where it is not installed.
pub(crate) fn redis() -> Option<u16> {
    static PORT: OnceLock<Option<u16>> = OnceLock::new();
    *PORT.get_or_init(|| {
        let server = program("redis-server", &["/usr/local/bin", "/opt/homebrew/bin"])?;
        let (folder, port) = (Folder::new("redis"), free_port());
        let folder_name = text(folder.path()).to_owned();
        let options = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            &folder_name,
            "--port",
        ];
        let port_text = port.to_string();
        let mut command = vec![text(&server)];
        command.extend(options);
        command.push(&port_text);
        start(folder, &command);
        until_it_listens(port);
        Some(port)
    })
}

/// The URL of a database on a PostgreSQL server; `None` where it is not installed.
pub(crate) fn postgres() -> Option<String> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    URL.get_or_init(|| {
        let folders: Vec<_> = (13..=18)
            .rev()
            .map(|version| format!("/usr/lib/postgresql/{version}/bin"))
            .collect();
        let folders: Vec<_> = folders.iter().map(String::as_str).collect();
        let initdb = program("initdb", &folders)?;
        let server = initdb.with_file_name("postgres");
        let (folder, port) = (Folder::new("postgres"), free_port().to_string());
        let data = text(folder.path()).to_owned();
        // It refuses to be root.
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let as_other: &[&str] = if is_root {
            let owner = Command::new("chown").args(["postgres", &data]).status();
            assert!(owner.unwrap().success(), "there is a user called postgres");
            &[
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
            ]
        } else {
            &["env"]
        };
        let mut init = Command::new(as_other[0]);
        init.args(&as_other[1..]).arg(&initdb).current_dir("/");
        init.args([
            "-D", &data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
        ]);
        let made = init.stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb failed");
        let mut command = as_other.to_vec();
        command.extend([text(&server), "-D", &data, "-p", &port, "-k", &data]);
        command.extend(["-h", "127.0.0.1", "-F", "-c", "max_connections=200"]);
        start(folder, &command);
        until_it_listens(port.parse().unwrap());
        Some(format!("postgres://postgres@127.0.0.1:{port}/postgres"))
    })
    .clone()
}
