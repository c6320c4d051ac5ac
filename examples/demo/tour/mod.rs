//! The story in the terminal: real requests, real cookies, one line for each step.

mod browser;

use std::fmt::Display;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower_backchannel_logout::testing::TokenMint;

use crate::op::ALG;
use crate::stage::{Application, Stage};
use browser::{Browser, Listening, Outcome, origin_of};

/// How soon an open page has to notice.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Plays the story; `true` if every step came true.
pub(crate) async fn play(stage: &Stage) -> bool {
    let mut tour = Tour { came_true: true };
    println!("\n  A tour of Back-Channel Logout\n");
    story(stage, &mut tour).await;
    let end = match tour.came_true {
        true => "Every step came true.",
        false => "Not every step came true.",
    };
    println!("\n  {end}\n");
    tour.came_true
}

struct Tour {
    came_true: bool,
}

impl Tour {
    /// One step of the story, and whether it came true.
    fn step<T>(&mut self, claim: impl Display, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                println!("  \u{2713} {claim}");
                Some(value)
            }
            Err(problem) => {
                self.came_true = false;
                println!("  \u{2717} {claim}\n      {problem}");
                None
            }
        }
    }
}

async fn story(stage: &Stage, tour: &mut Tour) {
    let (mut maya, mut jonas) = (Browser::new(), Browser::new());
    for (person, account, browser) in [("Maya", "maya", &mut maya), ("Jonas", "jonas", &mut jonas)]
    {
        for application in &stage.applications {
            let claim = format!("{person} signs in at {}", application.name);
            tour.step(claim, sign_in(stage, browser, application, account).await);
        }
    }

    let mut mayas_pages = Vec::new();
    let mut jonas_pages = Vec::new();
    for application in &stage.applications {
        mayas_pages.push(maya.listen(&application.url).await);
        jonas_pages.push(jonas.listen(&application.url).await);
    }
    let mayas_pages: Outcome<Vec<Listening>> = mayas_pages.into_iter().collect();
    let jonas_pages: Outcome<Vec<Listening>> = jonas_pages.into_iter().collect();
    let mayas_pages = tour.step("Maya keeps both pages open", mayas_pages);
    let jonas_pages = tour.step("Jonas keeps both pages open", jonas_pages);

    let forged = forge(stage).await;
    tour.step("A forged Logout Token for Jonas is refused by both", forged);

    let started = Instant::now();
    let cleared = clear_sessions(stage, "maya").await;
    tour.step(
        "An administrator clears Maya's sessions with one DELETE",
        cleared.as_ref().map(drop).map_err(Clone::clone),
    );
    for application in &stage.applications {
        let delivered = cleared
            .clone()
            .and_then(|report| delivered(&report, application));
        let claim = format!(
            "{} is told by the provider, and answers 200",
            application.name
        );
        tour.step(claim, delivered);
    }
    for (application, page) in stage
        .applications
        .iter()
        .zip(mayas_pages.into_iter().flatten())
    {
        let heard = page.logged_out(started + AT_ONCE).await;
        let after = heard
            .as_ref()
            .map_or(Duration::ZERO, |at| at.duration_since(started));
        let took = format!("{:.0} ms after the DELETE", after.as_secs_f64() * 1000.0);
        let took = if heard.is_ok() {
            took
        } else {
            format!("within {AT_ONCE:?}")
        };
        tour.step(
            format!("Maya's page at {} says signed out {took}", application.name),
            heard,
        );
    }
    for application in &stage.applications {
        let outcome = signed_out(&mut maya, application).await;
        tour.step(
            format!("Maya is signed out at {}", application.name),
            outcome,
        );
    }
    for application in &stage.applications {
        let outcome = signed_in(&mut jonas, application, "jonas").await;
        tour.step(
            format!("Jonas is still signed in at {}", application.name),
            outcome.map(drop),
        );
    }
    if let Some(pages) = jonas_pages {
        let open = match pages.iter().all(Listening::is_open) {
            true => Ok(()),
            false => Err("one of them ended".to_owned()),
        };
        tour.step("Jonas's pages are still open", open);
    }
    let [application, _] = &stage.applications;
    let again = sign_in(stage, &mut maya, application, "maya").await;
    tour.step(
        format!("Maya can sign in again at {}", application.name),
        again,
    );
}

/// Signs in as a person does: the login link, the provider's question if it asks, and back.
async fn sign_in(
    stage: &Stage,
    browser: &mut Browser,
    application: &Application,
    account: &str,
) -> Outcome<()> {
    let mut page = browser.open(&format!("{}/login", application.url)).await?;
    if origin_of(&page.url) == stage.provider && page.status == StatusCode::OK {
        let hidden = hidden_fields(&page.text);
        let mut fields: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        fields.push(("account", account));
        let form = format!("{}/sign-in", stage.provider);
        page = browser.submit(form, &fields, &stage.provider).await?;
    }
    if page.url != format!("{}/", application.url) {
        return Err(format!(
            "the browser ended at {} with {}",
            page.url, page.status
        ));
    }
    let claims = signed_in(browser, application, account).await?;
    let sid = claims["sid"].as_str().ok_or("there is no sid")?;
    match page.text.contains(sid) {
        true => Ok(()),
        false => Err("the page does not show the session".to_owned()),
    }
}

async fn signed_in(browser: &mut Browser, application: &Application, sub: &str) -> Outcome<Value> {
    match browser.me(&application.url).await? {
        Some(claims) if claims["sub"] == sub => Ok(claims),
        Some(_) => Err("somebody else is signed in".to_owned()),
        None => Err("nobody is signed in".to_owned()),
    }
}

async fn signed_out(browser: &mut Browser, application: &Application) -> Outcome<()> {
    match browser.me(&application.url).await? {
        None => Ok(()),
        Some(_) => Err("the session is still alive".to_owned()),
    }
}

/// The DELETE of the story; answers the provider's report.
async fn clear_sessions(stage: &Stage, account: &str) -> Outcome<Value> {
    let path = format!("/admin/api/v1/identityStores/customers/accounts/{account}/sessions");
    let url = format!("{}{path}", stage.provider);
    let answer = Browser::new().send(Method::DELETE, &url, "", None).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the provider answered {}", answer.status()));
    }
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}

fn delivered(report: &Value, application: &Application) -> Outcome<()> {
    let deliveries = report["deliveries"]
        .as_array()
        .ok_or("there is no report")?;
    let mut own = deliveries
        .iter()
        .filter(|one| one["application"] == application.name);
    match (own.next(), own.next()) {
        (Some(delivery), None) if delivery["status"] == 200 => Ok(()),
        (Some(delivery), None) => Err(format!("it answered {}", delivery["status"])),
        (None, _) => Err("nothing was delivered".to_owned()),
        (Some(_), Some(_)) => Err("more than one token was delivered".to_owned()),
    }
}

/// Posts a token that somebody else signed.
async fn forge(stage: &Stage) -> Outcome<()> {
    for application in &stage.applications {
        let mint = TokenMint::new(&stage.provider, application.client_id);
        let token = mint.logout_token().sub("jonas").alg(ALG).sign();
        let url = format!("{}/backchannel-logout", application.url);
        let form = format!("logout_token={token}");
        let answer = Browser::new().send(Method::POST, &url, &form, None).await?;
        if answer.status() != StatusCode::BAD_REQUEST {
            return Err(format!("{} answered {}", application.name, answer.status()));
        }
    }
    Ok(())
}

/// The hidden fields of a page's form, unescaped.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| {
        let text = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"");
        text.replace("&#39;", "'").replace("&amp;", "&")
    };
    page.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .filter_map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"")?;
            let (value, _) = rest.split_once('"')?;
            Some((unescape(name), unescape(value)))
        })
        .collect()
}
