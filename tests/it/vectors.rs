//! The fixed tokens of `tests/vectors`, each with its verdict.

#[path = "../../examples/vectors/runner.rs"]
mod runner;

/// Judges one file and answers how many cases were judged and skipped.
fn judge(file: &str) -> (usize, usize) {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let outcome = runner::run(&text).unwrap();
    assert!(
        outcome.differences.is_empty(),
        "{}",
        outcome.differences.join("\n")
    );
    (outcome.judged, outcome.skipped)
}

#[test]
fn every_signature_algorithm_has_the_verdict_of_its_vector() {
    // BCL-38, BCL-52, BCL-70, BCL-78
    assert_eq!(judge("algorithms"), (83, 0));
}

#[test]
fn every_use_of_the_client_secret_has_the_verdict_of_its_vector() {
    // BCL-41, BCL-85
    assert_eq!(judge("hmac"), (17, 0));
}

#[test]
fn every_header_has_the_verdict_of_its_vector() {
    // BCL-52, BCL-53, BCL-54, BCL-55, BCL-56, BCL-57, BCL-58
    assert_eq!(judge("header"), (88, 0));
}

#[test]
fn every_choice_of_a_key_has_the_verdict_of_its_vector() {
    // BCL-72, BCL-73, BCL-74, BCL-77, BCL-78
    assert_eq!(judge("keys"), (52, 0));
}

#[test]
fn every_claim_has_the_verdict_of_its_vector() {
    // BCL-100, BCL-101, BCL-102, BCL-103, BCL-109 to BCL-118
    assert_eq!(judge("claims"), (155, 0));
}

#[test]
fn every_time_has_the_verdict_of_its_vector() {
    // BCL-104, BCL-105, BCL-106, BCL-107, BCL-108, BCL-174
    assert_eq!(judge("times"), (86, 0));
}

#[test]
fn every_encoding_has_the_verdict_of_its_vector() {
    // BCL-50, BCL-51, BCL-173
    assert_eq!(judge("encoding"), (87, 0));
}

#[test]
fn every_shape_of_a_known_op_has_the_verdict_of_its_vector() {
    // BCL-55, BCL-106, BCL-110, BCL-114, BCL-116
    assert_eq!(judge("providers"), (29, 0));
}

#[test]
fn encrypted_tokens_have_the_verdict_of_their_vector_or_are_skipped() {
    // BCL-60, BCL-61, BCL-62
    let (judged, skipped) = judge("jwe");
    assert_eq!(judged + skipped, 51);
}
