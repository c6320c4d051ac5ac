//! The compact serialisation, split and decoded strictly (RFC 7515 7.1, RFC 7516 7.1).

use std::str;

use base64::Engine as _;
// No padding, no foreign character, no stray bits in the last character (RFC 4648 3.5).
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::refusal::Refusal;

/// The largest token that is looked at, in bytes. Today's are 1 to 5 KiB; this leaves room for larger signatures.
pub(crate) const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What the number of segments says (spec BCL-50, 61).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Three segments: a JWS.
    Signed,
    /// Five segments: a JWE.
    Encrypted,
}

impl Form {
    /// Counts the dots between segments, and nothing else: the cheapest look at a token there is.
    pub(crate) fn of(token: &str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge);
        }
        match count(token, |byte| byte == b'.') {
            2 => Ok(Self::Signed),
            4 => Ok(Self::Encrypted),
            _ => Err(Refusal::Malformed),
        }
    }
}

/// How many bytes of a text are like that. In parts whose number fits a byte, which a processor counts many at a time.
pub(super) fn count(text: &str, is: impl Fn(u8) -> bool) -> usize {
    let count_part = |part: &[u8]| part.iter().map(|byte| u8::from(is(*byte))).sum::<u8>();
    let parts = text.as_bytes().chunks(usize::from(u8::MAX));
    parts.map(|part| usize::from(count_part(part))).sum()
}

/// A JWS in compact form with its three segments decoded into one buffer.
pub(crate) struct Compact<'a> {
    signing_input: &'a str,
    decoded: Vec<u8>,
    header_end: usize,
    payload_end: usize,
}

impl<'a> Compact<'a> {
    /// Decodes a signed token; an encrypted one is [`Refusal::Encrypted`].
    pub(crate) fn decode(token: &'a str) -> Result<Self, Refusal> {
        if Form::of(token)? == Form::Encrypted {
            return Err(Refusal::Encrypted);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Refusal::Malformed)?;
        let mut decoded = Vec::with_capacity(token.len());
        let mut append = |segment: &str| {
            URL_SAFE_NO_PAD
                .decode_vec(segment, &mut decoded)
                .map_err(|_| Refusal::Malformed)
                .map(|()| decoded.len())
        };
        let header_end = append(header)?;
        let payload_end = append(payload)?;
        append(signature)?;
        Ok(Self {
            signing_input,
            decoded,
            header_end,
            payload_end,
        })
    }

    /// The header as text. A byte order mark is not removed, and then is no JSON (RFC 8259 8.1).
    pub(crate) fn header(&self) -> Result<&str, Refusal> {
        text(self.decoded.get(..self.header_end))
    }

    /// The payload as text.
    pub(crate) fn payload(&self) -> Result<&str, Refusal> {
        text(self.decoded.get(self.header_end..self.payload_end))
    }

    /// The bytes that were signed.
    pub(crate) const fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature; empty in an unsigned token.
    pub(crate) fn signature(&self) -> &[u8] {
        self.decoded.get(self.payload_end..).unwrap_or_default()
    }
}

fn text(bytes: Option<&[u8]>) -> Result<&str, Refusal> {
    bytes
        .and_then(|bytes| str::from_utf8(bytes).ok())
        .ok_or(Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: &str) -> Option<Refusal> {
        Compact::decode(token).err()
    }

    #[test]
    fn three_segments_are_decoded_and_keep_their_signing_input() {
        // BCL-50
        let compact = Compact::decode("e30.e30.AP8").ok().unwrap();
        assert_eq!(compact.header(), Ok("{}"));
        assert_eq!(compact.payload(), Ok("{}"));
        assert_eq!(compact.signature(), [0, 255]);
        assert_eq!(compact.signing_input(), b"e30.e30");
    }

    #[test]
    fn any_other_number_of_segments_is_malformed_except_five() {
        // BCL-50, BCL-61
        for token in ["", "e30", "e30.e30", "e30.e30.e30.e30", "a.b.c.d.e.f"] {
            assert_eq!(refusal(token), Some(Refusal::Malformed), "{token}");
        }
        assert_eq!(Form::of("a.b.c.d.e"), Ok(Form::Encrypted));
        assert_eq!(refusal("a.b.c.d.e"), Some(Refusal::Encrypted));
    }

    #[test]
    fn base64url_has_one_spelling_only() {
        // BCL-50
        for token in [
            "e30=.e30.AP8", // padding
            "e30.e30=.AP8",
            "e30.e30.AP8=",
            "e31.e30.AP8", // stray bits
            "e30.e31.AP8",
            "e30.e30.AP9",
            "e30.e30.A/8w", // standard alphabet
            "e30.e30.A+8w",
            " e30.e30.AP8", // white space
            "e30. e30.AP8",
            "e30.e30.AP8\n",
            "e30.e30.AP8\0",
            "e30.e30.é",
            "e30.e30.A", // half a byte
            "{\"payload\":\"e30\"}",
        ] {
            assert_eq!(refusal(token), Some(Refusal::Malformed), "{token}");
        }
        assert_eq!(refusal("e30.e30.A-_w"), None);
    }

    #[test]
    fn text_that_is_not_utf_8_is_malformed() {
        // BCL-51
        let compact = Compact::decode("_w._w.").ok().unwrap();
        assert_eq!(compact.header(), Err(Refusal::Malformed));
        assert_eq!(compact.payload(), Err(Refusal::Malformed));
        assert!(compact.signature().is_empty());
    }

    #[test]
    fn size_is_bounded_on_both_sides() {
        // BCL-173
        let token = |length: usize| format!("e30.e30.{}", "A".repeat(length - 8));
        assert_eq!(refusal(&token(64 * 1024)), None);
        assert_eq!(refusal(&token(64 * 1024 + 1)), Some(Refusal::TooLarge));
    }
}
