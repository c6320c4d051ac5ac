//! TLS at the front of the application, as a browser or an OP meets it: TLS 1.3, a certificate on P-256.

use std::convert::Infallible;
use std::sync::Arc;

use axum::serve::Listener;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tower::Service;

use crate::serve::http;

/// The server's side.
pub struct Front {
    acceptor: TlsAcceptor,
    /// For whoever connects.
    pub certificate: String,
}

impl Front {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("PKCS #8");
        let text = STANDARD.encode(&certificate);
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they belong together");
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: text,
        }
    }

    /// Serves whatever connects; each shakes hands in a task of its own.
    pub async fn serve<S, B>(self, mut listener: impl Listener, app: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + 'static,
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let (server, service) = (http(), TowerToHyperService::new(app));
        loop {
            let (stream, _) = listener.accept().await;
            let (acceptor, server) = (self.acceptor.clone(), server.clone());
            let service = service.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let connection = server.serve_connection(TokioIo::new(stream), service);
                let _ = connection.await;
            });
        }
    }
}

/// Connects, each time with a full handshake.
#[derive(Clone)]
pub struct Back(TlsConnector);

impl Back {
    pub fn new(certificate: &str) -> Self {
        let certificate = STANDARD.decode(certificate).expect("base64");
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(certificate))
            .expect("a certificate");
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub async fn connect(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").expect("a name");
        self.0.connect(name, stream).await.expect("a handshake")
    }
}
