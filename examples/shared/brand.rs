//! How an application presents itself.

/// A door and an arrow: the sign of an application that has none of its own.
const DOOR: &str = "<path d='M13 4h5v16h-5M4 12h9M9.5 8.5 13 12l-3.5 3.5'/>";

/// The name, colour and sign of an application.
#[derive(Clone)]
pub(crate) struct Brand {
    pub(crate) name: String,
    pub(crate) tagline: String,
    /// The colour of its pages: a hue in degrees.
    pub(crate) hue: u16,
    /// Its sign: SVG shapes on 24 by 24, drawn as lines.
    pub(crate) sign: &'static str,
    /// Where its pages lead: label and URL.
    pub(crate) links: Vec<(String, String)>,
    /// Where a customer ends the session at the provider, and with it all others.
    pub(crate) everywhere: Option<String>,
}

impl Brand {
    pub(crate) fn new(name: &str, tagline: &str, hue: u16) -> Self {
        Self {
            name: name.to_owned(),
            tagline: tagline.to_owned(),
            hue,
            sign: DOOR,
            links: Vec::new(),
            everywhere: None,
        }
    }
}
