use http::{HeaderValue, Request};

use super::*;

fn extract(fields: &[&[u8]]) -> Presented {
    with_cookie(&SessionCookie::parse("sid").unwrap(), fields)
}

fn with_cookie(cookie: &SessionCookie, fields: &[&[u8]]) -> Presented {
    let mut request = Request::new(());
    for field in fields {
        let field = HeaderValue::from_bytes(field).unwrap();
        request.headers_mut().append(COOKIE, field);
    }
    cookie.extract(&RequestHead::new(&request))
}

#[track_caller]
fn assert_id(presented: &Presented, id: &str) {
    match presented {
        Presented::Id(found) => assert_eq!(found.as_str(), id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cookie_is_found_among_others_and_in_any_field() {
    assert_id(&extract(&[b"sid=abc"]), "abc");
    assert_id(&extract(&[b"a=1; sid=abc; b=2"]), "abc");
    assert_id(&extract(&[b"a=1;sid=abc;b=2"]), "abc");
    assert_id(&extract(&[b"a=1", b"", b"sid=abc"]), "abc"); // HTTP/2 splits the field (RFC 9113 8.2.3)
    assert_id(&extract(&[b"sid=a=b=="]), "a=b==");
}

#[test]
fn other_names_are_not_the_cookie() {
    for fields in [
        &[][..],
        &[&b""[..]],
        &[b"a=1"],
        &[b"SID=abc"],
        &[b"xsid=abc"],
        &[b"sidx=abc"],
        &[b"sid"],
        &[b"=sid=abc"],
        &[b"a=sid=abc"],
        &[b"a=sid"],
        &[b"s%69=abc"],
        &[b"%73id%20=abc"],
        &[b"si%6=abc"],
        &[b"si%g4=abc"],
    ] {
        assert!(
            matches!(extract(fields), Presented::Nothing),
            "{fields:?} presented a session"
        );
    }
}

#[test]
fn spellings_that_lenient_parsers_read_as_the_name_are_the_name() {
    for field in [
        &b" sid = abc "[..],
        b"\tsid\t=\tabc",
        b"s%69d=abc",
        b"%73%69%64=abc",
        b"%73%69%6D=1; %73%69%64=abc",
        "\u{a0}sid\u{3000}=\u{a0}abc\u{2003}".as_bytes(),
        b"sid=\"abc\"",
    ] {
        assert_id(&extract(&[field]), "abc");
    }
}

#[test]
fn a_second_cookie_with_another_value_cannot_be_smuggled_in() {
    for fields in [
        &[&b"sid=live; sid=ended"[..]][..],
        &[b"sid=live", b"sid=ended"],
        &[b"sid=live; s%69d=ended"],
        &[b"sid=live; sid=\"ended\""],
        &[b"sid=live; sid="],
        &[b"sid=; sid=ended"],
        &[b"sid=live; sid=live; sid=ended"],
    ] {
        assert!(
            matches!(extract(fields), Presented::Unusable),
            "{fields:?} was taken"
        );
    }
}

#[test]
fn the_same_value_twice_is_one_session() {
    assert_id(&extract(&[b"sid=abc; sid=abc"]), "abc");
    assert_id(&extract(&[b"sid=abc", b"sid=\"abc\""]), "abc");
}

#[test]
fn an_empty_value_is_no_session() {
    for field in [&b"sid="[..], b"sid=\"\"", b"sid= "] {
        assert!(matches!(extract(&[field]), Presented::Nothing));
    }
}

#[test]
fn a_value_that_parsers_read_differently_is_unusable() {
    for field in [
        &b"sid=%61bc"[..],
        b"sid=\"abc",
        b"sid=a\"bc",
        b"sid=a bc",
        b"sid=a,bc",
        b"sid=a\\bc",
        b"sid=\xff",
        "sid=é".as_bytes(),
    ] {
        assert!(
            matches!(extract(&[field]), Presented::Unusable),
            "{field:?} was taken"
        );
    }
}

#[test]
fn a_value_longer_than_an_identifier_is_unusable() {
    // BCL-111: the bound on identifiers holds here too.
    let at = format!("sid={}", "x".repeat(2048));
    assert!(matches!(extract(&[at.as_bytes()]), Presented::Id(_)));
    let over = format!("sid={}", "x".repeat(2049));
    assert!(matches!(extract(&[over.as_bytes()]), Presented::Unusable));
}

#[test]
fn a_reader_gets_the_value_as_text_and_decides() {
    let cookie = SessionCookie::parse("sid").unwrap().with_reader(|value| {
        match value.strip_suffix(".signed") {
            Some(id) => Presented::Id(SessionId::parse(id).unwrap()),
            None => Presented::Nothing,
        }
    });
    assert_id(&with_cookie(&cookie, &[b"sid=\"%61bc.signed\""]), "%61bc");
    assert!(matches!(
        with_cookie(&cookie, &[b"sid=abc"]),
        Presented::Nothing
    ));
    assert!(matches!(
        with_cookie(&cookie, &[b"sid=\xff.signed"]),
        Presented::Unusable
    ));
}

#[test]
fn names_that_no_browser_sends_are_refused() {
    for bad in ["", "a b", "a=b", "a;b", "a%62", "é", "a\"", "a,b", "a/b"] {
        let error = SessionCookie::parse(bad).unwrap_err();
        assert_eq!(error.field(), "session_cookie", "{bad}");
    }
    assert_eq!(
        SessionCookie::parse("__Host-a.b_c").unwrap().name(),
        "__Host-a.b_c"
    );
}

#[test]
fn set_cookie_fields_that_set_the_cookie_are_told_from_those_that_delete_it() {
    let cookie = SessionCookie::parse("sid").unwrap();
    let set_by = |field: &str| cookie.set_by(&HeaderValue::from_str(field).unwrap());
    for field in [
        "sid=abc",
        "sid=abc; Path=/; HttpOnly",
        "s%69d=abc; Path=/",
        "sid=abc; Max-Age=1",
        "sid=abc; Max-Age",
        "sid=abc; Max-Age=",
        "sid=abc; Max-Age=-",
        "sid=abc; Max-Age=0x",
        "sid=abc; X-Max-Age=0",
        "sid=abc; Max-Age=0; Max-Age=60",
        "sid=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ] {
        match set_by(field) {
            Some(presented) => assert_id(&presented, "abc"),
            None => panic!("{field} was taken for a removal"),
        }
    }
    for field in [
        "other=abc",
        "sid=; Path=/",
        "sid=abc; Max-Age=0",
        "sid=abc;max-age = 00 ; Path=/",
        "sid=abc; Max-Age=-1",
        "sid=abc; Max-Age=60; Max-Age=0",
        "sid=abc; Max-Age=0; Max-Age=x",
    ] {
        assert!(set_by(field).is_none(), "{field} was taken for a session");
    }
}
