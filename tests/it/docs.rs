//! The guide says what the code does: every reason code and metric has a row in the page on operation, and every row has one of
//! these in the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tower_backchannel_logout::endpoint::RequestRefusal;
use tower_backchannel_logout::logout::{LogoutErrorKind, LogoutOutcome};
use tower_backchannel_logout::refusal::Refusal;

type Names = BTreeSet<String>;

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
    names.into_iter().map(str::to_owned).collect()
}

/// The first column of the tables under a heading of the page on operation; of the page's beginning without one.
fn rows(heading: Option<&str>) -> Names {
    let page = source("guide/operation.md");
    let mut current = None;
    let mut found = Names::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            current = Some(title);
        } else if current == heading
            && let Some(rest) = line.strip_prefix("| `")
            && let Some((code, _)) = rest.split_once('`')
        {
            // The labels of the metrics have a table of their own.
            if heading == Some("Metrics") && !code.starts_with("backchannel_logout_") {
                continue;
            }
            assert!(found.insert(code.to_owned()), "{code} has two rows");
        }
    }
    assert!(!found.is_empty(), "no rows under {heading:?}");
    found
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// The string literals of a piece of code that have the form of a code.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').skip(1).step_by(2).filter(|l| is_code(l))
}

/// The codes in the body of `fn code`, up to the brace that closes it.
fn codes_of(path: &str) -> Names {
    let text = source(path);
    let (_, body) = text.split_once("fn code(self)").unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    names(literals(body))
}

#[test]
fn every_outcome_has_its_row() {
    let mut outcomes = names(["refused", "failed"]);
    for outcome in [
        LogoutOutcome::Ended(1),
        LogoutOutcome::Unmatched,
        LogoutOutcome::Repeated,
    ] {
        outcomes.insert(outcome.code().to_owned());
    }
    assert_eq!(rows(None), outcomes);
}

#[test]
fn every_reason_has_its_row_and_every_row_its_reason() {
    // BCL-171
    let refusals = names(Refusal::ALL.iter().map(|refusal| refusal.code()));
    assert_eq!(rows(Some("Refused tokens")), refusals);
    let requests = names(RequestRefusal::ALL.iter().map(|refusal| refusal.code()));
    assert_eq!(rows(Some("Refused requests")), requests);
    let ours = names(LogoutErrorKind::OURS.iter().map(|kind| kind.code()));
    assert_eq!(rows(Some("Our own inability")), ours);
    assert_eq!(rows(Some("The guard")), codes_of("guard/rejection.rs"));
    let mut keys = codes_of("jwks/health.rs");
    keys.append(&mut codes_of("fetch/bounded.rs"));
    assert_eq!(rows(Some("Keys")), keys);
}

#[test]
fn the_search_of_the_documentation_finds_each_reason_by_its_code() {
    for path in [
        "endpoint/response.rs",
        "logout/error.rs",
        "guard/rejection.rs",
        "jwks/health.rs",
        "fetch/bounded.rs",
    ] {
        let text = source(path);
        for code in codes_of(path) {
            // The refusals write theirs by macro.
            let alias = format!("/// Code: `{code}`.\n    #[doc(alias = \"{code}\")]");
            assert!(text.contains(&alias), "{path}: {code}");
        }
    }
}

#[test]
fn every_finding_has_its_row() {
    let text = source("provider/check.rs");
    let (_, body) = text
        .split_once("pub(super) async fn check(provider")
        .unwrap();
    let (body, _) = body.split_once("/// `EdDSA` and `Ed25519`").unwrap();
    assert_eq!(rows(Some("Findings of `check()`")), names(literals(body)));
}

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

/// Every source file and its text.
fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files.into_iter().map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        (file, text)
    })
}

fn all_literals() -> Names {
    let mut found = Names::new();
    for (_, text) in sources() {
        // Line by line: a quote in a character literal or a raw string upsets no more than its own line.
        for line in text.lines() {
            found.extend(literals(line).map(str::to_owned));
        }
    }
    found
}

#[test]
fn the_reasons_of_log_lines_are_in_the_code() {
    let literals = all_literals();
    for reason in rows(Some("Logs")) {
        let is_level_or_line = !is_code(&reason);
        assert!(is_level_or_line || literals.contains(&reason), "{reason}");
    }
}

/// The last string literal before the parenthesis that closes a call.
fn last_literal(call: &str) -> Option<&str> {
    let (mut depth, mut literal) = (1, None);
    let mut pieces = call.split('"');
    loop {
        for c in pieces.next()?.chars() {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            if depth == 0 {
                return literal;
            }
        }
        literal = Some(pieces.next()?);
    }
}

/// The text of each line that is written at one of these levels: the last literal of the macro.
fn log_lines() -> Names {
    let mut found = Names::new();
    for (file, text) in sources() {
        for level in ["info!(", "warn!(", "error!("] {
            for (at, _) in text.match_indices(level) {
                let Some(line) = last_literal(&text[at + level.len()..]) else {
                    panic!("{}: a line without a text", file.display());
                };
                found.insert(line.to_owned());
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[test]
fn every_log_line_has_its_row_and_every_row_its_line() {
    let page = source("guide/operation.md");
    let (_, page) = page.split_once("\n# Logs\n").unwrap();
    let (page, _) = page.split_once("\n# Metrics\n").unwrap();
    let rows: Names = page
        .lines()
        .filter(|line| ["info", "warn", "error"].contains(&line.split(' ').nth(1).unwrap_or("")))
        .flat_map(|line| {
            line.split(" | ")
                .nth(1)
                .unwrap()
                .split('`')
                .skip(1)
                .step_by(2)
        })
        .map(str::to_owned)
        .collect();
    let lines = log_lines();
    for line in &lines {
        assert!(
            rows.iter().any(|row| line.starts_with(row)),
            "no row: {line}"
        );
    }
    for row in &rows {
        assert!(
            lines.iter().any(|line| line.starts_with(row)),
            "no line: {row}"
        );
    }
}

#[test]
fn every_metric_has_its_row_and_every_row_its_metric() {
    let metrics: Names = all_literals()
        .into_iter()
        .filter(|name| name.starts_with("backchannel_logout_"))
        // Members of the metadata, not metrics.
        .filter(|name| {
            !["uri", "session_required", "supported", "session_supported"]
                .iter()
                .any(|member| name == &format!("backchannel_logout_{member}"))
        })
        .collect();
    assert_eq!(rows(Some("Metrics")), metrics);
}

#[test]
fn every_page_of_the_guide_is_mounted_and_listed() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    let opening = source("guide/mod.rs");
    for entry in fs::read_dir(guide).unwrap() {
        let path = entry.unwrap().path();
        let page = path.file_stem().unwrap().to_str().unwrap();
        if page == "mod" {
            continue;
        }
        assert!(
            opening.contains(&format!("include_str!(\"{page}.md\")")),
            "{page}"
        );
        assert!(opening.contains(&format!("pub mod {page} {{}}")), "{page}");
        assert!(opening.contains(&format!("| [`{page}`] |")), "{page}");
    }
}
