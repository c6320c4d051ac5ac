//! The private keys of an application that has its tokens encrypted.

use std::error::Error;

use tower_backchannel_logout::provider::ClientBuilder;

use super::relying_party::Settings;

/// Gives the client the keys that `--decryption-keys` names, if it does.
pub(crate) fn add_keys(
    client: ClientBuilder,
    settings: &Settings,
) -> Result<ClientBuilder, Box<dyn Error + Send + Sync>> {
    match &settings.decryption_keys {
        Some(source) => from(source, client, settings),
        None => Ok(client),
    }
}

#[cfg(feature = "jwe")]
fn from(
    source: &str,
    client: ClientBuilder,
    settings: &Settings,
) -> Result<ClientBuilder, Box<dyn Error + Send + Sync>> {
    use tower_backchannel_logout::jose::jwe::DecryptionKeys;

    let keys = DecryptionKeys::builder();
    let keys = match (source, &settings.client_secret) {
        ("client-secret", Some(secret)) => keys.with_client_secret(secret),
        ("client-secret", None) => {
            return Err("--decryption-keys client-secret: --client-secret is missing".into());
        }
        (file, _) => {
            let set = std::fs::read(file);
            keys.with_jwk_set(&set.map_err(|e| format!("--decryption-keys {file}: {e}"))?)
        }
    };
    Ok(client.with_decryption_keys(keys.build()?))
}

#[cfg(not(feature = "jwe"))]
fn from(
    _: &str,
    _: ClientBuilder,
    _: &Settings,
) -> Result<ClientBuilder, Box<dyn Error + Send + Sync>> {
    Err("--decryption-keys: built without feature jwe".into())
}
