//! One method for each way to break a Logout Token.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::builder::{LOGOUT_EVENT, LogoutTokenBuilder};
use super::draft::{DEFAULT_SUBJECT, Wire};
use super::jwk::rsa_public_pem;
use super::keys::SigningKey;
use crate::refusal::Refusal;

const HOUR: Duration = Duration::from_secs(3600);

/// One way to break a Logout Token, and the reason for which a relying party refuses the result.
///
/// ```
/// use tower_backchannel_logout::testing::{Breakage, TokenMint};
///
/// let mint = TokenMint::new("https://op.example", "orders-web");
/// for breakage in Breakage::ALL.iter().filter(|breakage| breakage.only_with.is_none()) {
///     let token = breakage.apply(mint.logout_token().sid("session-1")).sign();
///     // post it to the application: it must answer 400, and the session must live on
/// #   assert!(!token.is_empty());
/// }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Breakage {
    /// The name of the method of [`LogoutTokenBuilder`].
    pub name: &'static str,
    /// Why the token is refused.
    pub refusal: Refusal,
    /// The setting without which the token is good, if it takes one.
    pub only_with: Option<&'static str>,
    apply: fn(LogoutTokenBuilder) -> LogoutTokenBuilder,
}

impl Breakage {
    /// Breaks this token.
    pub fn apply(&self, token: LogoutTokenBuilder) -> LogoutTokenBuilder {
        (self.apply)(token)
    }
}

impl fmt::Debug for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakage")
            .field("name", &self.name)
            .field("refusal", &self.refusal)
            .field("only_with", &self.only_with)
            .finish()
    }
}

macro_rules! breakages {
    ($($(#[$doc:meta])* $name:ident => $refusal:ident $(only with $setting:literal)?, |$token:ident| $body:expr;)*) => {
        /// Ways to break the token, each named by what is wrong with it afterwards. [`Breakage::ALL`] lists them.
        impl LogoutTokenBuilder {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\nRefused as [`", stringify!($refusal), "`](Refusal::", stringify!($refusal), ")",
                    $(" with `", $setting, "`; good without it",)? ".")]
                pub fn $name(self) -> Self {
                    #[allow(unused_mut, reason = "some closures change the token in place")]
                    let mut $token = self;
                    $body
                }
            )*
        }

        impl Breakage {
            /// Every way there is.
            pub const ALL: &'static [Self] = &[$(Self {
                name: stringify!($name),
                refusal: Refusal::$refusal,
                only_with: breakages!(@setting $($setting)?),
                apply: LogoutTokenBuilder::$name,
            },)*];
        }
    };
    (@setting) => { None };
    (@setting $setting:literal) => { Some($setting) };
}

breakages! {
    /// The signature segment is missing.
    truncated => Malformed, |token| { token.draft.wire(Wire::TwoSegments); token };
    /// `sub` is there twice, with two values (RFC 7519 4).
    duplicate_claim => DuplicateMember, |token| {
        let mut token = token.sub(DEFAULT_SUBJECT);
        token.draft.repeat("sub", "somebody-else".into());
        token
    };
    /// A claim of 256 KiB.
    too_large => TooLarge, |token| token.claim("padding", "x".repeat(256 * 1024));
    /// `alg: none` and no signature, as the certification suite sends it.
    alg_none => AlgNone, |token| { token.draft.wire(Wire::Unsigned); token };
    /// Signed rightly with a published key of the provider, but with another algorithm than the client registered.
    wrong_alg => AlgNotAllowed, |token| {
        let alg = if token.draft.alg == "ES256" { "RS256" } else { "ES256" };
        token.alg(alg)
    };
    /// No `alg` in the header.
    without_alg => AlgNotAllowed, |token| token.without_header("alg");
    /// `HS256` with the PEM text of the provider's RSA key as the secret: the classic confusion.
    hmac_with_public_key => AlgNotAllowed, |token| {
        let rsa = token.draft.mint.key_for("RS256").expect("the mint has an RSA key").clone();
        let pem = rsa_public_pem(&rsa).expect("it is an RSA key");
        let mut token = token.kid(rsa.kid());
        token.draft.use_key("HS256", SigningKey::from_secret(pem));
        token
    };
    /// A critical header parameter that nobody knows (RFC 7515 4.1.11).
    with_crit => UnsupportedCrit, |token| {
        token.header("crit", json!(["urn:example:unknown"])).header("urn:example:unknown", true)
    };
    /// The `typ` of an access token.
    wrong_typ => WrongTyp, |token| token.typ("at+jwt");
    /// A `kid` that was never published.
    unknown_key => UnknownKey, |token| token.kid("a-key-that-nobody-published");
    /// Signed with the RSA key that is published for encryption only (`use: enc`); for a client with `RS*` or `PS*`.
    signed_by_encryption_key => UnusableKey, |token| {
        let keys = token.draft.mint.keys();
        let key = keys.iter().find(|key| key.jwk()["use"] == "enc").expect("the mint has an encryption key").clone();
        let alg = token.draft.alg.clone();
        token.key(&key).alg(if key.can_sign(&alg) { &alg } else { "RS256" })
    };
    /// Signed with somebody else's key under the `kid` of the provider's.
    signed_by_stranger => BadSignature, |token| {
        let key = token.draft.signing_key();
        let alg = token.draft.alg.clone();
        let kid = key.kid().to_owned();
        token.draft.use_key(&alg, stranger(&alg).with_kid(kid));
        token
    };
    /// One bit group of the signature is another.
    tampered_signature => BadSignature, |token| { token.draft.wire(Wire::ChangedSignature); token };
    /// A claim was added after signing.
    tampered_payload => BadSignature, |token| { token.draft.wire(Wire::ChangedPayload); token };
    /// Another issuer.
    wrong_issuer => WrongIssuer, |token| {
        let issuer = format!("{}INVALID", token.draft.mint.issuer());
        token.issuer(issuer)
    };
    /// No `iss`.
    without_issuer => WrongIssuer, |token| token.without_claim("iss");
    /// Another client.
    wrong_audience => WrongAudience, |token| {
        let audience = format!("{}INVALID", token.draft.mint.client_id());
        token.audience(audience)
    };
    /// No `aud`.
    without_audience => WrongAudience, |token| token.without_claim("aud");
    /// This client and one more.
    extra_audience => UntrustedAudience, |token| {
        let audience = vec![token.draft.mint.client_id().to_owned(), "somebody-else".to_owned()];
        token.audience(audience)
    };
    /// `azp` is another client.
    wrong_azp => WrongAzp, |token| token.claim("azp", "somebody-else");
    /// No `iat`.
    without_iat => IatMissing, |token| token.without_claim("iat");
    /// `iat` is a text.
    invalid_iat => IatInvalid, |token| token.claim("iat", "yesterday");
    /// `iat` and `exp` are an hour ahead.
    from_the_future => IatInFuture, |token| {
        let later = token.draft.now.saturating_add(HOUR);
        token.issued_at(later).expires_at(later.saturating_add(HOUR))
    };
    /// `iat` is an hour ago; `exp` is still ahead.
    too_old => TooOld, |token| {
        let earlier = token.draft.now.saturating_sub(HOUR);
        token.issued_at(earlier)
    };
    /// No `exp`, as older providers do it.
    without_exp => ExpMissing only with "require_exp", |token| token.without_claim("exp");
    /// `exp` is a text.
    invalid_exp => ExpInvalid, |token| token.claim("exp", "tomorrow");
    /// `exp` was two minutes ago; `iat` is recent enough.
    expired => Expired, |token| {
        let now = token.draft.now;
        token
            .issued_at(now.saturating_sub(Duration::from_secs(240)))
            .expires_at(now.saturating_sub(Duration::from_secs(120)))
    };
    /// `nbf` is a text.
    invalid_nbf => NbfInvalid, |token| token.claim("nbf", "now");
    /// `nbf` is an hour ahead.
    not_yet_valid => NotYetValid, |token| {
        let later = token.draft.now.saturating_add(HOUR).as_secs();
        token.claim("nbf", later)
    };
    /// Good for an hour.
    long_lived => LifetimeTooLong only with "max_lifetime", |token| {
        let later = token.draft.now.saturating_add(HOUR);
        token.expires_at(later)
    };
    /// No `jti`.
    without_jti => JtiMissing, |token| token.without_claim("jti");
    /// An empty `jti`.
    empty_jti => JtiInvalid, |token| token.jti("");
    /// Neither `sub` nor `sid`.
    names_nobody => NoSubOrSid, |token| token.without_claim("sub").without_claim("sid");
    /// `sub` is null and there is no `sid`.
    null_subject => NoSubOrSid, |token| token.claim("sub", Value::Null).without_claim("sid");
    /// `sub` is a number.
    numeric_subject => InvalidSub, |token| token.claim("sub", 7);
    /// `sid` is empty, and `sub` is good: guessing could end all sessions instead of one.
    empty_sid => InvalidSid, |token| token.sub(DEFAULT_SUBJECT).sid("");
    /// A `sub` alone.
    without_sid => SidMissing only with "require_sid", |token| token.sub(DEFAULT_SUBJECT).without_claim("sid");
    /// No `events`.
    without_events => EventsMissing, |token| token.without_claim("events");
    /// Another event.
    wrong_event => EventsInvalid, |token| {
        token.claim("events", json!({ "https://schemas.openid.net/secevent/risc/event-type/account-purged": {} }))
    };
    /// The value of the event is null.
    null_event => EventsInvalid, |token| token.claim("events", json!({ LOGOUT_EVENT: null }));
    /// A `nonce`, as if it were an ID Token (BCL 2.4).
    with_nonce => NoncePresent, |token| token.claim("nonce", "n-0S6_WzA2Mj");
    /// A `nonce` that is null: its presence counts.
    with_null_nonce => NoncePresent, |token| token.claim("nonce", Value::Null);
    /// Five segments of random bytes. With a decryption key it is refused as [`DecryptionFailed`](Refusal::DecryptionFailed).
    encrypted_garbage => Encrypted, |token| { token.draft.wire(Wire::Encrypted); token };
}

/// A key of no provider. The RSA one is made once: it is only ever used to be refused.
fn stranger(alg: &str) -> SigningKey {
    static RSA: OnceLock<SigningKey> = OnceLock::new();
    if alg.starts_with("HS") {
        return SigningKey::from_secret(
            "the secret of somebody else, long enough for every one of HS256/384/512",
        );
    }
    if alg.starts_with("RS") || alg.starts_with("PS") {
        return RSA.get_or_init(|| SigningKey::generate("RS256")).clone();
    }
    SigningKey::generate(alg)
}
