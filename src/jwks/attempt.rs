//! One attempt to obtain the keys: at most a few GETs, one after the other.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::remote::Source;
use super::{KeysErrorKind, Metadata};
use crate::fetch::{Document, Fetched, Fetcher};
use crate::jose::JwkSet;
use crate::types::Issuer;

/// How long a `jwks_uri` is taken as still right.
const METADATA_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Where the keys were found last, and what makes the next request for them conditional.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) url: String,
    discovered: Instant,
    pub(super) etag: Option<HeaderValue>,
    /// The fields that said how long the set is fresh; a 304 need not repeat them.
    pub(super) headers: HeaderMap,
}

/// What an attempt brought.
pub(super) struct Loaded {
    pub(super) located: Located,
    pub(super) sent: Instant,
    /// `None`: what we have was confirmed.
    pub(super) keys: Option<(JwkSet, bytes::Bytes)>,
}

/// Fetches the keys, looking up where they are when that is not known, is a day old, or turned out wrong.
pub(super) async fn attempt(
    fetcher: &Fetcher,
    source: &Source,
    known: Option<Located>,
) -> Result<Loaded, KeysErrorKind> {
    let issuer = match source {
        Source::Url(_, url) => {
            let known = known.unwrap_or_else(|| Located::at(url.clone()));
            return keys(fetcher, known).await;
        }
        Source::Discovery(issuer) => issuer,
    };
    let (located, just_discovered) = match known {
        Some(known) if known.discovered.elapsed() < METADATA_KEPT => (known, false),
        Some(known) => match discover(fetcher, source, issuer).await {
            Ok(url) => (known.moved_to(url), true),
            // The metadata is unavailable or wrong; the place it named before may still be right.
            Err(_) => (known, true),
        },
        None => (Located::at(discover(fetcher, source, issuer).await?), true),
    };
    let before = located.url.clone();
    let failed = match keys(fetcher, located.clone()).await {
        Ok(loaded) => return Ok(loaded),
        Err(kind) => kind,
    };
    if just_discovered {
        return Err(failed);
    }
    // The keys may have moved.
    match discover(fetcher, source, issuer).await {
        Ok(url) if url != before => keys(fetcher, located.moved_to(url)).await,
        _ => Err(failed),
    }
}

async fn discover(
    fetcher: &Fetcher,
    source: &Source,
    issuer: &Issuer,
) -> Result<String, KeysErrorKind> {
    let metadata = metadata(fetcher, issuer).await.and_then(|metadata| {
        let url = metadata.keys_url()?;
        Ok(url.to_owned())
    });
    let iss = source.issuer().as_str();
    match &metadata {
        Ok(_) => {}
        // No later attempt mends this one: the configuration or the OP has to change (spec BCL-32).
        Err(kind @ KeysErrorKind::WrongIssuer) => tracing::error!(
            iss,
            reason = kind.code(),
            "the provider metadata is that of another issuer"
        ),
        Err(kind) => tracing::warn!(
            iss,
            reason = kind.code(),
            "provider metadata cannot be used"
        ),
    }
    metadata
}

/// Fetches the metadata of an issuer.
pub(crate) async fn metadata(
    fetcher: &Fetcher,
    issuer: &Issuer,
) -> Result<Metadata, KeysErrorKind> {
    let url = super::metadata_url(issuer);
    match get(fetcher, &url, None).await? {
        Fetched::Document(document) => Metadata::parse(&document.body, issuer),
        Fetched::NotModified(_) => Err(KeysErrorKind::NotMetadata),
    }
}

async fn keys(fetcher: &Fetcher, located: Located) -> Result<Loaded, KeysErrorKind> {
    let sent = Instant::now();
    let document = match get(fetcher, &located.url, located.etag.as_ref()).await? {
        Fetched::Document(document) => document,
        Fetched::NotModified(headers) => {
            return Ok(Loaded {
                located: located.confirmed(headers),
                sent,
                keys: None,
            });
        }
    };
    let Document {
        body,
        headers,
        etag,
    } = document;
    let keys = JwkSet::parse(&body).map_err(|_| KeysErrorKind::NotAKeySet)?;
    // An answer without a usable key never replaces a good set (BCL-79).
    if keys.is_empty() {
        return Err(KeysErrorKind::NoUsableKey);
    }
    Ok(Loaded {
        located: Located {
            etag,
            headers,
            ..located
        },
        sent,
        keys: Some((keys, body)),
    })
}

async fn get(
    fetcher: &Fetcher,
    url: &str,
    etag: Option<&HeaderValue>,
) -> Result<Fetched, KeysErrorKind> {
    fetcher.get(url, etag).await.map_err(|error| {
        tracing::debug!(url, %error, "a document of the provider cannot be fetched");
        KeysErrorKind::Fetch(error.kind)
    })
}

impl Located {
    fn at(url: String) -> Self {
        Self {
            url,
            discovered: Instant::now(),
            etag: None,
            headers: HeaderMap::new(),
        }
    }

    /// The metadata was read again: the validator belongs to the old URL alone.
    fn moved_to(self, url: String) -> Self {
        if url == self.url {
            return Self {
                discovered: Instant::now(),
                ..self
            };
        }
        Self::at(url)
    }

    fn confirmed(self, headers: HeaderMap) -> Self {
        if headers.is_empty() {
            return self;
        }
        Self { headers, ..self }
    }
}
