//! The kept inputs of `tests/corpus`, through the same functions as the fuzz targets. A file is named by what it shows.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[allow(unreachable_pub, reason = "public where it is a crate of its own")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Runs every kept input of a target, and answers how many there are.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/tests/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    let mut failed = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let input = fs::read(&path).unwrap();
        if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
            failed.push(path.file_name().unwrap().to_owned());
        }
        replayed += 1;
    }
    assert!(failed.is_empty(), "{target}: {failed:?}");
    assert!(replayed >= 24, "{folder} has {replayed} files");
}

#[test]
fn kept_forms_have_their_answer() {
    // BCL-08, BCL-09, BCL-16, BCL-173
    replay("form", targets::form::check);
}

#[test]
fn kept_tokens_have_their_verdict() {
    // BCL-50, BCL-173
    replay("token", targets::token::check);
}

#[test]
fn kept_headers_have_their_verdict() {
    // BCL-51, BCL-52, BCL-54, BCL-55, BCL-173
    replay("header", targets::header::check);
}

#[test]
fn kept_claims_have_their_verdict() {
    // BCL-100 to BCL-116, BCL-173
    replay("claims", targets::claims::check);
}

#[test]
fn kept_key_sets_verify_only_with_keys_for_it() {
    // BCL-72, BCL-77, BCL-173
    replay("jwks", targets::jwks::check);
}

#[test]
fn kept_metadata_leads_only_to_allowed_key_sets() {
    // BCL-32, BCL-33, BCL-173
    replay("discovery", targets::discovery::check);
}

#[cfg(feature = "jwe")]
#[test]
fn kept_encrypted_tokens_have_their_verdict() {
    // BCL-54, BCL-62, BCL-173
    replay("jwe", targets::jwe::check);
}
