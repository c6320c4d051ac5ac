//! How an application presents itself.

/// The name and colour of an application.
#[derive(Clone)]
pub(crate) struct Brand {
    pub(crate) name: String,
    pub(crate) tagline: String,
    /// The colour of its pages: a hue in degrees.
    pub(crate) hue: u16,
    /// Where its pages lead: label and URL.
    pub(crate) links: Vec<(String, String)>,
}

impl Brand {
    pub(crate) fn new(name: &str, tagline: &str, hue: u16) -> Self {
        Self {
            name: name.to_owned(),
            tagline: tagline.to_owned(),
            hue,
            links: Vec::new(),
        }
    }
}
