//! `kill -9` of the application in the middle of a burst of Logout Tokens: every logout that it answered with 200 is in force when it is
//! back. A few small rounds by default; `BACKCHANNEL_KILLS=100` and `BACKCHANNEL_LOGOUTS=2000` for the long run.

use std::sync::Mutex;

use futures_util::{StreamExt, stream};
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

use super::*;
use crate::world::setting;

const AT_ONCE: usize = 32;

/// Sessions of one round, beside those of the application in its own store.
struct Customers {
    issuer: Issuer,
    round: usize,
    begun: UnixTime,
}

impl Customers {
    fn name(&self, nth: usize) -> String {
        format!("{} {nth}", self.round)
    }

    fn id(&self, nth: usize) -> SessionId {
        SessionId::parse(self.name(nth)).unwrap()
    }

    fn session(&self, id: SessionId, nth: usize) -> NewSession {
        let identity = SessionIdentity::new(
            self.issuer.clone(),
            ClientId::parse(CLIENT).unwrap(),
            Subject::parse(self.name(nth)).unwrap(),
        );
        let identity = identity
            .with_sid(Sid::parse(self.name(nth)).unwrap())
            .with_id_token_iat(self.begun);
        NewSession::new(
            id,
            identity,
            self.begun.saturating_add(Duration::from_secs(3600)),
        )
    }
}

/// The application of that name over that store, killed again and again. The registry is the same store.
pub(super) async fn no_answered_logout_is_lost(
    name: &str,
    store: &str,
    registry: &impl SessionRegistry,
) {
    build_once();
    let (rounds, logouts) = (
        setting("BACKCHANNEL_KILLS", 2),
        setting("BACKCHANNEL_LOGOUTS", 60),
    );
    let op = FakeProvider::start().await;
    let mut options = vec!["--store".to_owned(), store.to_owned()];
    let mut kept = 0;
    for round in 0..rounds {
        let arguments: Vec<_> = options.iter().map(String::as_str).collect();
        let app = App::start_with(name, op.issuer(), &arguments).await;
        let logout_url = app.at("/backchannel-logout");
        if round == 0 {
            op.register(
                ClientRegistration::confidential(CLIENT, SECRET)
                    .with_redirect_uri(app.at("/callback"))
                    .with_backchannel_logout_uri(&logout_url),
            );
            // Later ones listen at the same place: cookies and the provider know it.
            let address = app.url.trim_start_matches("http://");
            options.extend(["--listen".to_owned(), address.to_owned()]);
        }
        // Somebody in a browser, whose logout is the first one of the burst.
        let browser = Browser::new();
        browser.get(&app.at("/login")).await;
        let me = browser.get(&app.at("/me")).await;
        let me: Value = serde_json::from_slice(me.body()).unwrap();
        let mint = op.mint_for(CLIENT);
        let in_browser = mint.logout_token().sid(me["sid"].as_str().unwrap()).sign();

        let customers = Customers {
            issuer: Issuer::parse(op.issuer()).unwrap(),
            round,
            begun: SystemClock::default().now(),
        };
        let logins =
            (0..logouts).map(|nth| registry.register(customers.session(customers.id(nth), nth)));
        let mut logins = stream::iter(logins).buffer_unordered(AT_ONCE);
        while let Some(login) = logins.next().await {
            assert_eq!(login.unwrap(), Registration::Registered);
        }
        let token = |nth: usize| {
            let token = mint.logout_token();
            let name = customers.name(nth);
            match nth % 3 {
                0 => token.sid(name),
                1 => token.sub(name),
                _ => token.sub(&name).sid(name),
            }
            .sign()
        };
        let tokens: Vec<_> = (0..logouts).map(token).collect();
        assert_eq!(
            op.deliver(&in_browser, &logout_url).await.status(),
            Some(200)
        );

        let acknowledged = Mutex::new(Vec::new());
        // Another moment of the burst in each round.
        let enough = 1 + (round * 7919 + 11) % logouts;
        let killed = Mutex::new(Some(app));
        let burst = tokens.iter().enumerate().map(|(nth, token)| {
            let (op, acknowledged, killed) = (&op, &acknowledged, &killed);
            let logout_url = &logout_url;
            async move {
                if killed.lock().unwrap().is_none() {
                    return;
                }
                if op.deliver(token, logout_url).await.status() != Some(200) {
                    return;
                }
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.push(nth);
                if acknowledged.len() >= enough
                    && let Some(app) = killed.lock().unwrap().take()
                {
                    app.kill();
                }
            }
        });
        let mut burst = stream::iter(burst).buffer_unordered(AT_ONCE);
        while burst.next().await.is_some() {}
        drop(burst);
        assert!(killed.into_inner().unwrap().is_none(), "never killed");

        let arguments: Vec<_> = options.iter().map(String::as_str).collect();
        let again = App::start_with(name, op.issuer(), &arguments).await;
        assert_eq!(again.me(&browser).await, StatusCode::UNAUTHORIZED);
        for nth in acknowledged.into_inner().unwrap() {
            let status = registry.status(&customers.id(nth)).await.unwrap();
            assert!(!status.is_live(), "round {round}: {nth} lives");
            let id = SessionId::parse(format!("late {}", customers.name(nth))).unwrap();
            let late = registry.register(customers.session(id, nth)).await.unwrap();
            assert_eq!(late, Registration::AlreadyLoggedOut, "round {round}: {nth}");
            kept += 1;
        }
        assert_eq!(again.terminate().await, Some(0));
    }
    println!("{name} was killed {rounds} times, {kept} logouts were answered with 200, none lost");
}
