//! Where the sessions are kept, chosen when the application starts.

use tower_backchannel_logout::session::AnyRegistry;
use tower_backchannel_logout::store::MemoryStore;

/// What `--store` names.
pub(crate) struct StoreName {
    kind: Kind,
    name: String,
}

enum Kind {
    Memory,
    Redis,
    Postgres,
    Sqlite,
}

impl StoreName {
    /// Says at once what this build does not have.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let scheme = name.split_once(':').map_or(name, |(scheme, _)| scheme);
        let (kind, feature, built_in) = match scheme {
            "memory" => (Kind::Memory, "", true),
            "redis" | "rediss" => (Kind::Redis, "redis", cfg!(feature = "redis")),
            "postgres" | "postgresql" => (Kind::Postgres, "postgres", cfg!(feature = "postgres")),
            "sqlite" => (Kind::Sqlite, "sqlite", cfg!(feature = "sqlite")),
            _ => {
                return Err(
                    "--store is none of memory, redis://…, postgres://…, sqlite:PATH".to_owned(),
                );
            }
        };
        if !built_in {
            return Err(format!("--store: built without feature {feature}"));
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }

    /// Opens the store. A server need not be there yet: it is connected to when it is first needed.
    pub(crate) async fn open(&self) -> Result<AnyRegistry, String> {
        let opened = match self.kind {
            Kind::Memory => Ok(AnyRegistry::new(MemoryStore::default())),
            Kind::Redis => redis(&self.name),
            Kind::Postgres => postgres(&self.name),
            Kind::Sqlite => sqlite(&self.name).await,
        };
        opened.map_err(|problem| format!("--store: {problem}"))
    }
}

/// The text of an error and of its causes. None of them holds a password.
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]
fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<AnyRegistry, String> {
    use tower_backchannel_logout::store::RedisStore;

    let store = RedisStore::connect(url).map_err(|error| text(&error))?;
    Ok(AnyRegistry::new(store))
}

#[cfg(feature = "sqlite")]
async fn sqlite(name: &str) -> Result<AnyRegistry, String> {
    use tower_backchannel_logout::store::SqliteStore;

    // Also as a URL with an empty host: `sqlite:///var/lib/shop.db`.
    let path = name.trim_start_matches("sqlite:");
    let path = path.strip_prefix("//").unwrap_or(path);
    let store = SqliteStore::open(path).await;
    Ok(AnyRegistry::new(store.map_err(|error| text(&error))?))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<AnyRegistry, String> {
    Err("built without feature redis".to_owned())
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Result<AnyRegistry, String> {
    use std::time::Duration;

    use sqlx::postgres::PgPoolOptions;
    use tower_backchannel_logout::store::PostgresStore;

    let pool = PgPoolOptions::new().connect_lazy(url);
    let store = PostgresStore::builder(pool.map_err(|error| text(&error))?);
    let store = store.build().map_err(|error| text(&error))?;
    let tables = store.clone();
    // The database need not be there yet.
    tokio::spawn(async move {
        while let Err(error) = tables.migrate().await {
            tracing::warn!(%error, "the tables could not be made; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    Ok(AnyRegistry::new(store))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<AnyRegistry, String> {
    Err("built without feature postgres".to_owned())
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str) -> Result<AnyRegistry, String> {
    Err("built without feature sqlite".to_owned())
}
