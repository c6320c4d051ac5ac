//! Back-channel deliveries: one signed Logout Token for each affected application (BCL 2.5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::http::{Method, Request, header};
use serde_json::json;
use tokio::task::JoinSet;

use super::Op;
use super::state::{Account, MOST_DELIVERIES, Session, seconds};
use crate::shared::cookies::random_id;

const TOKEN_LIFETIME: u64 = 2 * 60;

/// One Logout Token on its way to an application.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    pub(crate) application: String,
    pub(crate) account: &'static Account,
    /// What the token names: `sub`, or `sub` and `sid`.
    pub(crate) names: &'static str,
    pub(crate) sent_at: SystemTime,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    UnderWay,
    Answered(u16),
    NoAnswer,
}

impl Op {
    /// Tells every application of these sessions that they are over, and waits for their answers.
    pub(super) async fn tell(
        self: &Arc<Self>,
        account: &'static Account,
        sessions: &[Session],
    ) -> Vec<Delivery> {
        let mut sids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for session in sessions {
            for client_id in session.applications.keys() {
                sids.entry(client_id).or_default().push(&session.sid);
            }
        }
        let mut deliveries = JoinSet::new();
        for (client_id, sids) in sids {
            // One session is named by its `sid`; several are all there are, and the `sub` names them together.
            let sid = match sids.as_slice() {
                [sid] => Some((*sid).to_owned()),
                _ => None,
            };
            let (op, client_id) = (Arc::clone(self), client_id.to_owned());
            deliveries.spawn(async move { op.deliver(&client_id, account, sid).await });
        }
        deliveries.join_all().await.into_iter().flatten().collect()
    }

    async fn deliver(
        &self,
        client_id: &str,
        account: &'static Account,
        sid: Option<String>,
    ) -> Option<Delivery> {
        let client = self.client(client_id)?;
        let now = SystemTime::now();
        let mut claims = json!({
            "iss": self.issuer,
            "aud": client.id,
            "sub": account.id,
            "iat": seconds(now),
            "exp": seconds(now) + TOKEN_LIFETIME,
            "jti": random_id(),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        let names = if sid.is_some() { "sub and sid" } else { "sub" };
        if let Some(sid) = sid {
            claims["sid"] = sid.into();
        }
        let token = self.key.sign("logout+jwt", &claims);
        let mut delivery = Delivery {
            id: 0,
            application: client.name.clone(),
            account,
            names,
            sent_at: now,
            took: Duration::ZERO,
            outcome: Outcome::UnderWay,
        };
        delivery.id = self.update(|state| {
            state.next_delivery += 1;
            delivery.id = state.next_delivery;
            state.deliveries.push_front(delivery.clone());
            state.deliveries.truncate(MOST_DELIVERIES);
            state.next_delivery
        });

        let started = Instant::now();
        delivery.outcome = self.post(&client.backchannel_logout_uri, &token).await;
        delivery.took = started.elapsed();
        self.update(|state| {
            let mut known = state.deliveries.iter_mut();
            if let Some(known) = known.find(|known| known.id == delivery.id) {
                *known = delivery.clone();
            }
        });
        Some(delivery)
    }

    async fn post(&self, url: &str, token: &str) -> Outcome {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", token)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes());
        let Ok(request) = request else {
            return Outcome::NoAnswer;
        };
        match self.http.send(request).await {
            Ok(answer) => Outcome::Answered(answer.status().as_u16()),
            Err(error) => {
                tracing::warn!(%error, url, "a Logout Token could not be delivered");
                Outcome::NoAnswer
            }
        }
    }
}
