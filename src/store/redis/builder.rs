//! How a store is configured.

use std::fmt;
use std::time::Duration;

use redis::Client;
use redis::aio::ConnectionLike;
use redis::cluster::{ClusterClient, ClusterClientBuilder};

use super::RedisStore;
use super::engine::RedisEngine;
use super::link::{Link, Source};
use super::listener::Ear;
use crate::config::ConfigError;
use crate::store::remote::{Remote, RemoteOptions, remote_setters};

const DEFAULT_NAMESPACE: &str = "bcl";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_NAMESPACE_BYTES: usize = 64;

/// Configures a [`RedisStore`].
#[must_use = "nothing is built before `build`"]
#[derive(Clone)]
pub struct RedisStoreBuilder {
    origin: Origin,
    listener: Option<Client>,
    namespace: String,
    timeout: Duration,
    options: RemoteOptions,
}

#[derive(Clone)]
enum Origin {
    Url(String),
    ClusterUrls(Vec<String>),
    Ready(Source),
}

impl RedisStoreBuilder {
    /// One server, by its URL: `redis://[user:password@]host[:port][/database]`, or `rediss://…` for TLS.
    pub fn new(url: impl AsRef<str>) -> Self {
        Self::of(Origin::Url(url.as_ref().to_owned()))
    }

    /// A cluster, by the URLs of some of its nodes, with the same user and password. The others are found through them; name
    /// several, so that one may be down.
    pub fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Self {
        let urls = urls.into_iter().map(|url| url.as_ref().to_owned());
        Self::of(Origin::ClusterUrls(urls.collect()))
    }

    /// One server, by a client of one's own, for example with certificates.
    pub fn from_client(client: Client) -> Self {
        let listener = client.clone();
        Self::of(Origin::Ready(Source::Single(client))).with_listener(listener)
    }

    /// A cluster, by a client of one's own. Its own time limits hold as well. Say [where to listen](Self::with_listener).
    pub fn from_cluster_client(client: ClusterClient) -> Self {
        Self::of(Origin::Ready(Source::Cluster(Box::new(client))))
    }

    /// A connection the application has already and shares with the store, such as a
    /// [`ConnectionManager`](redis::aio::ConnectionManager). It has to reconnect by itself. Say [where to
    /// listen](Self::with_listener).
    pub fn from_connection(
        connection: impl ConnectionLike + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::of(Origin::Ready(Source::given(connection)))
    }

    fn of(origin: Origin) -> Self {
        Self {
            origin,
            listener: None,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            options: RemoteOptions::default(),
        }
    }

    /// Where to listen to what other nodes announce, on a connection of its own: the server, or any node of the cluster. Stores that
    /// were configured with URLs or a [client](Self::from_client) know it already; the others notice what other nodes did with the
    /// next [poll](Self::with_poll_interval) instead of at once.
    pub fn with_listener(mut self, client: Client) -> Self {
        self.listener = Some(client);
        self
    }

    /// What the names of all keys begin with, in braces. Default `bcl`. Stores with the same namespace are one store.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long one question may take, connecting included. Default 1 second, half of what the guard and the endpoint wait by
    /// default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    remote_setters!();

    /// Makes the store. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming `url`, `urls`, `namespace`, `timeout` or another field that cannot work.
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        check_namespace(&self.namespace)?;
        if self.timeout.is_zero() {
            return Err(ConfigError::new(
                "timeout",
                "is zero; no server answers that fast",
            ));
        }
        let (source, clients) = self.origin.open(self.timeout)?;
        let clients = self.listener.map_or(clients, |client| vec![client]);
        let ear = (!clients.is_empty()).then(|| Ear::new(clients, self.timeout));
        let link = Link::new(source, self.timeout);
        let engine = RedisEngine::new(link, ear, &self.namespace, self.options.policy);
        Ok(RedisStore(Remote::new(engine, self.options)?))
    }
}

impl Origin {
    /// Where to ask, and where to listen.
    fn open(self, timeout: Duration) -> Result<(Source, Vec<Client>), ConfigError> {
        match self {
            Self::Url(url) => {
                let client = open("url", &url)?;
                Ok((Source::Single(client.clone()), vec![client]))
            }
            Self::ClusterUrls(urls) => {
                let clients = urls.iter().map(|url| open("urls", url));
                let clients = clients.collect::<Result<Vec<_>, _>>()?;
                if clients.is_empty() {
                    return Err(ConfigError::new("urls", "is empty; name a node"));
                }
                let client = ClusterClientBuilder::new(urls)
                    .connection_timeout(timeout)
                    .response_timeout(timeout)
                    // What takes longer is told to whoever asked, in time.
                    .retries(3)
                    .build();
                let client = client.map_err(|_| {
                    ConfigError::new(
                        "urls",
                        "do not go together; give all nodes the same user, password and scheme",
                    )
                })?;
                Ok((Source::Cluster(Box::new(client)), clients))
            }
            Self::Ready(source) => Ok((source, Vec::new())),
        }
    }
}

/// The error of the client is left out: it could quote the URL, and with it the password.
fn open(field: &'static str, url: &str) -> Result<Client, ConfigError> {
    Client::open(url).map_err(|_| {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let only_tls_is_missing =
            matches!(scheme, "rediss" | "valkeys") && Client::open(format!("redis:{rest}")).is_ok();
        ConfigError::new(
            field,
            if only_tls_is_missing {
                "asks for TLS; turn on a TLS feature of the crate redis, such as tokio-rustls-comp"
            } else {
                "is not a URL of Redis; write redis://[user:password@]host[:port][/database]"
            },
        )
    })
}

fn check_namespace(namespace: &str) -> Result<(), ConfigError> {
    let problem = if namespace.is_empty() {
        "is empty; leave it out for the default"
    } else if namespace.contains(['{', '}']) {
        "has a brace; the braces are put around it"
    } else if namespace.len() > MAX_NAMESPACE_BYTES {
        "is longer than 64 bytes; it is a part of every key"
    } else if !namespace.bytes().all(|byte| byte.is_ascii_graphic()) {
        "has a character that is not printable ASCII"
    } else {
        return Ok(());
    };
    Err(ConfigError::new("namespace", problem))
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URLs: they hold passwords.
        f.debug_struct("RedisStoreBuilder")
            .field("namespace", &self.namespace)
            .field("timeout", &self.timeout)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
