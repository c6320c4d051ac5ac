//! The shipped client: hyper and rustls (feature `client`).

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::proxy::ProxyConnector;
use super::{BoxError, Fetch, FetchBody};
use crate::config::ConfigError;

/// An HTTPS client for keys and metadata: HTTP/1.1 over rustls with aws-lc-rs.
///
/// It trusts the root certificates of the system unless others are given, checks certificates in the normal way (there
/// is no switch to turn that off), honours `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (upper or lower case; loopback hosts
/// never go through a proxy), follows no redirects and sends neither cookies nor credentials to the OP. A connection
/// serves one request: keys are fetched minutes apart.
///
/// Cloning is cheap.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<ProxyConnector>, Empty<Bytes>>,
}

impl HttpClient {
    /// A client with the root certificates of the system.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when TLS cannot be set up.
    pub fn new() -> Result<Self, ConfigError> {
        Self::builder().build()
    }

    /// Sets up a client of its own kind.
    #[must_use]
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder {
            roots: None,
            connect_timeout: Duration::from_secs(2),
            problem: None,
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient(…)")
    }
}

impl Fetch for HttpClient {
    async fn fetch(&self, request: Request<()>) -> Result<Response<FetchBody>, BoxError> {
        let request = request.map(|()| Empty::new());
        let response = self.client.request(request).await?;
        Ok(response.map(FetchBody::new))
    }
}

/// Sets up a [`HttpClient`].
#[derive(Clone, Debug)]
pub struct HttpClientBuilder {
    roots: Option<RootCertStore>,
    connect_timeout: Duration,
    problem: Option<ConfigError>,
}

impl HttpClientBuilder {
    /// Trusts these root certificates (PEM, one or more) **instead of** those of the system. May be called repeatedly.
    #[must_use]
    pub fn with_root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem.as_ref()) {
            found = true;
            match certificate {
                Ok(certificate) => self = self.add(certificate),
                Err(_) => found = false,
            }
        }
        if !found {
            self.problem = Some(ConfigError::new(
                "root_pem",
                "holds no readable certificate; give it blocks that begin with BEGIN CERTIFICATE",
            ));
        }
        self
    }

    /// Trusts this root certificate (DER) **instead of** those of the system. May be called repeatedly.
    #[must_use]
    pub fn with_root_der(self, der: impl Into<Vec<u8>>) -> Self {
        self.add(CertificateDer::from(der.into()))
    }

    /// How long connecting to one address may take. Default: 2 seconds. The whole exchange has its own limit,
    /// [`FetchLimits::with_total`](super::FetchLimits::with_total).
    #[must_use]
    pub const fn with_connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    fn add(mut self, certificate: CertificateDer<'static>) -> Self {
        let roots = self.roots.get_or_insert_with(RootCertStore::empty);
        if roots.add(certificate).is_err() {
            self.problem = Some(ConfigError::new(
                "root_der",
                "is not a certificate that can be a root",
            ));
        }
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a root certificate cannot be read, or TLS cannot be set up.
    pub fn build(self) -> Result<HttpClient, ConfigError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let roots = self.roots.map_or_else(system_roots, Arc::new);
        // The provider is given explicitly: with two of them in the build, the process-wide default panics.
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| ConfigError::new("client", "cannot set up TLS"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.connect_timeout));
        let to_proxy = HttpsConnector::from((tcp.clone(), Arc::clone(&tls)));
        let below = ProxyConnector::new(tcp, to_proxy, Matcher::from_env());
        let client = Client::builder(TokioExecutor::new())
            // A kept connection belongs to the runtime that opened it, and the next fetch is minutes away.
            .pool_max_idle_per_host(0)
            .build(HttpsConnector::from((below, tls)));
        Ok(HttpClient { client })
    }
}

/// The roots of the system, read once a process. None is not an error here: an OP on a loopback host needs none, and every
/// other one is then refused with "unknown issuer" in the log.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            tracing::warn!(
                "the system has no root certificates: no https OP can be reached; install them or give roots to the client"
            );
        }
        Arc::new(roots)
    });
    Arc::clone(roots)
}
