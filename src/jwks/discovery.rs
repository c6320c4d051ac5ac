//! Provider metadata: where it is, and the members that matter (Discovery 3 and 4).

use serde::Deserialize;

use super::KeysErrorKind;
use crate::types::{Issuer, check_url};

/// The URL of the metadata: the issuer with one final `/` removed, and the well-known path (Discovery 4.1, spec BCL-31).
pub(crate) fn metadata_url(issuer: &Issuer) -> String {
    let issuer = issuer.as_str();
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/openid-configuration")
}

/// The members of the metadata that this crate looks at. Those that only feed a report are read as they come: an odd one
/// must not keep the keys away.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) jwks_uri: Option<String>,
    #[serde(default)]
    pub(crate) backchannel_logout_supported: serde_json::Value,
    #[serde(default)]
    pub(crate) backchannel_logout_session_supported: serde_json::Value,
    #[serde(default)]
    pub(crate) id_token_signing_alg_values_supported: serde_json::Value,
}

impl Metadata {
    /// Takes metadata only if it is that of the configured issuer, byte for byte (Discovery 4.3, spec BCL-32).
    pub(crate) fn parse(body: &[u8], issuer: &Issuer) -> Result<Self, KeysErrorKind> {
        // Derived readers take an array of the members in their order as well; metadata is an object (Discovery 4.2).
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(KeysErrorKind::NotMetadata);
        }
        let metadata: Self =
            serde_json::from_slice(body).map_err(|_| KeysErrorKind::NotMetadata)?;
        if metadata.issuer != issuer.as_str() {
            return Err(KeysErrorKind::WrongIssuer);
        }
        Ok(metadata)
    }

    /// Where the keys are: `https`. `http` on a loopback host is for trying things out, where the issuer is on one too; to
    /// an issuer elsewhere, this host's own services are none of its business (spec BCL-33).
    pub(crate) fn keys_url(&self) -> Result<&str, KeysErrorKind> {
        let url = self.jwks_uri.as_deref().ok_or(KeysErrorKind::NotMetadata)?;
        check_url("jwks_uri", url).map_err(|_| KeysErrorKind::JwksUri)?;
        if is_https(&self.issuer) && !is_https(url) {
            return Err(KeysErrorKind::JwksUri);
        }
        Ok(url)
    }
}

fn is_https(url: &str) -> bool {
    let scheme = url.get(..6);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_url_loses_one_final_slash() {
        // BCL-31
        for (issuer, url) in [
            ("https://a", "https://a/.well-known/openid-configuration"),
            ("https://a/", "https://a/.well-known/openid-configuration"),
            (
                "https://a/t1",
                "https://a/t1/.well-known/openid-configuration",
            ),
            (
                "https://a/t1/",
                "https://a/t1/.well-known/openid-configuration",
            ),
            (
                "https://a/t1//",
                "https://a/t1//.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(metadata_url(&Issuer::parse(issuer).unwrap()), url);
        }
    }

    fn parse(body: &str) -> Result<Metadata, KeysErrorKind> {
        Metadata::parse(body.as_bytes(), &Issuer::parse("https://a").unwrap())
    }

    #[test]
    fn metadata_of_another_issuer_is_not_used() {
        // BCL-32
        for issuer in ["https://b", "https://a/", "https://A", "HTTPS://a", ""] {
            let body = format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://a/jwks"}}"#);
            assert_eq!(parse(&body).unwrap_err(), KeysErrorKind::WrongIssuer);
        }
        assert!(parse(r#"{"issuer":"https://a","jwks_uri":"https://a/jwks"}"#).is_ok());
    }

    #[test]
    fn what_is_not_metadata_is_not_used() {
        // BCL-32
        for body in [
            "",
            r#"["https://a","https://a/jwks",true,true,["RS256"]]"#,
            "<html>",
            "{}",
            "[]",
            "null",
            r#"{"issuer":null,"jwks_uri":"https://a/jwks"}"#,
            r#"{"issuer":["https://a"],"jwks_uri":"https://a/jwks"}"#,
            r#"{"issuer":"https://a","issuer":"https://a","jwks_uri":"https://a/jwks"}"#,
            r#"{"issuer":"https://a","jwks_uri":7}"#,
        ] {
            assert_eq!(
                parse(body).unwrap_err(),
                KeysErrorKind::NotMetadata,
                "{body}"
            );
        }
    }

    #[test]
    fn the_jwks_uri_of_the_metadata_must_be_https() {
        // BCL-33
        let url = |url| {
            let body = format!(r#"{{"issuer":"https://a","jwks_uri":"{url}"}}"#);
            parse(&body).unwrap().keys_url().map(str::to_owned)
        };
        for bad in [
            "http://a/jwks",
            "file:///jwks",
            "/jwks",
            "",
            "ftp://a/",
            "https://u@a/",
            "http://127.0.0.1:8080/jwks",
            "http://localhost/jwks",
        ] {
            assert_eq!(url(bad), Err(KeysErrorKind::JwksUri), "{bad}");
        }
        assert!(url("https://other.example/keys?v=1").is_ok());
        assert!(url("HTTPS://a/jwks").is_ok());
    }

    #[test]
    fn an_issuer_on_this_host_may_have_its_keys_on_this_host_in_plain_http() {
        // BCL-33
        let issuer = Issuer::parse("http://127.0.0.1:8080").unwrap();
        let url = |url| {
            let body = format!(r#"{{"issuer":"http://127.0.0.1:8080","jwks_uri":"{url}"}}"#);
            let metadata = Metadata::parse(body.as_bytes(), &issuer).unwrap();
            metadata.keys_url().map(str::to_owned)
        };
        assert!(url("http://127.0.0.1:8080/jwks").is_ok());
        assert!(url("https://op.example/jwks").is_ok());
        assert_eq!(url("http://op.example/jwks"), Err(KeysErrorKind::JwksUri));
    }

    #[test]
    fn members_that_only_feed_the_report_may_be_odd() {
        let body = r#"{"issuer":"https://a","jwks_uri":"https://a/jwks","backchannel_logout_supported":"yes",
            "id_token_signing_alg_values_supported":{"a":1}}"#;
        assert!(parse(body).unwrap().keys_url().is_ok());
    }
}
