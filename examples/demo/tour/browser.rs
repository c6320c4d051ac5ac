//! A browser without a window: cookies, redirects, one form, and the events of a page.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a person at a browser gets, or what went wrong.
pub(super) type Outcome<T> = Result<T, String>;

pub(super) struct Browser {
    http: Client<HttpConnector, Full<Bytes>>,
    /// By name alone: all of the demo is one host, and browsers share cookies among its ports.
    cookies: HashMap<String, String>,
}

pub(super) struct Page {
    pub(super) url: String,
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Browser {
    pub(super) fn new() -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            cookies: HashMap::new(),
        }
    }

    /// Opens a page, wherever the redirects lead.
    pub(super) async fn open(&mut self, url: &str) -> Outcome<Page> {
        self.follow(Method::GET, url.to_owned(), "", None).await
    }

    /// Sends the form of a page.
    pub(super) async fn submit(
        &mut self,
        url: String,
        fields: &[(&str, &str)],
        origin: &str,
    ) -> Outcome<Page> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.follow(Method::POST, url, &form, Some(origin)).await
    }

    async fn follow(
        &mut self,
        mut method: Method,
        mut url: String,
        form: &str,
        origin: Option<&str>,
    ) -> Outcome<Page> {
        for _ in 0..10 {
            let body = if method == Method::POST { form } else { "" };
            let answer = self.send(method, &url, body, origin).await?;
            let status = answer.status();
            let Some(location) = answer.headers().get(LOCATION) else {
                let text = in_time(answer.into_body().collect()).await?;
                let text = text.map_err(|error| error.to_string())?.to_bytes();
                let text = String::from_utf8_lossy(&text).into_owned();
                return Ok(Page { url, status, text });
            };
            let location = location.to_str().map_err(|error| error.to_string())?;
            url = match location.strip_prefix('/') {
                Some(path) => format!("{}/{path}", origin_of(&url)),
                None => location.to_owned(),
            };
            method = Method::GET;
        }
        Err("too many redirects".to_owned())
    }

    /// One request, with the cookies.
    pub(super) async fn send(
        &mut self,
        method: Method,
        url: &str,
        form: &str,
        origin: Option<&str>,
    ) -> Outcome<Response<Incoming>> {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = cookies.collect();
        let mut request = Request::builder().method(method).uri(url);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::from(form.to_owned()));
        let request = request.map_err(|error| error.to_string())?;
        let answer = in_time(self.http.request(request)).await?;
        let answer = answer.map_err(|error| format!("{url}: {error}"))?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().map_err(|error| error.to_string())?;
            let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
            let value = value.split(';').next().unwrap_or_default();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// What `/me` of an application says: its claims, or nothing when nobody is signed in.
    pub(super) async fn me(&mut self, application: &str) -> Outcome<Option<Value>> {
        let page = self.open(&format!("{application}/me")).await?;
        match page.status {
            StatusCode::OK => {
                let claims = serde_json::from_str(&page.text);
                claims.map(Some).map_err(|error| error.to_string())
            }
            StatusCode::UNAUTHORIZED => Ok(None),
            status => Err(format!("/me answered {status}")),
        }
    }

    /// Connects to the events of a page, and waits until they flow.
    pub(super) async fn listen(&mut self, application: &str) -> Outcome<Listening> {
        let url = format!("{application}/events");
        let answer = self.send(Method::GET, &url, "", None).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("/events answered {}", answer.status()));
        }
        let mut body = answer.into_body();
        match in_time(body.frame()).await? {
            Some(Ok(_)) => {}
            _ => return Err("/events ended at once".to_owned()),
        }
        // Reads on its own, as a page does.
        let task = tokio::spawn(async move {
            let mut text = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                text.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
            }
            let text = String::from_utf8_lossy(&text);
            let told = text.lines().any(|line| line == "event: logged_out");
            told.then(Instant::now)
                .ok_or_else(|| "the events ended without a word".to_owned())
        });
        Ok(Listening(task))
    }
}

/// The open events of a page.
pub(super) struct Listening(tokio::task::JoinHandle<Outcome<Instant>>);

impl Listening {
    /// Waits until the page has heard `logged_out` and the events have ended; answers when that was.
    pub(super) async fn logged_out(self, deadline: Instant) -> Outcome<Instant> {
        match tokio::time::timeout_at(deadline.into(), self.0).await {
            Ok(ended) => ended.map_err(|error| error.to_string())?,
            Err(_) => Err("the page heard nothing in time".to_owned()),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.is_finished()
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> Outcome<T> {
    let outcome = tokio::time::timeout(PATIENCE, what).await;
    outcome.map_err(|_| format!("no answer for {PATIENCE:?}"))
}

/// `http://host:port` of a URL.
pub(super) fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let length = url[start..].find('/').unwrap_or(url.len() - start);
    &url[..start + length]
}
