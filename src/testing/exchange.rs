//! One HTTP/1.1 request on a connection of its own.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why a request of the test kit got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The URL is not an absolute `http` URL; the test kit speaks no TLS.
    #[error("the URL is not an absolute http URL")]
    Url,
    /// There is no connection.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The connection broke, or the answer is not HTTP.
    #[error("the connection broke before the answer was complete")]
    Broken(#[source] hyper::Error),
}

/// Sends a request with an absolute URI, and reads the whole answer. There is no time limit: one would fire at once in
/// a paused runtime, which skips ahead whenever it waits for the network.
pub(super) async fn exchange<B>(mut request: Request<B>) -> Result<Response<Bytes>, ExchangeError>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or(ExchangeError::Url)?;
    if uri.scheme_str() != Some("http") {
        return Err(ExchangeError::Url);
    }
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(ExchangeError::Connect)?;
    let field = HeaderValue::from_str(authority.as_str()).map_err(|_| ExchangeError::Url)?;
    request.headers_mut().insert(HOST, field);
    // The request line holds the path alone (RFC 9112 3.2.1).
    let path = uri.path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ExchangeError::Broken)?;
    // It ends with the exchange: the only sender is dropped below.
    tokio::spawn(connection);
    let answer = sender
        .send_request(request)
        .await
        .map_err(ExchangeError::Broken)?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(ExchangeError::Broken)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
