//! Pages: a frame, a style, escaped text, and a content policy that lets nothing else in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use super::brand::Brand;

const FRAME: &str = include_str!("pages/frame.html");
const STYLE: &str = include_str!("pages/style.css");
const PROBLEM: &str = include_str!("pages/problem.html");

/// A value for a page.
pub(crate) enum Part<'a> {
    /// Text from anywhere; it is escaped.
    Text(&'a str),
    /// Markup made here.
    Html(&'a str),
    /// An attribute like `hidden`, when true.
    Flag(&'static str, bool),
}

/// Fills the `{{holes}}` of a template in one pass, so that a value can never open a hole itself.
pub(crate) fn fill(template: &str, parts: &[(&str, Part<'_>)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (hole, after) = after.split_once("}}").expect("each hole is closed");
        let part = parts.iter().find(|(name, _)| *name == hole);
        page.push_str(before);
        match part.unwrap_or_else(|| panic!("nothing for {hole}")) {
            (_, Part::Text(text)) => page.push_str(&escape(text)),
            (_, Part::Html(html)) => page.push_str(html),
            (_, Part::Flag(attribute, set)) => page.push_str(if *set { attribute } else { "" }),
        }
        rest = after;
    }
    page + rest
}

/// Text as HTML, also inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// What a page is made of.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    /// More style than all pages have.
    pub(crate) style: &'a str,
    pub(crate) script: &'a str,
    /// Other origins a form may lead to.
    pub(crate) form_targets: &'a str,
}

impl<'a> Page<'a> {
    pub(crate) const fn new(title: &'a str, body: &'a str) -> Self {
        Self {
            status: StatusCode::OK,
            title,
            body,
            style: "",
            script: "",
            form_targets: "",
        }
    }

    /// The page in its frame.
    pub(crate) fn response(self, brand: &Brand) -> Response<String> {
        let style = format!(":root{{--hue:{}}}\n{STYLE}{}", brand.hue, self.style);
        let hue = brand.hue.to_string();
        let parts = [
            ("title", Part::Text(self.title)),
            ("hue", Part::Text(&hue)),
            ("style", Part::Html(&style)),
            ("sign", Part::Html(brand.sign)),
            ("brand", Part::Text(&brand.name)),
            ("tagline", Part::Text(&brand.tagline)),
            ("links", Part::Html(&links(&brand.links))),
            ("body", Part::Html(self.body)),
            ("script", Part::Html(self.script)),
        ];
        // Exactly these bytes may run and style; whatever else finds its way into a page stays text.
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; \
             form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
            source(&style),
            source(self.script),
            self.form_targets,
        );
        Response::builder()
            .status(self.status)
            .header(CONTENT_TYPE, "text/html; charset=utf-8")
            .header(CACHE_CONTROL, "no-store")
            .header(CONTENT_SECURITY_POLICY, policy)
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(REFERRER_POLICY, "same-origin")
            .body(fill(FRAME, &parts))
            .expect("these headers are fine")
    }
}

/// The policy source of an inline style or script: exactly these bytes.
fn source(inline: &str) -> String {
    let hash = STANDARD.encode(digest(&SHA256, inline.as_bytes()));
    format!("'sha256-{hash}'")
}

fn links(links: &[(String, String)]) -> String {
    let link = |(label, url): &(String, String)| {
        format!("<a href=\"{}\">{}</a>", escape(url), escape(label))
    };
    match links.is_empty() {
        true => String::new(),
        false => {
            let links: String = links.iter().map(link).collect();
            format!("<nav aria-label=\"Related pages\">{links}</nav>")
        }
    }
}

/// A page that says what is wrong and where to go.
pub(crate) fn problem(
    brand: &Brand,
    status: StatusCode,
    heading: &str,
    text: &str,
    link: &str,
    label: &str,
) -> Response<String> {
    let body = fill(
        PROBLEM,
        &[
            ("heading", Part::Text(heading)),
            ("text", Part::Text(text)),
            ("link", Part::Text(link)),
            ("label", Part::Text(label)),
        ],
    );
    let title = format!("{heading} \u{00b7} {}", brand.name);
    let page = Page {
        status,
        ..Page::new(&title, &body)
    };
    page.response(brand)
}
