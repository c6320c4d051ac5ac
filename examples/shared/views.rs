//! What an application answers: its start page, `/me`, and the pages for what goes wrong.

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use tower_backchannel_logout::guard::{LiveSession, Rejection};

use super::openid::OpenIdError;
use super::page::{Page, Part, fill, problem};
use super::relying_party::{LoginError, RelyingParty};

const HOME: &str = include_str!("pages/home.html");
const HOME_SCRIPT: &str = include_str!("pages/home.js");

impl RelyingParty {
    /// `GET /`: who is signed in.
    pub(crate) fn home(&self, live: Option<&LiveSession>) -> Response<String> {
        let Some(live) = live else {
            return self.home_page(None, Away::Visitor);
        };
        let session = live.session();
        let name = live.id().and_then(|id| self.name(id));
        let person = Person {
            name: name.as_deref().unwrap_or(session.subject()),
            sub: session.subject(),
            sid: session.sid(),
        };
        self.home_page(Some(person), Away::Visitor)
    }

    /// `GET /me`: the claims of the session.
    pub(crate) fn me(&self, live: &LiveSession) -> Value {
        let session = live.session();
        json!({
            "iss": session.issuer().as_str(),
            "sub": session.subject(),
            "sid": session.sid(),
        })
    }

    /// What the guard answers in the place of a page: the start page shows itself without a session.
    pub(crate) fn rejected(&self, rejection: Rejection, path: &str) -> Response<Bytes> {
        let mut answer = if path == "/" && rejection.status() == StatusCode::UNAUTHORIZED {
            self.home_page(None, Away::Ended).map(Bytes::from)
        } else {
            rejection.response()
        };
        if rejection.status() == StatusCode::UNAUTHORIZED
            && let Ok(remove) = HeaderValue::try_from(self.session_cookie.remove())
        {
            answer.headers_mut().insert(SET_COOKIE, remove);
        }
        answer
    }

    fn home_page(&self, person: Option<Person<'_>>, away: Away) -> Response<String> {
        let brand = &self.settings.brand;
        let welcome = format!("Welcome to {}", brand.name);
        let (heading, notice) = match away {
            Away::Visitor => (
                welcome.as_str(),
                "Sign in and keep the page open: it notices by itself when your provider signs you out.",
            ),
            Away::Ended => ("You are signed out", "Your session has ended."),
        };
        let everywhere = brand.everywhere.as_deref().map(|url| {
            let link = "<a class=\"button quiet\" href=\"{{url}}\">Sign out everywhere</a>";
            fill(link, &[("url", Part::Text(url))])
        });
        let signed_in = person.is_some();
        let person = person.unwrap_or_default();
        let initials: String = person
            .name
            .split_whitespace()
            .filter_map(|word| word.chars().next())
            .take(2)
            .collect();
        let body = fill(
            HOME,
            &[
                ("in", Part::Flag("hidden", !signed_in)),
                ("out", Part::Flag("hidden", signed_in)),
                ("state", Part::Html(if signed_in { "in" } else { "out" })),
                ("never", Part::Flag("hidden", away == Away::Visitor)),
                ("heading", Part::Text(heading)),
                ("notice", Part::Text(notice)),
                ("everywhere", Part::Html(&everywhere.unwrap_or_default())),
                ("sign", Part::Html(brand.sign)),
                ("brand", Part::Text(&brand.name)),
                ("issuer", Part::Text(self.settings.issuer.as_str())),
                ("initials", Part::Text(&initials)),
                ("name", Part::Text(person.name)),
                ("sub", Part::Text(person.sub)),
                ("sid", Part::Text(person.sid.unwrap_or("none"))),
            ],
        );
        let page = Page {
            script: HOME_SCRIPT,
            ..Page::new(&brand.name, &body)
        };
        page.response(brand)
    }

    /// Why nobody was signed in, in words for the person. The details go to the log.
    pub(crate) fn login_problem(&self, error: &LoginError) -> Response<String> {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "nobody was signed in"
        );
        let (heading, text) = match error {
            LoginError::AlreadyLoggedOut => (
                "You were signed out meanwhile",
                "A logout from your provider arrived before this sign-in was finished. Please sign in again in a few seconds.",
            ),
            LoginError::NotBegunHere => (
                "This login has expired",
                "It was begun in another browser, or too long ago. Please sign in again.",
            ),
            LoginError::Denied(_) => (
                "The provider did not sign you in",
                "It refused, or you changed your mind. You can try again.",
            ),
            LoginError::OtherSite => (
                "Another site asked for this",
                "Nothing was changed. Please use the pages of this application.",
            ),
            LoginError::OpenId(OpenIdError::Refused(_)) => (
                "The provider's answer was not accepted",
                "Nobody was signed in. Please try again, or tell the people who run this application.",
            ),
            LoginError::OpenId(OpenIdError::Unreachable(_)) | LoginError::Store(_) => (
                "Signing in is not possible right now",
                "The provider cannot be reached. Please try again in a moment.",
            ),
        };
        let brand = &self.settings.brand;
        problem(brand, error.status(), heading, text, "/login", "Sign in")
    }
}

/// Why nobody is signed in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Away {
    /// Nobody came with a session.
    Visitor,
    /// The session of the browser is over.
    Ended,
}

#[derive(Default)]
struct Person<'a> {
    name: &'a str,
    sub: &'a str,
    sid: Option<&'a str>,
}
