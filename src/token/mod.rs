//! What a Logout Token must be (BCL 2.4), checked in the order of BCL 2.6.
//!
//! 1. The header: no extension, the one expected `alg`, an accepted `typ` (spec BCL-52 to 58).
//! 2. The signature, with the keys of the OP or the client secret and nothing else (spec BCL-70 to 74).
//! 3. `iss`, `aud` and `azp` are ours; `iat`, `exp` and `nbf` allow the token now (BCL 2.6 step 4).
//! 4. `sub` or `sid` names somebody (step 5).
//! 5. `events` holds the logout event (step 6).
//! 6. There is no `nonce` (step 7).
//! 7. There is a `jti` (BCL 2.4).
//!
//! A [`TokenPolicy`] says where the specification leaves a choice. An [`Expectation`] runs all of it on one token with
//! keys at hand; a [`LogoutToken`] is the proof that it passed.

mod claims;
mod expectation;
mod id_token;
mod logout_token;
mod number;
mod parsed;
mod policy;
mod validate;

pub use expectation::Expectation;
pub use id_token::{IdTokenRefusal, check_id_token};
pub use logout_token::LogoutToken;
pub(crate) use parsed::ParsedToken;
pub use policy::TokenPolicy;

#[cfg(test)]
mod tests;
