//! The HTTP face of the provider, on a loopback port.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::Shared;
use super::fault::{Endpoint, Fault};

/// The accept loop; dropping it closes the port and all connections.
pub(super) struct Server(AbortHandle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A free port of 127.0.0.1, and the issuer that goes with it.
pub(super) async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, format!("http://{address}"))
}

impl Server {
    pub(super) fn spawn(listener: TcpListener, shared: Arc<Shared>) -> Self {
        Self(tokio::spawn(accept(listener, shared)).abort_handle())
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok(_) if shared.state().offline => {}
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    // A peer that goes away is no failure of the provider.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Reply>> {
    let Some(endpoint) = Endpoint::at(request.uri().path()) else {
        return Ok(text(StatusCode::NOT_FOUND, "there is nothing here"));
    };
    {
        let mut state = shared.state();
        if state.offline {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *state.requests.entry(endpoint).or_default() += 1;
    }
    shared.changed.notify_waiters();
    shared
        .until(|state| state.faults.get(&endpoint) != Some(&Fault::Hang))
        .await;
    let fault = shared.state().faults.get(&endpoint).cloned();
    match fault {
        Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(fault) => return fail(fault),
        None => {}
    }
    let method = request.method().clone();
    if method == Method::POST && matches!(endpoint, Endpoint::Discovery | Endpoint::Jwks) {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "use GET"));
    }
    Ok(match endpoint {
        Endpoint::Discovery => json(StatusCode::OK, &shared.metadata()),
        Endpoint::Jwks => jwks(&shared),
        Endpoint::Authorization => shared.authorize(&request),
        Endpoint::UserInfo => shared.user_info(request.headers()),
        Endpoint::Token | Endpoint::EndSession => {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            if endpoint == Endpoint::Token {
                shared.token(&head.headers, &body)
            } else {
                let query = head.uri.query().unwrap_or_default().as_bytes();
                let form = if body.is_empty() { query } else { &body };
                shared.end_session(&head.headers, form).await
            }
        }
    })
}

fn jwks(shared: &Shared) -> Response<Reply> {
    let mut response = json(StatusCode::OK, &shared.jwks());
    if let Some(value) = &shared.state().jwks_cache_control {
        let value = HeaderValue::from_str(value).expect("it is a header value");
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response
}

fn fail(fault: Fault) -> io::Result<Response<Reply>> {
    Ok(match fault {
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).expect("it is a status code");
            text(status, "the provider was told to fail")
        }
        Fault::Html => {
            let mut page = text(StatusCode::OK, "<!doctype html><title>Welcome</title>");
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            page.headers_mut().insert(CONTENT_TYPE, html);
            page
        }
        Fault::Redirect(target) => redirect(&target),
        Fault::Huge(bytes) => {
            let padding = "x".repeat(bytes.saturating_sub(r#"{"keys":[],"x":""}"#.len()));
            raw_json(format!(r#"{{"keys":[],"x":"{padding}"}}"#))
        }
        Fault::Truncated => {
            let mut response = raw_json(r#"{"keys":["#.to_owned());
            response.body_mut().breaks = true;
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
            response
        }
        Fault::Body(body) => raw_json(body),
        Fault::Disconnect | Fault::Hang | Fault::Slow(_) => {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    })
}

pub(super) fn json(status: StatusCode, value: &Value) -> Response<Reply> {
    let mut response = raw_json(value.to_string());
    *response.status_mut() = status;
    response
}

fn raw_json(body: String) -> Response<Reply> {
    let mut response = text(StatusCode::OK, body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply {
        bytes: Some(body.into()),
        breaks: false,
    });
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

pub(super) fn redirect(target: &str) -> Response<Reply> {
    let Ok(target) = HeaderValue::from_str(target) else {
        return text(
            StatusCode::BAD_REQUEST,
            "the redirect target is not a header value",
        );
    };
    let mut response = text(StatusCode::FOUND, "");
    response.headers_mut().insert(LOCATION, target);
    response
}

/// A body in one piece, which may break off after it.
pub(super) struct Reply {
    bytes: Option<Bytes>,
    breaks: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match self.bytes.take() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if self.breaks => Some(Err(io::ErrorKind::ConnectionAborted.into())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(bytes) if !self.breaks => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
