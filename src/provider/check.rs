//! Compares what the OP says about itself with the configuration (spec BCL-34, BCL-35, BCL-38, BCL-39).

use std::fmt;

use serde_json::Value;
use tokio::time::Instant;

use super::Provider;
use crate::fetch::Fetcher;
use crate::jwks::{KeysErrorKind, Metadata, RemoteJwks, fetch_metadata};

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// Logouts may be lost or reach further than expected.
    Warning,
    /// Logouts will not work.
    Problem,
}

/// One thing that [`Provider::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, for tests and alerts.
    pub code: &'static str,
    /// What is so and what will not work because of it, in plain words.
    pub text: String,
    /// What to do about it.
    pub mend: &'static str,
}

/// What [`Provider::check`] found; its `Display` is meant for a person at start-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing keeps logouts from working.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity != Severity::Problem)
    }

    /// Whether there is a finding of this code.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    fn add(&mut self, severity: Severity, code: &'static str, text: String, mend: &'static str) {
        self.findings.push(Finding {
            severity,
            code,
            text,
            mend,
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return f.write_str("back-channel logout is ready: nothing to mend");
        }
        for (index, finding) in self.findings.iter().enumerate() {
            let level = match finding.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Problem => "problem",
            };
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{level}: {} ({})", finding.text, finding.mend)?;
        }
        Ok(())
    }
}

pub(super) async fn check(provider: &Provider, fetcher: Option<&Fetcher>) -> Report {
    let mut report = Report::default();
    match fetcher {
        None => report.add(
            Severity::Note,
            "no_metadata",
            "there is no HTTP client, so the metadata of the OP was not looked at".to_owned(),
            "turn on the feature client to have it compared",
        ),
        Some(fetcher) => match fetch_metadata(fetcher, provider.issuer()).await {
            Ok(metadata) => compare(provider, &metadata, &mut report),
            Err(kind) => no_metadata(provider, kind, &mut report),
        },
    }
    let by_key = || provider.clients().iter().filter(|it| it.secret().is_none());
    if by_key().next().is_none() {
        return report;
    }
    if let Err(error) = provider.ready().await {
        report.add(
            Severity::Problem,
            "keys_unavailable",
            format!("the keys of the OP cannot be loaded now ({}); every logout is answered 503 until they can", error.kind()),
            "see that this host can reach the OP's jwks_uri over https and that it serves a key set",
        );
    }
    if let Some(keys) = provider.keys().current(Instant::now()) {
        for client in by_key().filter(|client| !keys.keys().has_key_for(client.algorithm())) {
            report.add(
                Severity::Problem,
                "no_key_for_algorithm",
                format!(
                    "client {} expects {}, and the OP publishes no key that verifies it; its Logout Tokens will be refused",
                    client.client_id(),
                    client.algorithm()
                ),
                "configure the algorithm that is registered as id_token_signed_response_alg (with_algorithm), or see that the OP publishes its key",
            );
        }
    }
    report
}

fn no_metadata(provider: &Provider, kind: KeysErrorKind, report: &mut Report) {
    let (severity, mend) = match kind {
        KeysErrorKind::WrongIssuer => (
            Severity::Problem,
            "configure the issuer exactly as the metadata spells it, final slash included",
        ),
        _ if provider.remote_keys().is_none() => {
            (Severity::Note, "nothing, if this OP publishes no metadata")
        }
        _ => (
            Severity::Warning,
            "see that this host can reach the OP and that the issuer is right",
        ),
    };
    report.add(
        severity,
        if kind == KeysErrorKind::WrongIssuer {
            "wrong_issuer"
        } else {
            "no_metadata"
        },
        format!(
            "the metadata of {} cannot be used ({kind})",
            provider.issuer()
        ),
        mend,
    );
}

fn compare(provider: &Provider, metadata: &Metadata, report: &mut Report) {
    // A missing member means false (BCL 2.1), and so does one that is no boolean.
    if metadata.backchannel_logout_supported != Value::Bool(true) {
        report.add(
            Severity::Warning,
            "logout_not_advertised",
            "the OP does not say that it supports back-channel logout; it may never send a Logout Token".to_owned(),
            "turn it on at the OP, or ask its operator; some OPs support it without saying so",
        );
    }
    if metadata.backchannel_logout_session_supported != Value::Bool(true) {
        report.add(
            Severity::Warning,
            "sid_not_advertised",
            "the OP does not say that it names sessions; sid may be absent from ID and Logout Tokens, and a logout then ends all sessions of the customer".to_owned(),
            "nothing is broken; turn on session support at the OP for logouts of single sessions",
        );
    }
    let discovered = provider
        .remote_keys()
        .is_some_and(RemoteJwks::is_discovered);
    if discovered && let Err(kind) = metadata.keys_url() {
        report.add(
            Severity::Problem,
            "jwks_uri",
            format!("the jwks_uri in the metadata is missing or not https ({kind}); keys cannot be found by discovery"),
            "mend the metadata, or configure the URL with with_jwks_uri",
        );
    }
    let Some(offered) = metadata.id_token_signing_alg_values_supported.as_array() else {
        report.add(
            Severity::Warning,
            "algorithms_unknown",
            "the OP does not list its signing algorithms (id_token_signing_alg_values_supported)".to_owned(),
            "see in the client's registration which algorithm signs its ID Tokens, and configure that one",
        );
        return;
    };
    for client in provider.clients() {
        let expected = client.algorithm().as_str();
        // The list never widens what is accepted (BCL-39): it only tells whether the one algorithm is in it.
        if !offered
            .iter()
            .filter_map(Value::as_str)
            .any(|name| same_algorithm(name, expected))
        {
            report.add(
                Severity::Problem,
                "algorithm_not_offered",
                format!(
                    "client {} expects {expected}, which the OP does not list; its Logout Tokens will be refused",
                    client.client_id()
                ),
                "configure the algorithm that is registered as id_token_signed_response_alg (with_algorithm)",
            );
        }
    }
}

/// `EdDSA` and `Ed25519` are two names of one algorithm (RFC 9864, spec BCL-52).
fn same_algorithm(one: &str, other: &str) -> bool {
    let name = |name| if name == "Ed25519" { "EdDSA" } else { name };
    name(one) == name(other)
}
