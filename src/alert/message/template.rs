//! Templates of a channel: what replaces the title and the text of a notice.

use super::Notice;

/// What a channel says in place of the notice's title and text.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    title: Option<String>,
    body: Option<String>,
}

/// A notice's words for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worded {
    /// The headline.
    pub title: String,
    /// The text, when the channel has one of its own.
    pub body: Option<String>,
}

impl Templates {
    /// Checks them.
    pub fn new(title: Option<&str>, body: Option<&str>) -> Result<Self, String> {
        Ok(Self { title: title.map(Into::into), body: body.map(Into::into) })
    }

    /// Fills them in.
    pub fn apply(&self, notice: &Notice) -> Worded {
        Worded { title: self.title.clone().unwrap_or_else(|| notice.title.clone()), body: self.body.clone() }
    }
}
