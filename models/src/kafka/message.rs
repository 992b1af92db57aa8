//! Messages.

/// A message.
#[derive(Clone, Debug)]
pub enum Message {}

impl Message {
    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        match *self {}
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match *self {}
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match *self {}
    }
}
