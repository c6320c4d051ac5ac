//! Signature checks, straight over aws-lc-rs.

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaParameters, VerificationAlgorithm};

use super::{Algorithm, ClientSecret, Compact, JwkSet};
use crate::refusal::Refusal;

/// How many keys are tried for one token (spec BCL-73, 74).
pub(super) const MAX_TRIES: usize = 8;

/// Where the keys of a client come from: one or the other, so that a public key can never serve as a secret (spec
/// BCL-41).
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// The published keys of the OP.
    Public(&'a JwkSet),
    /// The secret of the client.
    Secret(&'a ClientSecret),
}

impl Keys<'_> {
    /// Checks the signature with the keys that fit, and no others.
    pub(crate) fn verify(
        self,
        token: &Compact<'_>,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<(), Refusal> {
        match self {
            Self::Public(set) => verify_public(set, token, algorithm, kid),
            Self::Secret(secret) => {
                // A secret too short for this algorithm was refused when the client was configured.
                let key = secret.key(algorithm).ok_or(Refusal::UnusableKey)?;
                count_operation();
                aws_lc_rs::hmac::verify(key, token.signing_input(), token.signature())
                    .map_err(|_| Refusal::BadSignature)
            }
        }
    }
}

fn verify_public(
    set: &JwkSet,
    token: &Compact<'_>,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<(), Refusal> {
    let found = set.candidates(kid, algorithm).take(MAX_TRIES + 1).count();
    if found == 0 {
        return Err(match kid {
            Some(kid) if set.contains_kid(kid) => Refusal::UnusableKey,
            _ => Refusal::UnknownKey,
        });
    }
    // Without a name, more candidates are refused before any is tried (spec BCL-74).
    if kid.is_none() && found > MAX_TRIES {
        return Err(Refusal::AmbiguousKey);
    }
    try_keys(set.candidates(kid, algorithm), MAX_TRIES, token)
}

/// Checks the signature once more after a refresh, with the keys that `seen` did not have: those it had were tried. All
/// tries for one token together stay within the limit (spec BCL-73, 74, 172).
pub(crate) fn verify_refreshed(
    seen: &JwkSet,
    newer: &JwkSet,
    token: &Compact<'_>,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<(), Refusal> {
    match seen.candidates(kid, algorithm).take(MAX_TRIES).count() {
        0 => verify_public(newer, token, algorithm, kid),
        tried => {
            let new = newer.candidates_beyond(seen, kid, algorithm);
            try_keys(new, MAX_TRIES.saturating_sub(tried), token)
        }
    }
}

fn try_keys<'k>(
    mut keys: impl Iterator<Item = &'k ParsedPublicKey>,
    limit: usize,
    token: &Compact<'_>,
) -> Result<(), Refusal> {
    let verified = keys.by_ref().take(limit).any(|key| {
        count_operation();
        key.verify_sig(token.signing_input(), token.signature())
            .is_ok()
    });
    match verified {
        true => Ok(()),
        false if keys.next().is_some() => Err(Refusal::AmbiguousKey),
        false => Err(Refusal::BadSignature),
    }
}

/// Which of the six prepared forms of an RSA key serves the algorithm.
pub(super) const fn rsa_index(algorithm: Algorithm) -> Option<usize> {
    Some(match algorithm {
        Algorithm::Rs256 => 0,
        Algorithm::Rs384 => 1,
        Algorithm::Rs512 => 2,
        Algorithm::Ps256 => 3,
        Algorithm::Ps384 => 4,
        Algorithm::Ps512 => 5,
        _ => return None,
    })
}

pub(super) const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &lc::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &lc::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// The algorithms that have a curve of their own. ECDSA signatures are two integers of fixed length, never DER (RFC 7518
/// 3.4; spec BCL-78).
pub(super) const fn single_algorithm(
    algorithm: Algorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::Es256 => &lc::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &lc::ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &lc::ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDsa => &lc::ED25519,
        _ => return None,
    })
}

#[cfg(test)]
thread_local! {
    static OPERATIONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many signatures or MACs were checked on this thread so far (spec BCL-172).
#[cfg(test)]
pub(crate) fn operations() -> usize {
    OPERATIONS.get()
}

#[inline]
fn count_operation() {
    #[cfg(test)]
    OPERATIONS.set(OPERATIONS.get() + 1);
}
