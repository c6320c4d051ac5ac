//! What happens in the example, and the figures that have to come of it.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::testing::{FakeProvider, TokenMint};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use super::{CLIENT, loopback};

async fn sign_in(op: &FakeProvider, store: &MemoryStore, id: &str) -> Result<(), Box<dyn Error>> {
    let now = SystemClock::default().now();
    let identity = SessionIdentity::new(
        Issuer::parse(op.issuer())?,
        ClientId::parse(CLIENT)?,
        Subject::parse("customer-1")?,
    )
    .with_sid(Sid::parse(id)?)
    .with_id_token_iat(now);
    let in_an_hour = now.saturating_add(Duration::from_secs(3600));
    let session = NewSession::new(SessionId::parse(id)?, identity, in_an_hour);
    // A real login looks at the answer: a logout may have come first.
    match store.register(session).await? {
        Registration::Registered => Ok(()),
        other => Err(format!("the login was not taken: {other:?}").into()),
    }
}

/// Two customers' worth of trouble in a second.
pub(crate) async fn play(
    op: &FakeProvider,
    store: &MemoryStore,
    to: SocketAddr,
) -> Result<(), Box<dyn Error>> {
    for id in ["phone", "laptop", "tablet"] {
        sign_in(op, store, id).await?;
    }
    let mint: TokenMint = op.mint_for(CLIENT);
    let token = || mint.logout_token().sub("customer-1");
    let good = token().sid("phone").sign();
    for token in [
        good.clone(),
        good,
        token().sid("laptop").sign(),
        mint.logout_token().sub("nobody-here").sign(),
        token()
            .claim("nonce", "an ID token, passed off as a Logout Token")
            .sign(),
        token().audience("another-application").sign(),
        "not a token".to_owned(),
    ] {
        let form = format!("logout_token={}", token.replace(' ', "+"));
        let answer = loopback::ask(to, "POST", "/backchannel-logout", "", form).await;
        println!(
            "answered {}",
            answer.map_err(|error| error.to_string())?.status()
        );
    }
    for cookie in ["session=tablet", "session=phone", "session=never-seen", ""] {
        let answer = loopback::ask(to, "GET", "/account", cookie, String::new()).await;
        println!(
            "account {}",
            answer.map_err(|error| error.to_string())?.status()
        );
    }
    Ok(())
}

/// The series that the story must have left.
pub(crate) fn check(text: &str, issuer: &str) -> Result<(), String> {
    let expected = [
        r#"requests_total{outcome="ended",reason=""} 2"#,
        r#"requests_total{outcome="repeated",reason=""} 1"#,
        r#"requests_total{outcome="unmatched",reason=""} 1"#,
        r#"requests_total{outcome="refused",reason="nonce_present"} 1"#,
        r#"requests_total{outcome="refused",reason="wrong_audience"} 1"#,
        r#"requests_total{outcome="refused",reason="malformed"} 1"#,
        r#"request_duration_seconds_count{outcome="refused"} 3"#,
        "requests_in_progress 0",
        "sessions_ended_total 2",
        "unmatched_total 1",
        "repeated_total 1",
        "effect_seconds_count 3",
        r#"guard_decisions_total{decision="live"} 1"#,
        r#"guard_decisions_total{decision="ended"} 1"#,
        r#"guard_decisions_total{decision="unknown"} 1"#,
        &format!(r#"keys_fetches_total{{iss="{issuer}",result="ok"}} 1"#),
        &format!(r#"keys_age_seconds{{iss="{issuer}"}} "#),
        &format!(r#"keys_usable{{iss="{issuer}"}} "#),
        "store_sessions 1",
    ];
    for series in expected {
        let line = format!("backchannel_logout_{series}");
        let there =
            |shown: &str| shown == line || (line.ends_with(' ') && shown.starts_with(&line));
        if !text.lines().any(there) {
            return Err(format!("missing: {line}"));
        }
    }
    if text.contains("customer-1") || text.contains("phone") {
        return Err("a customer or a session shows in the figures".to_owned());
    }
    Ok(())
}
