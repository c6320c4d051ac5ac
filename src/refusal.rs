//! Why a Logout Token is not acceptable: one stable code for each reason.

use std::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident => $code:literal, $text:literal;)*) => {
        /// Why a Logout Token was refused. It never holds data from the token.
        ///
        /// The search of this documentation finds each by its code. Likely causes and what to do about them are on the page
        /// [`operation`](crate::guide::operation#refused-tokens) of the guide.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* #[doc = concat!("\n\nCode: `", $code, "`.")] #[doc(alias = $code)] $variant,)*
        }

        impl Refusal {
            /// Every reason, for tests and for pre-registering metrics.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code of the reason, for logs and metrics.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The constant text of the reason, fit for `error_description` (RFC 6749 5.2: printable ASCII without
            /// quote and backslash).
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

refusals! {
    /// The form has no `logout_token`, or an empty one.
    MissingLogoutToken => "missing_logout_token", "there is no logout_token in the form";
    /// There is more than one `logout_token`.
    DuplicateParameter => "duplicate_parameter", "there is more than one logout_token";
    /// It is not a compact JWS or JWE of UTF-8 JSON objects, or a header member has a type that it cannot have.
    Malformed => "malformed", "the token is not a well-formed compact JWT";
    /// A member name occurs twice.
    DuplicateMember => "duplicate_member", "the token repeats a member name";
    /// It is larger than the verifier takes.
    TooLarge => "too_large", "the token is too large";
    /// It is not signed.
    AlgNone => "alg_none", "the token is not signed";
    /// `alg` is absent, no string, or not the expected one.
    AlgNotAllowed => "alg_not_allowed", "the alg of the token is not the one registered for this client";
    /// `crit` or `b64` is present.
    UnsupportedCrit => "unsupported_crit", "the token asks for an extension that is not supported";
    /// `typ` is not one of the accepted ones.
    WrongTyp => "wrong_typ", "the typ of the token is not that of a logout token";
    /// No published key has this `kid`, or none is of the right type.
    UnknownKey => "unknown_key", "no key of the provider matches the token";
    /// The key that it names is not for verifying, not for this algorithm, too weak, or unreadable.
    UnusableKey => "unusable_key", "the key of the token cannot be used to verify it";
    /// Too many keys could be meant.
    AmbiguousKey => "ambiguous_key", "too many keys could be meant; the token needs a kid";
    /// The signature is not that of the key.
    BadSignature => "bad_signature", "the signature of the token is not valid";
    /// `iss` is not the issuer of a configured provider.
    WrongIssuer => "wrong_issuer", "the iss of the token is not a configured provider";
    /// `aud` does not contain the client, or has a wrong form.
    WrongAudience => "wrong_audience", "the aud of the token does not name this client";
    /// `aud` names somebody else too.
    UntrustedAudience => "untrusted_audience", "the aud of the token names an audience that is not trusted";
    /// `azp` is not the client.
    WrongAzp => "wrong_azp", "the azp of the token is not this client";
    /// There is no `iat`.
    IatMissing => "iat_missing", "the token has no iat";
    /// `iat` is not a usable number.
    IatInvalid => "iat_invalid", "the iat of the token is not a usable number";
    /// `iat` is later than now and the leeway.
    IatInFuture => "iat_in_future", "the iat of the token is in the future";
    /// `iat` is too long ago.
    TooOld => "too_old", "the iat of the token is too long ago";
    /// There is no `exp` and one is required.
    ExpMissing => "exp_missing", "the token has no exp";
    /// `exp` is not a usable number.
    ExpInvalid => "exp_invalid", "the exp of the token is not a usable number";
    /// `exp` is over.
    Expired => "expired", "the token is expired";
    /// `nbf` is not a usable number.
    NbfInvalid => "nbf_invalid", "the nbf of the token is not a usable number";
    /// `nbf` is still ahead.
    NotYetValid => "not_yet_valid", "the nbf of the token is in the future";
    /// `exp` is too far from `iat`.
    LifetimeTooLong => "lifetime_too_long", "the exp of the token is too far from its iat";
    /// There is no `jti`.
    JtiMissing => "jti_missing", "the token has no jti";
    /// `jti` is not a non-empty string.
    JtiInvalid => "jti_invalid", "the jti of the token is not a non-empty string of at most 2048 bytes";
    /// It names nobody.
    NoSubOrSid => "no_sub_or_sid", "the token has neither sub nor sid";
    /// `sub` is not a non-empty string of at most 2048 bytes.
    InvalidSub => "invalid_sub", "the sub of the token is not a non-empty string of at most 2048 bytes";
    /// `sid` is not a non-empty string of at most 2048 bytes.
    InvalidSid => "invalid_sid", "the sid of the token is not a non-empty string of at most 2048 bytes";
    /// There is no `sid` and one is required.
    SidMissing => "sid_missing", "the token has no sid";
    /// There is no `events`.
    EventsMissing => "events_missing", "the token has no events";
    /// `events` is not an object with the logout event, or the event's value is not an object.
    EventsInvalid => "events_invalid", "the events of the token do not hold the back-channel logout event";
    /// There is a `nonce`, whatever its value.
    NoncePresent => "nonce_present", "the token has a nonce";
    /// It is encrypted and encryption is not configured.
    Encrypted => "encrypted", "the token is encrypted and no decryption key is configured";
    /// It is not encrypted and has to be.
    EncryptionRequired => "encryption_required", "the token is not encrypted";
    /// Key management, content encryption or compression is not allowed.
    JweNotAllowed => "jwe_not_allowed", "the encryption of the token is not one that is allowed";
    /// It cannot be decrypted with the RP's keys.
    DecryptionFailed => "decryption_failed", "the token cannot be decrypted";
    /// What was encrypted is not a signed token.
    NotNested => "not_nested", "the token is encrypted but not signed";
    /// It was processed before, and repetitions are refused by configuration (spec BCL-164).
    Replayed => "replayed", "the token was processed before";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for Refusal {}
