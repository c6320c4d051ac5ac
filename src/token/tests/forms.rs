//! Each claim and each header member in every form that a sender can give it.

use super::*;

/// The forms, in the order of the columns below.
const FORMS: [&str; 9] = [
    "absent", "null", "empty", "number", "true", "array", "object", "twice", "huge",
];

/// The good text with one member in that form. It is the last member of the text.
fn in_form(good: &Value, name: &str, form: &str) -> String {
    let mut members = good.clone();
    let own = members.as_object_mut().unwrap().remove(name);
    let own = own.unwrap_or_else(|| json!("x"));
    let rest = members.to_string();
    let rest = rest.strip_suffix('}').unwrap();
    let comma = if rest == "{" { "" } else { "," };
    let value = match form {
        "absent" => return format!("{rest}}}"),
        "null" => "null".to_owned(),
        "empty" => "\"\"".to_owned(),
        "number" => "7".to_owned(),
        "true" => "true".to_owned(),
        "array" => "[]".to_owned(),
        "object" => "{}".to_owned(),
        "twice" => format!("{own},\"{name}\":{own}"),
        _ => format!("\"{}\"", "x".repeat(40_000)),
    };
    format!("{rest}{comma}\"{name}\":{value}}}")
}

fn assert_row(name: &str, row: [Option<Refusal>; 9], judge: impl Fn(&str) -> Option<Refusal>) {
    for (form, expected) in FORMS.into_iter().zip(row) {
        assert_eq!(judge(form), expected, "{name}: {form}");
    }
}

#[test]
fn every_claim_has_one_refusal_for_each_form_that_it_cannot_have() {
    // BCL-51, BCL-100 to BCL-115, BCL-173
    use Refusal::*;
    let op = op();
    let mut good = good();
    good["azp"] = json!("orders-web");
    good["nbf"] = json!(NOW);
    let (iss, aud, azp) = (Some(WrongIssuer), Some(WrongAudience), Some(WrongAzp));
    let (iat, exp, nbf) = (Some(IatInvalid), Some(ExpInvalid), Some(NbfInvalid));
    let (jti, sub, sid) = (Some(JtiInvalid), Some(InvalidSub), Some(InvalidSid));
    let (events, nonce) = (Some(EventsInvalid), Some(NoncePresent));
    let twice = Some(DuplicateMember);
    #[rustfmt::skip]
    let rows = [
        ("iss",    [iss, iss, iss, iss, iss, iss, iss, twice, iss]),
        ("aud",    [aud, aud, aud, aud, aud, aud, aud, twice, aud]),
        ("azp",    [None, azp, azp, azp, azp, azp, azp, twice, azp]),
        ("iat",    [Some(IatMissing), iat, iat, Some(TooOld), iat, iat, iat, twice, iat]),
        ("exp",    [None, exp, exp, Some(Expired), exp, exp, exp, twice, exp]),
        ("nbf",    [None, nbf, nbf, None, nbf, nbf, nbf, twice, nbf]),
        ("jti",    [Some(JtiMissing), Some(JtiMissing), jti, jti, jti, jti, jti, twice, jti]),
        ("sub",    [None, None, sub, sub, sub, sub, sub, twice, sub]),
        ("sid",    [None, None, sid, sid, sid, sid, sid, twice, sid]),
        ("events", [Some(EventsMissing), events, events, events, events, events, events, twice, events]),
        ("nonce",  [None, nonce, nonce, nonce, nonce, nonce, nonce, twice, nonce]),
        ("other",  [None, None, None, None, None, None, None, twice, None]),
    ];
    for (name, row) in rows {
        assert_row(name, row, |form| {
            let token = op.sign(r#"{"alg":"EdDSA"}"#, &in_form(&good, name, form));
            op.expectation
                .verify(&token, UnixTime::from_secs(NOW))
                .err()
        });
    }
}

#[test]
fn every_header_member_has_one_refusal_for_each_form_that_it_cannot_have() {
    // BCL-51 to BCL-58, BCL-173
    use Refusal::*;
    let op = op();
    let claims = good().to_string();
    let good = json!({ "alg": "EdDSA", "typ": "logout+jwt", "cty": "json" });
    let (alg, typ, bad) = (Some(AlgNotAllowed), Some(WrongTyp), Some(Malformed));
    let (ext, twice) = (Some(UnsupportedCrit), Some(DuplicateMember));
    let key = Some(UnknownKey);
    #[rustfmt::skip]
    let rows = [
        ("alg",  [alg, alg, alg, alg, alg, alg, alg, twice, alg]),
        ("typ",  [None, typ, typ, typ, typ, typ, typ, twice, typ]),
        ("cty",  [None, bad, None, bad, bad, bad, bad, twice, None]),
        ("kid",  [None, bad, key, bad, bad, bad, bad, twice, key]),
        ("crit", [None, ext, ext, ext, ext, ext, ext, twice, ext]),
        ("b64",  [None, ext, ext, ext, ext, ext, ext, twice, ext]),
        ("jwk",  [None, None, None, None, None, None, None, twice, None]),
        ("jku",  [None, None, None, None, None, None, None, twice, None]),
        ("x5c",  [None, None, None, None, None, None, None, twice, None]),
    ];
    for (name, row) in rows {
        assert_row(name, row, |form| {
            let token = op.sign(&in_form(&good, name, form), &claims);
            op.expectation
                .verify(&token, UnixTime::from_secs(NOW))
                .err()
        });
    }
}

#[test]
fn numbers_of_thousands_of_digits_are_numbers() {
    // BCL-108, BCL-173
    let op = op();
    let verdict = |name: &str, digits: &str| {
        let mut members = good();
        members.as_object_mut().unwrap().remove(name);
        let claims = members
            .to_string()
            .replacen('{', &format!("{{\"{name}\":{digits},"), 1);
        let token = op.sign(r#"{"alg":"EdDSA"}"#, &claims);
        op.expectation
            .verify(&token, UnixTime::from_secs(NOW))
            .err()
    };
    let nines = "9".repeat(40_000);
    let zeros = "0".repeat(40_000);
    assert_eq!(verdict("iat", &nines), Some(Refusal::IatInFuture));
    assert_eq!(verdict("iat", &format!("-{nines}")), Some(Refusal::TooOld));
    assert_eq!(verdict("iat", &format!("{NOW}.{zeros}")), None);
    assert_eq!(verdict("iat", &format!("{NOW}{zeros}e-40000")), None);
    assert_eq!(verdict("iat", &format!("0.{zeros}{NOW}e40010")), None);
    assert_eq!(verdict("exp", &nines), None);
    assert_eq!(
        verdict("exp", &format!("0.{nines}")),
        Some(Refusal::Expired)
    );
    assert_eq!(verdict("nbf", &nines), Some(Refusal::NotYetValid));
}

#[test]
fn the_audiences_are_bounded_on_both_sides() {
    // BCL-101, BCL-102, BCL-173
    let op = Op::new(TokenPolicy::default().with_trusted_audiences(["x"]));
    let many = |number: usize| {
        let mut audiences = vec!["x"; number - 1];
        audiences.push("orders-web");
        json!(audiences)
    };
    assert_eq!(op.with("aud", many(64)), None);
    assert_eq!(op.with("aud", many(65)), Some(Refusal::WrongAudience));
    let ours = json!(vec!["orders-web"; 65]);
    assert_eq!(op.with("aud", ours), Some(Refusal::WrongAudience));
}

#[test]
fn an_issuer_is_not_normalised() {
    // BCL-30, BCL-100
    let mut op = op();
    op.expectation = Expectation::signed_with(
        Issuer::parse("https://op.example/\u{e9}").unwrap(),
        ClientId::parse("orders-web").unwrap(),
        Algorithm::EdDsa,
        JwkSet::parse(published(&op.key).as_bytes()).unwrap(),
    )
    .unwrap();
    assert_eq!(op.with("iss", json!("https://op.example/\u{e9}")), None);
    for twin in ["https://op.example/e\u{301}", "https://op.example/%C3%A9"] {
        assert_eq!(op.with("iss", json!(twin)), Some(Refusal::WrongIssuer));
    }
}
