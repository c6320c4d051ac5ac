//! Cookies: their names, reading one, writing one.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::COOKIE;

/// How long a random id is, in bytes.
pub(crate) const ID_LENGTH: usize = 43;

/// 256 random bits, as text that fits into a cookie or a URL.
pub(crate) fn random_id() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).expect("the system gives random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// One cookie of an application.
pub(crate) struct Cookie {
    name: String,
    attributes: &'static str,
}

impl Cookie {
    /// A cookie that scripts cannot read and other sites cannot send along with a `POST`.
    ///
    /// On plain `http` (this machine alone) the name carries the port: browsers share the cookies of all ports.
    pub(crate) fn new(kind: &str, public_url: &str) -> Self {
        if public_url.starts_with("https:") {
            return Self {
                name: format!("__Host-{kind}"),
                attributes: "Path=/; HttpOnly; SameSite=Lax; Secure",
            };
        }
        let port = public_url.rsplit(':').next().unwrap_or_default();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        Self {
            name: format!("{kind}-{port}"),
            attributes: "Path=/; HttpOnly; SameSite=Lax",
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The value the browser sent.
    pub(crate) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == self.name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// The `Set-Cookie` that stores a value until the browser is closed.
    pub(crate) fn store(&self, value: &str) -> String {
        format!("{}={value}; {}", self.name, self.attributes)
    }

    /// The `Set-Cookie` that takes it away.
    pub(crate) fn remove(&self) -> String {
        format!("{}=; {}; Max-Age=0", self.name, self.attributes)
    }
}
