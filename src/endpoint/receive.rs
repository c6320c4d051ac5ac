//! The request before there is a token: method, media type, size, time.

use std::error::Error;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, request};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::EndpointConfig;
use super::response::RequestRefusal;
use crate::clock::later;
use crate::within::until;

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// What can be refused without reading a byte of the body (spec BCL-02..06).
pub(super) fn check_head(
    head: &request::Parts,
    config: &EndpointConfig,
) -> Result<(), RequestRefusal> {
    if head.method != Method::POST {
        return Err(RequestRefusal::MethodNotAllowed);
    }
    if !is_form(&head.headers) || is_encoded(&head.headers) {
        return Err(RequestRefusal::UnsupportedMediaType);
    }
    match declared_length(&head.headers) {
        Some(length) if length > config.max_body_bytes as u64 => Err(RequestRefusal::BodyTooLarge),
        _ => Ok(()),
    }
}

/// Exactly one `Content-Type`, a form; parameters such as `charset` are not looked at (spec BCL-03, 04).
fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let essence = value
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(FORM)
}

/// Any content coding but `identity` (spec BCL-05).
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        !value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"identity")
    })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Reads the body, bounded in bytes and in time (spec BCL-06, 07). One chunk is taken as it is, without a copy.
pub(super) async fn read_body<B>(
    body: B,
    config: &EndpointConfig,
    started: Instant,
) -> Result<Bytes, RequestRefusal>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.size_hint().lower() > config.max_body_bytes as u64 {
        return Err(RequestRefusal::BodyTooLarge);
    }
    let end = later(started, config.body_timeout.min(config.deadline));
    until(end, pin!(collect(body, config.max_body_bytes)))
        .await
        .unwrap_or(Err(RequestRefusal::BodyTimeout))
}

async fn collect<B: Body>(body: B, limit: usize) -> Result<Bytes, RequestRefusal> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let data = match body.frame().await {
            None => break,
            Some(Ok(frame)) => frame.into_data().ok(),
            // An aborted body is one that does not arrive: nobody is left to read a finer answer.
            Some(Err(_)) => return Err(RequestRefusal::BodyTimeout),
        };
        let Some(mut data) = data.filter(Buf::has_remaining) else {
            // Frames without bytes count for nothing. A body that always has one more must not keep the deadline from its turn.
            yield_now().await;
            continue;
        };
        let read = first.len() + rest.len();
        if data.remaining() > limit.saturating_sub(read) {
            return Err(RequestRefusal::BodyTooLarge);
        }
        if read == 0 {
            first = data.copy_to_bytes(data.remaining());
        } else {
            rest.reserve(first.len() + data.remaining());
            if !first.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let length = chunk.len();
                rest.extend_from_slice(chunk);
                data.advance(length);
            }
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
