//! Starts the provider and both applications.

use std::fmt::Write;
use std::io;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_backchannel_logout::session::AnyRegistry;
use tower_backchannel_logout::store::MemoryStore;
use tower_backchannel_logout::{ClientId, Issuer};

use crate::op::{ALG, Client, Op};
use crate::shared::brand::Brand;
use crate::shared::cookies::random_id;
use crate::shared::relying_party::Settings;
use crate::shared::shutdown::Shutdown;
use crate::{axum_app, hyper_app, serve};

/// An application of the demo.
pub(crate) struct Application {
    pub(crate) name: &'static str,
    pub(crate) client_id: &'static str,
    framework: &'static str,
    tagline: &'static str,
    hue: u16,
    sign: &'static str,
    pub(crate) url: String,
    secret: String,
}

/// The running demo.
pub(crate) struct Stage {
    pub(crate) provider: String,
    pub(crate) applications: [Application; 2],
    servers: JoinSet<io::Result<()>>,
}

impl Stage {
    /// Starts everything on these ports, or on free ones where they are taken.
    pub(crate) async fn set(
        ports: [u16; 3],
        logout_path: &str,
        shutdown: &Shutdown,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let [provider, fjord, lumen] = ports;
        let (provider_listener, provider) = listen(provider).await?;
        let (fjord_listener, fjord) = listen(fjord).await?;
        let (lumen_listener, lumen) = listen(lumen).await?;
        let fjord = Application {
            name: "Fjord Outdoor",
            client_id: "fjord-outdoor",
            framework: "axum",
            tagline: "Tents, boots and maps",
            hue: 188,
            sign: "<path d='m2.5 19 6.5-11 4 6.8M10.5 19l5-8.5L21.5 19z'/>",
            url: fjord,
            secret: random_id(),
        };
        let lumen = Application {
            name: "Lumen Books",
            client_id: "lumen-books",
            framework: "hyper",
            tagline: "Novels by lamplight",
            hue: 22,
            sign: "<path d='M12 6.5C9.5 4.8 6.5 4.6 3.5 5.2v13c3-.6 6-.4 8.5 1.3 2.5-1.7 5.5-1.9 8.5-1.3v-13c-3-.6-6-.4-8.5 1.3zm0 0v13'/>",
            url: lumen,
            secret: random_id(),
        };

        let clients = [&fjord, &lumen].map(|application| Client {
            id: application.client_id.to_owned(),
            secret: application.secret.clone(),
            name: application.name.to_owned(),
            url: application.url.clone(),
            backchannel_logout_uri: format!("{}{logout_path}", application.url),
        });
        let op = Op::new(provider.clone(), clients.into(), shutdown.clone());
        // Each application has sessions of its own.
        let [fjord_store, lumen_store] = [(); 2].map(|()| AnyRegistry::new(MemoryStore::default()));
        let axum = axum_app::service(
            settings(&fjord, &lumen, &provider)?,
            fjord_store,
            shutdown.clone(),
        )?;
        let hyper = hyper_app::service(
            settings(&lumen, &fjord, &provider)?,
            lumen_store,
            shutdown.clone(),
        )?;

        let mut servers = JoinSet::new();
        servers.spawn(axum_app::serve(
            provider_listener,
            op.router(),
            shutdown.clone(),
        ));
        servers.spawn(axum_app::serve(fjord_listener, axum, shutdown.clone()));
        servers.spawn(serve::serve(lumen_listener, hyper, shutdown.clone()));
        Ok(Self {
            provider,
            applications: [fjord, lumen],
            servers,
        })
    }

    /// What to do, for the terminal.
    pub(crate) fn programme(&self) -> String {
        let mut text = String::from("\n  The demo is running. Open these pages side by side:\n\n");
        for application in &self.applications {
            let what = format!("{} (on {})", application.name, application.framework);
            let _ = writeln!(text, "    {what:<28}{}", application.url);
        }
        let _ = writeln!(text, "    {:<28}{}", "Admin console", self.provider);
        let _ = writeln!(
            text,
            "\n  1. Sign in at both applications as the same customer.\
             \n  2. Clear that customer's sessions in the console, or with\
             \n       curl -X DELETE {}/admin/api/v1/identityStores/customers/accounts/maya/sessions\
             \n  3. Watch both pages sign out by themselves.\
             \n\n  Ctrl-C ends the demo.\n",
            self.provider
        );
        text
    }

    /// Runs until it is time to stop.
    pub(crate) async fn run(mut self) {
        while let Some(ended) = self.servers.join_next().await {
            if let Ok(Err(error)) = ended {
                eprintln!("demo: a server ended: {error}");
            }
        }
    }
}

async fn listen(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await?,
    };
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn settings(
    application: &Application,
    other: &Application,
    provider: &str,
) -> Result<Settings, Box<dyn std::error::Error + Send + Sync>> {
    let everywhere = form_urlencoded::Serializer::new(format!("{provider}/end-session?"))
        .append_pair("client_id", application.client_id)
        .append_pair("post_logout_redirect_uri", &format!("{}/", application.url))
        .finish();
    let mut brand = Brand::new(application.name, application.tagline, application.hue);
    brand.sign = application.sign;
    brand.links = vec![
        (other.name.to_owned(), other.url.clone()),
        ("Admin console".to_owned(), provider.to_owned()),
    ];
    brand.everywhere = Some(everywhere);
    Ok(Settings {
        issuer: Issuer::parse(provider)?,
        client_id: ClientId::parse(application.client_id)?,
        client_secret: Some(application.secret.clone()),
        alg: ALG.to_owned(),
        decryption_keys: None,
        public_url: application.url.clone(),
        brand,
    })
}
