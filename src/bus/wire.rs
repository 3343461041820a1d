//! The bytes on a stream: a hand-written header, then bincode of structs that are frozen per version.

use bytes::Bytes;

use super::message::{Message, Sender};

/// The newest version that this program writes and reads.
pub const NEWEST: u16 = 2;
/// The oldest that it still reads, and writes while a node of the cluster reads no newer one.
pub const OLDEST: u16 = 1;

/// Why bytes are no message; whoever wrote them is counted, and nothing else happens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not ours at all, cut off, or damaged on the way.
    #[error("no message of isobar: {0}")]
    Broken(&'static str),
    /// From a newer or a much older node.
    #[error("wire version {0}, and this node reads {OLDEST} to {NEWEST}")]
    Version(u16),
    /// Of a kind that this version does not know.
    #[error("unknown kind of message {0}")]
    Kind(u16),
}

/// The bytes of a message in that version; none when the version has no words for it.
pub fn encode(_version: u16, _from: &Sender, _message: &Message) -> Option<Bytes> {
    todo!()
}

/// Who wrote it and what it says. `newest` is the newest version that this node reads.
pub fn decode(_bytes: &[u8], _newest: u16) -> Result<(Sender, Message), Refusal> {
    todo!()
}
