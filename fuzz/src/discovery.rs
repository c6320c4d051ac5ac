//! Any bytes as the metadata of a provider.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use tokio::runtime::Builder;
use tower_backchannel_logout::fetch::{BoxError, Fetch, FetchBody};
use tower_backchannel_logout::provider::{Client, Provider};

use super::oracle::Json;
use super::subject;

const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Keys are fetched only from where metadata of exactly this issuer points, over TLS; the report never fails.
pub fn check(data: &[u8]) {
    // One for each input: refreshes that are planned for later end with it. Its time stands still while there is work, so
    // that no answer depends on how busy this machine is.
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let scripted = Scripted::default();
    scripted.metadata(data);
    let provider = Provider::builder(subject::ISSUER)
        .with_client(Client::builder(subject::CLIENT).build().expect("a client"))
        .with_fetch(scripted.clone())
        .build()
        .expect("a provider");
    let (ready, report) =
        runtime.block_on(async { (provider.ready().await, provider.check().await) });
    assert!(!report.to_string().is_empty());
    assert_eq!(provider.health().usable, ready.is_ok());
    let document = Json::parse(data);
    if ready.is_ok()
        && let Some(document) = &document
    {
        let issuer = document.member("issuer");
        assert!(issuer.is_some_and(|it| it.is(subject::ISSUER)), "{data:?}");
        assert!(
            document
                .member("jwks_uri")
                .is_some_and(|it| it.text().is_some())
        );
    }
    for url in scripted.asked() {
        assert!(ready.is_ok(), "a key set was served from {url}");
        assert!(url.starts_with("https://"), "{url}");
        // This reader gives up on what nests deep.
        let named = document
            .as_ref()
            .and_then(|document| document.member("jwks_uri")?.text());
        // A URL may be written down again with another slash.
        let bare = |text: &str| text.replace('/', "").to_ascii_lowercase();
        assert!(
            named.is_none_or(|named| bare(named) == bare(&url)),
            "{named:?} is not {url}"
        );
    }
}

/// Answers in this process: the input for the metadata, a key set for anything else.
#[derive(Clone, Default)]
struct Scripted {
    state: Arc<Mutex<(Vec<u8>, Vec<String>)>>,
}

impl Scripted {
    fn metadata(&self, bytes: &[u8]) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = bytes.to_vec();
    }

    /// Where keys were asked for.
    fn asked(&self) -> Vec<String> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone()
    }
}

impl Fetch for Scripted {
    async fn fetch(&self, request: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        let url = request.uri().to_string();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if url == "https://op.example/.well-known/openid-configuration" {
            return Ok(Response::new(FetchBody::from(state.0.clone())));
        }
        state.1.push(url);
        Ok(Response::new(FetchBody::from(KEYS)))
    }
}
