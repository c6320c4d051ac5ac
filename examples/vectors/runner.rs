//! Judges the cases of one vector file. The format is described in `tests/vectors/README.md`.

use std::error::Error;
use std::time::Duration;

use serde_json::Value;
use tower_backchannel_logout::clock::{Clock, UnixTime};
#[cfg(feature = "jwe")]
use tower_backchannel_logout::jose::jwe::{ContentEncryption, DecryptionKeys, KeyManagement};
use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::logout::LogoutTokenVerifier;
use tower_backchannel_logout::provider::{Client, Provider};
use tower_backchannel_logout::refusal::Refusal;
use tower_backchannel_logout::session::LogoutTarget;
use tower_backchannel_logout::token::{Expectation, LogoutToken, TokenPolicy};
use tower_backchannel_logout::{ClientId, Issuer, Sid, Subject};

type BoxError = Box<dyn Error + Send + Sync>;

/// What came out of one file.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many cases were judged.
    pub(crate) judged: usize,
    /// How many cases need the feature `jwe` and were left out.
    pub(crate) skipped: usize,
    /// One line for each case whose verdict differs.
    pub(crate) differences: Vec<String>,
}

/// Judges every case of a file, by the plain function and by the verifier behind the endpoint.
pub(crate) fn run(file: &str) -> Result<Outcome, BoxError> {
    let file: Value = serde_json::from_str(file)?;
    let mut outcome = Outcome::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for case in file["cases"].as_array().ok_or("the file has no cases")? {
        // A case may bring its own policy or key set, which then replaces that of the file as a whole.
        let own = |name: &str| case.get(name).unwrap_or(&file[name]).clone();
        let (policy, jwks) = (own("policy"), own("jwks"));
        let encrypted =
            policy.get("decryption_keys").is_some() || policy["require_encryption"] == true;
        if encrypted && !cfg!(feature = "jwe") {
            outcome.skipped += 1;
            continue;
        }
        outcome.judged += 1;
        let token = token(case)?;
        let now = UnixTime::from_secs(file["now"].as_i64().ok_or("the file has no now")?);
        let alone = expectation(&file, &policy, &jwks)?.verify(&token, now);
        let mut verdicts = vec![alone.map_err(Refusal::code)];
        // A set without a single usable key is refused as configuration, so there is nothing to ask.
        if let Some(verifier) = verifier(&file, &policy, &jwks, now)? {
            let verdict = runtime.block_on(verifier.verify(&token));
            verdicts.push(verdict.map_err(|error| error.kind().code()));
        }
        for verdict in verdicts {
            if let Err(difference) = compare(&case["expect"], verdict) {
                outcome
                    .differences
                    .push(format!("{}: {difference}", text(&case["id"])?));
                break;
            }
        }
    }
    Ok(outcome)
}

/// The same configuration as a provider with static keys and one client.
fn verifier(
    file: &Value,
    policy: &Value,
    jwks: &Value,
    now: UnixTime,
) -> Result<Option<LogoutTokenVerifier>, BoxError> {
    let algorithm = Algorithm::parse(text(&policy["algorithms"][0])?)?;
    let mut client = Client::builder(text(&file["client_id"])?)
        .with_algorithm(algorithm)
        .with_policy(token_policy(policy)?);
    if algorithm.is_symmetric() {
        client = client.with_client_secret(ClientSecret::parse(text(&file["client_secret"])?)?);
    }
    #[cfg(feature = "jwe")]
    if let Some(keys) = policy.get("decryption_keys") {
        client = client
            .with_decryption_keys(decryption_keys(policy, keys)?)
            .dangerous_allow_unencrypted(policy["require_encryption"] != true);
    }
    let provider = Provider::builder(text(&file["issuer"])?)
        .with_client(client.build()?)
        .with_static_keys(JwkSet::parse(jwks.to_string().as_bytes())?)
        .build();
    match provider {
        Ok(provider) => Ok(Some(
            LogoutTokenVerifier::new(provider).with_clock(Fixed(now)),
        )),
        Err(error) if error.field() == "static_keys" => Ok(None),
        Err(error) => Err(error.into()),
    }
}

struct Fixed(UnixTime);

impl Clock for Fixed {
    fn now(&self) -> UnixTime {
        self.0
    }
}

fn expectation(file: &Value, policy: &Value, jwks: &Value) -> Result<Expectation, BoxError> {
    let issuer = Issuer::parse(text(&file["issuer"])?)?;
    let client_id = ClientId::parse(text(&file["client_id"])?)?;
    let algorithm = Algorithm::parse(text(&policy["algorithms"][0])?)?;
    let expectation = if algorithm.is_symmetric() {
        let secret = ClientSecret::parse(text(&file["client_secret"])?)?;
        Expectation::keyed_with(issuer, client_id, algorithm, secret)?
    } else {
        let keys = JwkSet::parse(jwks.to_string().as_bytes())?;
        Expectation::signed_with(issuer, client_id, algorithm, keys)?
    };
    let expectation = expectation.with_policy(token_policy(policy)?);
    #[cfg(feature = "jwe")]
    let expectation = match policy.get("decryption_keys") {
        Some(keys) => {
            let required = policy["require_encryption"] == true;
            expectation.with_decryption_keys(decryption_keys(policy, keys)?, required)
        }
        None => expectation,
    };
    Ok(expectation)
}

#[cfg(feature = "jwe")]
fn decryption_keys(policy: &Value, keys: &Value) -> Result<DecryptionKeys, BoxError> {
    let names = |member: &str| -> Result<Vec<&str>, BoxError> {
        let list = policy[member]
            .as_array()
            .ok_or("the policy lists no algorithms")?;
        list.iter().map(text).collect()
    };
    let algorithms: Option<Vec<_>> = names("jwe_algorithms")?
        .into_iter()
        .map(KeyManagement::parse)
        .collect();
    let encryptions: Option<Vec<_>> = names("jwe_encryptions")?
        .into_iter()
        .map(ContentEncryption::parse)
        .collect();
    let builder = DecryptionKeys::builder()
        .with_jwk_set(keys.to_string().as_bytes())
        .with_algorithms(algorithms.ok_or("an unknown key management algorithm")?)
        .with_encryptions(encryptions.ok_or("an unknown content encryption")?);
    Ok(builder.build()?)
}

fn token_policy(policy: &Value) -> Result<TokenPolicy, BoxError> {
    let seconds = |name: &str| policy[name].as_u64().map(Duration::from_secs);
    let flag = |name: &str| policy[name].as_bool().unwrap_or(false);
    let mut parsed = TokenPolicy::default()
        .with_leeway(seconds("leeway").ok_or("the policy has no leeway")?)
        .with_max_age(seconds("max_age").ok_or("the policy has no max_age")?)
        .with_strict_typ(policy["typ"] == "strict")
        .with_require_exp(flag("require_exp"))
        .with_require_sid(flag("require_sid"));
    if let Some(max_lifetime) = seconds("max_lifetime") {
        parsed = parsed.with_max_lifetime(max_lifetime);
    }
    if let Some(audiences) = policy["trusted_audiences"].as_array() {
        let audiences: Result<Vec<_>, _> = audiences.iter().map(text).collect();
        parsed = parsed.with_trusted_audiences(audiences?);
    }
    Ok(parsed)
}

/// The token, or its parts expanded and joined.
fn token(case: &Value) -> Result<String, BoxError> {
    if let Some(token) = case["token"].as_str() {
        return Ok(token.to_owned());
    }
    let parts = case["token_parts"]
        .as_array()
        .ok_or("a case has no token")?;
    parts
        .iter()
        .map(|part| match part {
            Value::String(text) => Ok(text.clone()),
            part => {
                let times = part["times"].as_u64().ok_or("a part has no times")?;
                Ok(text(&part["repeat"])?.repeat(usize::try_from(times)?))
            }
        })
        .collect()
}

fn compare(expect: &Value, verdict: Result<LogoutToken, &str>) -> Result<(), String> {
    let wanted = expect["result"].as_str().unwrap_or_default();
    match verdict {
        Ok(token) => {
            let (sid, sub) = named(token.target());
            if wanted == "refuse" {
                Err(format!("accepted, expected {}", expect["reason"]))
            } else if expect["target"]["sid"].as_str() != sid
                || expect["target"]["sub"].as_str() != sub
            {
                Err("accepted with another sub or sid".to_owned())
            } else {
                Ok(())
            }
        }
        Err(code) => {
            let allowed = expect["reason"] == code
                || expect["or"]
                    .as_array()
                    .is_some_and(|or| or.iter().any(|reason| reason == code));
            if wanted != "accept" && allowed {
                Ok(())
            } else {
                Err(format!("{code}, expected {expect}"))
            }
        }
    }
}

fn named(target: &LogoutTarget) -> (Option<&str>, Option<&str>) {
    (
        target.sid().map(Sid::as_str),
        target.subject().map(Subject::as_str),
    )
}

fn text(value: &Value) -> Result<&str, BoxError> {
    value
        .as_str()
        .ok_or_else(|| format!("{value} is not a string").into())
}
