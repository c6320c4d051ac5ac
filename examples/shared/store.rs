//! Where the sessions are kept, chosen when the application starts.

use tower_backchannel_logout::session::AnyRegistry;
use tower_backchannel_logout::store::MemoryStore;

/// The store that `--store` names. No server has to be there yet: it is connected to when it is first needed.
pub(crate) fn open(name: &str) -> Result<AnyRegistry, String> {
    let (scheme, _) = name.split_once(':').unwrap_or((name, ""));
    match scheme {
        "memory" => Ok(AnyRegistry::new(MemoryStore::default())),
        "redis" | "rediss" => redis(name),
        "postgres" | "postgresql" => postgres(name),
        "sqlite" => sqlite(name),
        _ => Err("--store is none of memory, redis://…, postgres://…, sqlite:PATH".to_owned()),
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<AnyRegistry, String> {
    tower_backchannel_logout::store::RedisStore::connect(url)
        .map(AnyRegistry::new)
        .map_err(|error| format!("--store: {error}"))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<AnyRegistry, String> {
    Err("--store: built without feature redis".to_owned())
}

fn postgres(_: &str) -> Result<AnyRegistry, String> {
    Err("--store: built without feature postgres".to_owned())
}

#[cfg(feature = "sqlite")]
fn sqlite(name: &str) -> Result<AnyRegistry, String> {
    match name.split_once(':') {
        Some((_, path)) if !path.is_empty() => Ok(AnyRegistry::new(
            tower_backchannel_logout::store::SqliteStore::over(path),
        )),
        _ => Err("--store: sqlite needs a file, as in sqlite:sessions.db".to_owned()),
    }
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str) -> Result<AnyRegistry, String> {
    Err("--store: built without feature sqlite".to_owned())
}
