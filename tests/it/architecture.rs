//! The map of the crate: one folder is one room, and arrows point inward only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may use. Every room may use what stands at the root (`types`, `clock`, `config`, `refusal`).
const ARROWS: &[(&str, &[&str])] = &[
    ("endpoint", &["logout", "replay", "session", "event"]),
    ("guard", &["session", "event"]),
    ("store", &["session", "replay", "event"]),
    (
        "logout",
        &[
            "provider", "jwks", "token", "jose", "replay", "session", "event",
        ],
    ),
    ("provider", &["jwks", "token", "fetch", "jose"]),
    ("jwks", &["jose", "fetch"]),
    ("token", &["jose", "session"]),
    ("replay", &["session"]),
    ("event", &["session"]),
    ("jose", &[]),
    ("fetch", &[]),
    ("session", &[]),
    ("guide", &[]),
];

const ROOT: &[&str] = &[
    "types", "clock", "config", "refusal", "measure", "print", "quiet", "within", "lib",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms named after `crate::` in code, comments and doc links not counted.
fn uses(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|name: &String| name.starts_with(char::is_lowercase))
        .collect()
}

#[test]
fn rooms_use_only_the_rooms_further_in() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for file in files {
        let relative = file.strip_prefix(&source).unwrap();
        let Some(room) = relative.parent().and_then(|parent| parent.iter().next()) else {
            continue;
        };
        let room = room.to_str().unwrap();
        if room == "testing" {
            continue;
        }
        let allowed = arrows
            .get(room)
            .unwrap_or_else(|| panic!("the room {room} has no arrows listed"));
        // Tests may use anything: their part of a file begins at the attribute.
        let is_test = relative
            .file_stem()
            .is_some_and(|stem| stem == "tests" || stem == "test_support")
            || relative.iter().any(|part| part == "tests");
        if is_test {
            continue;
        }
        looked_at += 1;
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for used in uses(code) {
            let fine =
                used == room || ROOT.contains(&used.as_str()) || allowed.contains(&used.as_str());
            if !fine {
                wrong.push(format!("{} uses {used}", relative.display()));
            }
        }
    }
    assert!(looked_at > 30, "only {looked_at} files were looked at");
    assert!(
        wrong.is_empty(),
        "arrows that point outward:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_pure_rooms_read_no_clock_and_take_no_locks() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["jose", "token"] {
        let mut files = Vec::new();
        rust_files(&source.join(room), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in [
                "SystemTime::now",
                "Instant::now",
                "Mutex",
                "RwLock",
                "tokio::",
                "std::fs",
                "std::net",
                "async fn",
            ] {
                assert!(!code.contains(word), "{} has {word}", file.display());
            }
        }
    }
}
