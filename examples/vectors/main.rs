//! Runs the verifier over vector files: `cargo run --example vectors -- tests/vectors/*.json`
//!
//! Prints one line for each case whose verdict differs and a count at the end; exits 1 on any difference.

mod runner;

use std::process::ExitCode;

const USAGE: &str = "usage: vectors FILE…

  Runs the verifier over vector files (tests/vectors/README.md has the format), prints one line for each case
  whose verdict differs and a count at the end, and exits 1 on any difference.";

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.iter().any(|file| file == "--help" || file == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let flag = files.iter().find(|file| file.starts_with('-'));
    if files.is_empty() || flag.is_some() {
        let problem = flag.map_or("no file".to_owned(), |flag| {
            format!("unknown argument {flag}")
        });
        eprintln!("vectors: {problem}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    let (mut judged, mut skipped, mut different) = (0, 0, 0);
    for file in &files {
        let outcome = std::fs::read_to_string(file)
            .map_err(Into::into)
            .and_then(|text| runner::run(&text));
        match outcome {
            Ok(outcome) => {
                judged += outcome.judged;
                skipped += outcome.skipped;
                different += outcome.differences.len();
                for difference in outcome.differences {
                    println!("{file}: {difference}");
                }
            }
            Err(error) => {
                different += 1;
                println!("{file}: cannot be read: {error}");
            }
        }
    }
    println!("{judged} cases judged, {different} different, {skipped} skipped (feature jwe)");
    match different {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
