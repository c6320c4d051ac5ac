//! The command line of the applications.

use std::fmt;
use std::net::SocketAddr;
use std::process::exit;

use tower_backchannel_logout::{ClientId, Issuer};

use crate::shared::brand::Brand;
use crate::shared::relying_party::Settings;
use crate::store::StoreName;

/// What the command line says.
pub(crate) struct Args {
    issuer: Issuer,
    client_id: ClientId,
    client_secret: Option<String>,
    /// Where to listen.
    pub(crate) listen: String,
    /// Where the sessions are kept.
    pub(crate) store: StoreName,
    public_url: Option<String>,
    alg: String,
    decryption_keys: Option<String>,
}

const USAGE: &str =
    "  --issuer URL            the provider's issuer, exactly as it publishes it (required)
  --client-id ID          this application's client_id (required)
  --client-secret SECRET  its secret; without one it is a public client
  --listen ADDR:PORT      where to listen; port 0 picks a free one
  --store STORE           memory (the default), redis://…, postgres://… or sqlite:PATH
  --public-url URL        how browsers reach this application (default: the listen address)
  --alg ALG               how the provider signs ID and Logout Tokens (default: RS256)
  --decryption-keys FILE  private JWK set for encrypted Logout Tokens, or the word client-secret (feature jwe)";

impl Args {
    /// Reads the command line, or says what is wrong with it and exits with 2.
    pub(crate) fn from_command_line(program: &str, default_listen: &str) -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if arguments.iter().any(|a| a == "--help" || a == "-h") {
            println!("usage: {program} --issuer URL --client-id ID [options]\n{USAGE}");
            exit(0);
        }
        Self::parse(arguments, default_listen).unwrap_or_else(|problem| {
            eprintln!("{program}: {problem}\n\nusage: {program} --issuer URL --client-id ID [options]\n{USAGE}");
            exit(2)
        })
    }

    /// The settings of an application that listens at this address.
    pub(crate) fn into_settings(self, mut address: SocketAddr, brand: Brand) -> Settings {
        // Nobody can visit `0.0.0.0` or `[::]`.
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        Settings {
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret: self.client_secret,
            alg: self.alg,
            decryption_keys: self.decryption_keys,
            public_url: self
                .public_url
                .unwrap_or_else(|| format!("http://{address}")),
            brand,
        }
    }

    fn parse(arguments: Vec<String>, default_listen: &str) -> Result<Self, String> {
        let (mut issuer, mut client_id, mut client_secret) = (None, None, None);
        let (mut listen, mut store, mut public_url) = (None, None, None);
        let (mut alg, mut decryption_keys) = (None, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            // Both `--flag value` and `--flag=value` are understood.
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let slot = match flag.as_str() {
                "--issuer" => &mut issuer,
                "--client-id" => &mut client_id,
                "--client-secret" => &mut client_secret,
                "--listen" => &mut listen,
                "--store" => &mut store,
                "--public-url" => &mut public_url,
                "--alg" => &mut alg,
                "--decryption-keys" => &mut decryption_keys,
                _ => return Err(format!("unknown argument {flag}")),
            };
            let value = inline.or_else(|| arguments.next());
            *slot = Some(value.ok_or_else(|| format!("{flag} needs a value"))?);
        }
        Ok(Self {
            issuer: Issuer::parse(issuer.ok_or("--issuer is missing")?).map_err(text)?,
            client_id: ClientId::parse(client_id.ok_or("--client-id is missing")?).map_err(text)?,
            client_secret: client_secret.filter(|secret| !secret.is_empty()),
            listen: listen.unwrap_or_else(|| default_listen.to_owned()),
            store: StoreName::parse(store.as_deref().unwrap_or("memory"))?,
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
            alg: alg.unwrap_or_else(|| "RS256".to_owned()),
            decryption_keys,
        })
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
