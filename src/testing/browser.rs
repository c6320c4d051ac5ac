//! A customer at a browser: follows redirects and keeps cookies.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::Full;

use super::exchange::exchange;

const MAX_REDIRECTS: usize = 10;

/// Walks an application through a login at a [`FakeProvider`](super::FakeProvider), over plain HTTP on loopback.
///
/// It follows up to ten redirects and keeps the cookies of each host and port apart (a real browser does not look at
/// the port, so two applications on one machine would overwrite each other's). Of the attributes of a cookie only
/// `Max-Age=0` matters: it deletes. Two browsers are two customers, or one customer with two devices.
#[derive(Default)]
pub struct Browser {
    cookies: Mutex<HashMap<String, BTreeMap<String, String>>>,
}

impl Browser {
    /// A browser without any cookie.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a URL and returns the page at the end of the redirects.
    ///
    /// # Panics
    ///
    /// When the URL or a redirect is not an `http` URL, when there is no answer, and after the tenth redirect.
    pub async fn get(&self, url: &str) -> Response<Bytes> {
        self.walk(Method::GET, url, &[]).await
    }

    /// Sends a form and returns the page at the end of the redirects.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Response<Bytes> {
        self.walk(Method::POST, url, form).await
    }

    /// The value of a cookie that the host and port of this URL have set.
    #[must_use]
    pub fn cookie(&self, url: &str, name: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        jar.get(uri.authority()?.as_str())?.get(name).cloned()
    }

    async fn walk(&self, method: Method, url: &str, form: &[(&str, &str)]) -> Response<Bytes> {
        let (mut method, mut uri) = (method, url.parse::<Uri>().expect("a URL"));
        for _ in 0..=MAX_REDIRECTS {
            let host = uri.authority().expect("an absolute URL").to_string();
            let mut request = Request::builder().method(&method).uri(&uri);
            if let Some(cookies) = self.cookies_for(&host) {
                request = request.header(COOKIE, cookies);
            }
            let mut body = String::new();
            if method == Method::POST {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                body = form_urlencoded::Serializer::new(body)
                    .extend_pairs(form)
                    .finish();
            }
            let request = request.body(Full::new(Bytes::from(body)));
            let answer = exchange(request.expect("a request"))
                .await
                .unwrap_or_else(|error| panic!("{method} {uri}: {error}"));
            self.keep(&host, answer.headers());
            let location = answer.headers().get(LOCATION);
            match location.filter(|_| answer.status().is_redirection()) {
                Some(location) => uri = next(&uri, location.to_str().expect("a URL")),
                None => return answer,
            }
            // Browsers change to GET for 301, 302 and 303 (RFC 9110 15.4).
            method = Method::GET;
        }
        panic!("more than {MAX_REDIRECTS} redirects from {url}");
    }

    fn cookies_for(&self, host: &str) -> Option<String> {
        let jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = jar.get(host)?.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep(&self, host: &str, headers: &HeaderMap) {
        let mut jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let own = jar.entry(host.to_owned()).or_default();
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            if parts.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0")) {
                own.remove(name);
            } else {
                own.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

/// An absolute URL, or a path on the same host.
fn next(current: &Uri, location: &str) -> Uri {
    let target = if location.starts_with('/') {
        let host = current.authority().map_or("", |host| host.as_str());
        format!("http://{host}{location}")
    } else {
        location.to_owned()
    };
    target.parse().expect("a redirect to a URL")
}
