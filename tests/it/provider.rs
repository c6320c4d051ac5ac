//! What a provider, a client and a registration may look like.

use tower_backchannel_logout::jose::{Algorithm, ClientSecret, JwkSet};
use tower_backchannel_logout::provider::{
    Client, LogoutRegistration, Profile, Provider, ProviderBuilder, Providers,
};
use tower_backchannel_logout::token::TokenPolicy;

use tracing_subscriber::filter::LevelFilter;

use crate::secrets::recording;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"411s40N_jMmVWje0P03GY53cBKU9NQ2LVHf16Jj041Y"}]}"#;

fn client() -> Client {
    Client::builder("orders-web").build().unwrap()
}

fn builder(issuer: &str) -> ProviderBuilder {
    Provider::builder(issuer)
        .with_static_keys(JwkSet::parse(KEYS.as_bytes()).unwrap())
        .with_client(client())
}

fn provider(issuer: &str) -> Provider {
    builder(issuer).build().unwrap()
}

#[test]
fn a_client_expects_rs256_unless_told_otherwise() {
    // BCL-38
    assert_eq!(client().algorithm(), Algorithm::Rs256);
    let es256 = Client::builder("c").with_algorithm(Algorithm::Es256);
    assert_eq!(es256.build().unwrap().algorithm(), Algorithm::Es256);
}

#[test]
fn none_cannot_be_configured() {
    // BCL-40
    for name in ["none", "NONE", "nOnE", ""] {
        assert!(Algorithm::parse(name).is_err(), "{name}");
    }
}

#[test]
fn an_hmac_algorithm_needs_a_secret_as_long_as_the_hash() {
    // BCL-41
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let build = |length: usize| {
            let secret = ClientSecret::parse("x".repeat(length))?;
            Client::builder("c")
                .with_algorithm(algorithm)
                .with_client_secret(secret)
                .build()
        };
        assert!(build(least).is_ok());
        assert_eq!(build(least - 1).unwrap_err().field(), "client_secret");
        let without = Client::builder("c").with_algorithm(algorithm).build();
        assert_eq!(without.unwrap_err().field(), "client_secret");
    }
}

#[test]
fn a_public_key_algorithm_takes_no_secret() {
    // BCL-41
    let secret = ClientSecret::parse("x".repeat(64)).unwrap();
    let refused = Client::builder("c").with_client_secret(secret).build();
    assert_eq!(refused.unwrap_err().field(), "algorithm");
}

fn by_secret(client_id: &str) -> Client {
    let secret = ClientSecret::parse("x".repeat(32)).unwrap();
    let client = Client::builder(client_id)
        .with_algorithm(Algorithm::Hs256)
        .with_client_secret(secret);
    client.build().unwrap()
}

#[tokio::test]
async fn a_provider_whose_clients_all_have_secrets_fetches_nothing() {
    // BCL-41
    let alone = || Provider::builder("https://op.example").with_client(by_secret("c"));
    let empty = JwkSet::parse(br#"{"keys":[]}"#).unwrap();
    for builder in [alone(), alone().with_static_keys(empty.clone())] {
        let provider = builder.build().unwrap();
        assert!(provider.remote_keys().is_none());
        assert_eq!(provider.ready().await, Ok(()));
        let health = provider.health();
        assert_eq!((health.usable, health.keys), (true, 0));
    }
    // One client by key is enough for keys to be needed.
    let mixed = alone().with_client(client()).with_static_keys(empty);
    assert_eq!(mixed.build().unwrap_err().field(), "static_keys");
    #[cfg(feature = "client")]
    {
        let mixed = alone().with_client(client()).build().unwrap();
        assert!(mixed.remote_keys().is_some());
        let at_a_url = alone().with_jwks_uri("https://op.example/jwks");
        assert!(at_a_url.build().unwrap().remote_keys().is_some());
    }
}

#[test]
fn a_provider_tells_its_clients_by_their_exact_id() {
    // BCL-42
    let provider = builder("https://op.example")
        .with_client(by_secret("other"))
        .build()
        .unwrap();
    let ids: Vec<_> = provider
        .clients()
        .iter()
        .map(|it| it.client_id().as_str())
        .collect();
    assert_eq!(ids, ["orders-web", "other"]);
    assert_eq!(
        provider.client("other").unwrap().algorithm(),
        Algorithm::Hs256
    );
    for unknown in ["", "Other", "other ", "orders"] {
        assert!(provider.client(unknown).is_none(), "{unknown}");
    }
    assert!(!provider.accepts_token_in_query());
    let cas = Client::builder("cas")
        .with_token_in_query(true)
        .build()
        .unwrap();
    let provider = builder("https://op.example")
        .with_client(cas)
        .build()
        .unwrap();
    assert!(provider.accepts_token_in_query());
}

#[test]
fn a_registry_tells_how_the_keys_of_each_provider_are_doing() {
    let providers = Providers::from([provider("https://a.example"), provider("https://b.example")]);
    let mut health = providers.health();
    health.sort_by(|one, two| one.0.cmp(&two.0));
    let told: Vec<_> = health
        .iter()
        .map(|(issuer, it)| (issuer.as_str(), it.keys))
        .collect();
    assert_eq!(told, [("https://a.example", 1), ("https://b.example", 1)]);
    assert!(Providers::new().health().is_empty());
}

#[test]
fn an_unreadable_configuration_never_shows_the_secret() {
    // BCL-170
    let secret = ClientSecret::parse("marker".repeat(8)).unwrap();
    let builder = Client::builder("c")
        .with_algorithm(Algorithm::Hs256)
        .with_client_secret(secret);
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(!shown.contains("marker"), "{shown}");
    let policy = format!("{:?}", TokenPolicy::default());
    let client =
        format!(r#"Client {{ client_id: ClientId("c"), algorithm: Hs256, policy: {policy}, .. }}"#);
    let of_client = r#"ClientBuilder { client_id: "c", algorithm: Hs256, profile: Standard, policy: None, .. }"#;
    assert_eq!(shown, format!("{of_client} {client}"));
    let builder = Provider::builder("https://op.example").with_client(builder.build().unwrap());
    let of_provider =
        format!(r#"ProviderBuilder {{ issuer: "https://op.example", clients: [{client}], "#);
    let shown = format!("{builder:?}");
    assert!(shown.starts_with(&of_provider), "{shown}");
    let provider = format!(
        r#"Provider {{ issuer: Issuer("https://op.example"), clients: [{client}], keys: 0 keys, .. }}"#
    );
    assert_eq!(format!("{:?}", builder.build().unwrap()), provider);
}

#[test]
fn a_provider_needs_a_client_and_no_client_twice() {
    // BCL-38
    let none = Provider::builder("https://op.example").build();
    assert_eq!(none.unwrap_err().field(), "client");
    let twice = builder("https://op.example").with_client(client()).build();
    assert_eq!(twice.unwrap_err().field(), "client");
}

#[test]
fn issuer_and_jwks_uri_are_https() {
    // BCL-30, BCL-33
    for bad in ["http://op.example", "op.example", "https://op.example?a"] {
        assert_eq!(builder(bad).build().unwrap_err().field(), "issuer");
    }
    #[cfg(feature = "client")]
    for bad in ["http://op.example/jwks", "/jwks", "file:///jwks"] {
        let refused = builder("https://op.example").with_jwks_uri(bad).build();
        assert_eq!(refused.unwrap_err().field(), "jwks_uri");
    }
}

#[test]
fn a_static_set_needs_a_usable_key() {
    let empty = JwkSet::parse(br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    let refused = builder("https://op.example")
        .with_static_keys(empty)
        .build();
    assert_eq!(refused.unwrap_err().field(), "static_keys");
}

#[test]
fn a_provider_is_found_by_its_exact_issuer_alone() {
    // BCL-42
    let providers = Providers::from_iter([
        provider("https://op.example"),
        provider("https://op.example/"),
    ]);
    for known in ["https://op.example", "https://op.example/"] {
        assert_eq!(providers.find(known).unwrap().issuer().as_str(), known);
    }
    for unknown in [
        "",
        "https://OP.example",
        "https://op.example//",
        "https://op.example/.",
        "HTTPS://op.example",
    ] {
        assert!(providers.find(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn providers_come_and_go_while_others_look() {
    // BCL-42
    let providers = Providers::from(provider("https://stays.example"));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let providers = providers.clone();
            scope.spawn(move || {
                let issuer = format!("https://op{worker}.example");
                for _ in 0..100 {
                    assert!(providers.insert(provider(&issuer)).is_none());
                    assert!(providers.insert(provider(&issuer)).is_some());
                    assert!(providers.find("https://stays.example").is_some());
                    assert!(providers.remove(&issuer).is_some());
                    assert!(providers.find(&issuer).is_none());
                    assert!(providers.remove(&issuer).is_none());
                }
            });
        }
    });
    assert_eq!(providers.all().len(), 1);
}

#[test]
fn a_removed_provider_goes_on_serving_those_who_found_it() {
    // BCL-42
    let providers = Providers::from(provider("https://op.example"));
    let found = providers.find("https://op.example").unwrap();
    providers.remove("https://op.example");
    assert!(found.health().usable);
}

#[test]
fn only_the_profile_that_needs_it_takes_a_token_from_the_query() {
    // BCL-10
    let accepts = |profile| {
        let client = Client::builder("c").with_profile(profile).build().unwrap();
        client.accepts_token_in_query()
    };
    assert!(accepts(Profile::ApereoCas));
    for profile in [Profile::Standard, Profile::Keycloak, Profile::Strict] {
        assert!(!accepts(profile), "{profile:?}");
    }
    let by_name = Client::builder("c")
        .with_token_in_query(false)
        .with_profile(Profile::ApereoCas);
    assert!(!by_name.build().unwrap().accepts_token_in_query());
}

#[test]
fn the_strict_profile_is_the_strict_policy() {
    // BCL-174
    let strict = Client::builder("c")
        .with_profile(Profile::Strict)
        .build()
        .unwrap();
    assert_eq!(*strict.policy(), TokenPolicy::strict());
    assert_ne!(*client().policy(), *strict.policy());
}

#[test]
fn the_logout_uri_is_absolute_without_fragment_and_keeps_its_query() {
    // BCL-36
    for bad in [
        "",
        "/logout",
        "rp.example/logout",
        "https://",
        "https://rp.example/#x",
        "https://rp.example/#",
        "ftp://rp.example/",
        "mailto:a@rp.example",
    ] {
        let error = LogoutRegistration::parse(bad).unwrap_err();
        assert_eq!(error.field(), "backchannel_logout_uri", "{bad}");
    }
    let kept = LogoutRegistration::parse("https://rp.example/logout?tenant=a%20b").unwrap();
    assert_eq!(kept.url(), "https://rp.example/logout?tenant=a%20b");
    assert!(!kept.is_plain_http());
}

#[test]
fn a_logout_uri_of_plain_http_is_taken_with_a_warning() {
    // BCL-36
    let (log, _guard) = recording(LevelFilter::WARN);
    let secure = LogoutRegistration::parse("HTTPS://rp.example/logout").unwrap();
    assert!(!secure.is_plain_http());
    assert_eq!(log.text(), "");
    for plain in ["http://rp.internal/logout", "HTTP://rp.internal/logout"] {
        let plain = LogoutRegistration::parse(plain).unwrap();
        assert!(plain.is_plain_http());
    }
    let text = log.text();
    assert_eq!(text.matches("plain http").count(), 2, "{text}");
}

#[test]
fn the_registration_serialises_to_its_two_members() {
    // BCL-37
    let registration = LogoutRegistration::parse("https://rp.example/l?a=b").unwrap();
    assert_eq!(
        serde_json::to_value(&registration).unwrap(),
        serde_json::json!({
            "backchannel_logout_uri": "https://rp.example/l?a=b",
            "backchannel_logout_session_required": false,
        })
    );
    let required = serde_json::to_value(registration.with_session_required(true)).unwrap();
    assert_eq!(required["backchannel_logout_session_required"], true);
}

#[cfg(feature = "client")]
mod check {
    use super::*;
    use crate::rig::NOW;
    use crate::wire::{Reply, Wire};
    use serde_json::{Value, json};
    use tower_backchannel_logout::logout::{LogoutErrorKind, LogoutTokenVerifier};
    use tower_backchannel_logout::provider::{Report, Severity};
    use tower_backchannel_logout::refusal::Refusal;
    use tower_backchannel_logout::testing::{TestClock, TokenMint};

    /// An OP that has a key for every algorithm.
    fn mint() -> &'static TokenMint {
        static MINT: std::sync::OnceLock<TokenMint> = std::sync::OnceLock::new();
        MINT.get_or_init(|| {
            TokenMint::new("unused", "orders-web")
                .with_clock(TestClock::new(NOW))
                .with_client_secret(
                    "a client secret of more than sixty-four bytes, which HS512 needs too",
                )
        })
    }

    /// What the report says when the metadata has these members besides `issuer` and `jwks_uri`.
    async fn report(members: Value) -> Report {
        report_for(client(), members).await
    }

    async fn report_for(client: Client, members: Value) -> Report {
        let op = serve(members).await;
        let provider = Provider::builder(op.url("")).with_client(client);
        provider.build().unwrap().check().await
    }

    async fn serve(members: Value) -> Wire {
        let wire = Wire::start(Reply::Hang).await;
        let mut metadata = json!({ "issuer": wire.url(""), "jwks_uri": wire.url("/jwks") });
        for (name, value) in members.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        wire.answer_by_path(move |path| match path {
            "/jwks" => Reply::Ok(mint().jwks_json()),
            _ => Reply::Ok(metadata.to_string()),
        });
        wire
    }

    fn with_static_keys(issuer: &str, keys: &str) -> Provider {
        builder(issuer)
            .with_static_keys(JwkSet::parse(keys.as_bytes()).unwrap())
            .build()
            .unwrap()
    }

    fn good() -> Value {
        json!({
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }

    fn but(member: &str, value: Value) -> Value {
        let mut members = good();
        members[member] = value;
        members
    }

    #[tokio::test]
    async fn there_is_nothing_to_mend_when_all_fits() {
        // BCL-34, BCL-35, BCL-39
        let report = report(good()).await;
        assert_eq!(report.findings, []);
        assert_eq!(
            report.to_string(),
            "back-channel logout is ready: nothing to mend"
        );
    }

    #[tokio::test]
    async fn missing_support_is_a_warning() {
        // BCL-34
        for value in [Value::Null, json!(false), json!("true"), json!(1)] {
            let report = report(but("backchannel_logout_supported", value)).await;
            assert!(report.has("logout_not_advertised"));
            assert!(report.is_ok());
        }
        let mut absent = good();
        absent
            .as_object_mut()
            .unwrap()
            .remove("backchannel_logout_supported");
        assert!(report(absent).await.has("logout_not_advertised"));
    }

    #[tokio::test]
    async fn missing_session_support_says_that_sid_may_be_absent() {
        // BCL-35
        for value in [Value::Null, json!(false)] {
            let report = report(but("backchannel_logout_session_supported", value)).await;
            assert!(report.has("sid_not_advertised"));
            assert!(report.to_string().contains("sid may be absent"));
        }
        let mut absent = good();
        absent
            .as_object_mut()
            .unwrap()
            .remove("backchannel_logout_session_supported");
        assert!(report(absent).await.has("sid_not_advertised"));
    }

    #[tokio::test]
    async fn the_algorithms_of_the_metadata_only_warn() {
        // BCL-39
        const LIST: &str = "id_token_signing_alg_values_supported";
        let many = json!(["none", "RS256", "ES256", 7, null, "HS256"]);
        assert!(!report(but(LIST, many)).await.has("algorithm_not_offered"));
        let other = report(but(LIST, json!(["none", "ES256"]))).await;
        assert!(other.has("algorithm_not_offered") && !other.is_ok());
        assert!(
            report(but(LIST, Value::Null))
                .await
                .has("algorithms_unknown")
        );
        let ed = Client::builder("c")
            .with_algorithm(Algorithm::EdDsa)
            .build()
            .unwrap();
        let report = report_for(ed, but(LIST, json!(["Ed25519"]))).await;
        assert!(!report.has("algorithm_not_offered"));
    }

    #[tokio::test]
    async fn a_foreign_issuer_is_a_problem_and_says_what_to_do() {
        // BCL-32
        let report = report(but("issuer", json!("https://other.example"))).await;
        let finding = &report.findings[0];
        assert_eq!(
            (finding.code, finding.severity),
            ("wrong_issuer", Severity::Problem)
        );
        assert!(finding.mend.contains("exactly"));
    }

    #[tokio::test]
    async fn a_jwks_uri_that_is_not_https_is_a_problem() {
        // BCL-33
        for bad in [json!("http://op.example/jwks"), Value::Null, json!("/jwks")] {
            let report = report(but("jwks_uri", bad)).await;
            assert!(report.has("jwks_uri") && report.has("keys_unavailable"));
            assert!(!report.is_ok());
        }
    }

    #[tokio::test]
    async fn where_the_keys_do_not_come_by_discovery_the_jwks_uri_does_not_matter() {
        // BCL-33
        let op = serve(but("jwks_uri", Value::Null)).await;
        let given = with_static_keys(&op.url(""), &mint().jwks_json());
        let at_a_url = builder(&op.url("")).with_jwks_uri(op.url("/jwks"));
        for provider in [given, at_a_url.build().unwrap()] {
            assert_eq!(provider.check().await.findings, []);
        }
    }

    #[tokio::test]
    async fn an_op_without_metadata_is_only_a_note_when_the_keys_are_given() {
        let wire = Wire::start(Reply::Ok("{}".to_owned())).await;
        let given = with_static_keys(&wire.url(""), &mint().jwks_json());
        let report = given.check().await;
        let codes: Vec<_> = report
            .findings
            .iter()
            .map(|it| (it.code, it.severity))
            .collect();
        assert_eq!(codes, [("no_metadata", Severity::Note)]);
        assert!(report.is_ok());
    }

    #[tokio::test]
    async fn an_op_whose_metadata_cannot_be_read_is_a_warning_when_its_keys_are_fetched() {
        let op = serve(json!({ "issuer": 7 })).await;
        let at_a_url = builder(&op.url("")).with_jwks_uri(op.url("/jwks"));
        let report = at_a_url.build().unwrap().check().await;
        let codes: Vec<_> = report
            .findings
            .iter()
            .map(|it| (it.code, it.severity))
            .collect();
        assert_eq!(codes, [("no_metadata", Severity::Warning)]);
    }

    #[tokio::test]
    async fn keys_that_cannot_verify_what_a_client_expects_are_a_problem() {
        // BCL-38, BCL-72
        let op = serve(good()).await;
        let report = with_static_keys(&op.url(""), KEYS).check().await;
        let codes: Vec<_> = report
            .findings
            .iter()
            .map(|it| (it.code, it.severity))
            .collect();
        assert_eq!(codes, [("no_key_for_algorithm", Severity::Problem)]);
        assert!(
            report.to_string().contains("orders-web expects RS256"),
            "{report}"
        );
        // A client with a secret needs no key.
        let list = json!(["HS256"]);
        let list = but("id_token_signing_alg_values_supported", list);
        let report = report_for(by_secret("c"), list).await;
        assert_eq!(report.findings, []);
    }

    #[tokio::test]
    async fn the_report_has_a_line_for_each_finding() {
        // BCL-34, BCL-39
        let op = serve(json!({ "id_token_signing_alg_values_supported": ["ES256"] })).await;
        let report = with_static_keys(&op.url(""), KEYS).check().await;
        let lines = report.to_string();
        let levels: Vec<_> = lines
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(levels, ["warning", "warning", "problem", "problem"]);
        for (line, finding) in lines.lines().zip(&report.findings) {
            let text = format!(": {} ({})", finding.text, finding.mend);
            assert!(line.ends_with(&text), "{line}");
            assert!(report.has(finding.code));
        }
        assert!(!report.is_ok() && !report.has("keys_unavailable"));
        let note = Wire::start(Reply::Ok("{}".to_owned())).await;
        let report = with_static_keys(&note.url(""), &mint().jwks_json());
        assert!(report.check().await.to_string().starts_with("note: "));
    }

    #[tokio::test]
    async fn a_list_of_every_algorithm_there_is_widens_nothing() {
        // BCL-38, BCL-39
        let names = Algorithm::ALL.iter().map(|it| it.as_str());
        let list: Vec<_> = ["none"].into_iter().chain(names).collect();
        let op = serve(but("id_token_signing_alg_values_supported", json!(list))).await;
        for expected in [Algorithm::Rs256, Algorithm::Es256] {
            let client = Client::builder("orders-web").with_algorithm(expected);
            let provider = Provider::builder(op.url(""))
                .with_client(client.build().unwrap())
                .build()
                .unwrap();
            assert_eq!(provider.check().await.findings, []);
            let verifier = LogoutTokenVerifier::new(provider).with_clock(TestClock::new(NOW));
            let verdict =
                async |token: &str| verifier.verify(token).await.err().map(|it| it.kind());
            let token = || mint().logout_token().issuer(op.url("")).sid("s");
            for used in Algorithm::ALL.iter().filter(|used| **used != expected) {
                let refused = Some(LogoutErrorKind::Refused(Refusal::AlgNotAllowed));
                let token = token().alg(used.as_str()).sign();
                assert_eq!(verdict(&token).await, refused, "{used}");
            }
            let unsigned = Some(LogoutErrorKind::Refused(Refusal::AlgNone));
            assert_eq!(verdict(&token().alg_none().sign()).await, unsigned);
            assert_eq!(verdict(&token().alg(expected.as_str()).sign()).await, None);
        }
    }

    #[tokio::test]
    async fn an_empty_list_of_algorithms_offers_none_and_one_of_another_type_is_unknown() {
        // BCL-39
        const LIST: &str = "id_token_signing_alg_values_supported";
        assert!(
            report(but(LIST, json!([])))
                .await
                .has("algorithm_not_offered")
        );
        for unknown in [json!("RS256"), json!({}), json!(7)] {
            let report = report(but(LIST, unknown)).await;
            assert!(report.has("algorithms_unknown") && report.is_ok());
        }
        assert!(
            report(but(LIST, json!(["rs256", "RS256 "])))
                .await
                .has("algorithm_not_offered")
        );
    }

    #[tokio::test]
    async fn metadata_of_another_issuer_is_logged_with_its_reason() {
        // BCL-32
        let op = serve(but("issuer", json!("https://other.example"))).await;
        let provider = Provider::builder(op.url("")).with_client(client());
        let (log, _guard) = recording(LevelFilter::WARN);
        assert!(provider.build().unwrap().ready().await.is_err());
        let text = log.text();
        assert!(
            text.contains("wrong_issuer") && text.contains(&op.url("")),
            "{text}"
        );
    }
}
