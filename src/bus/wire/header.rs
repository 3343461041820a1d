//! What stands before the payload, all numbers little-endian: magic `u32`, version `u16`, kind `u16`, flags `u16`; the sender's region
//! and node, each a length `u8` and its text; its boot `u64` and sequence `u64`; the payload's length `u32`; a CRC-32 over all before
//! it and the payload, `u32`. Only what comes before the flags is the same in every version to come.

use bytes::{Buf, BufMut};

use super::{LONGEST, OLDEST, Refusal};
use crate::bus::message::Sender;

/// `isob`.
const MAGIC: u32 = u32::from_le_bytes(*b"isob");

/// Nothing is flagged yet. Whoever flags says that the payload is to be read otherwise, so a reader that does not know a flag refuses.
const FLAGS: u16 = 0;

/// Bytes without the two names: see the module.
const FIXED: usize = 4 + 2 + 2 + 2 + 1 + 1 + 8 + 8 + 4 + 4;

pub(super) struct Header {
    pub(super) version: u16,
    pub(super) kind: u16,
    pub(super) from: Sender,
}

/// A header that [`end`] completes, with room for a payload so long; none when a name is longer than its length can say.
pub(super) fn begin(version: u16, kind: u16, from: &Sender, long: usize) -> Option<Vec<u8>> {
    let names = [from.region.as_str(), from.node.as_str()];
    let mut bytes = Vec::with_capacity(FIXED + names[0].len() + names[1].len() + long);
    bytes.put_u32_le(MAGIC);
    bytes.put_u16_le(version);
    bytes.put_u16_le(kind);
    bytes.put_u16_le(FLAGS);
    for name in names {
        bytes.put_u8(name.len().try_into().ok()?);
        bytes.put_slice(name.as_bytes());
    }
    bytes.put_u64_le(from.boot);
    bytes.put_u64_le(from.sequence);
    bytes.put_u32_le(long.try_into().ok()?);
    bytes.put_u32_le(0); // the sum, when all is written
    Some(bytes)
}

/// Writes the sum, now that a payload so long stands behind the header.
pub(super) fn end(bytes: &mut [u8], long: usize) {
    let (header, payload) = bytes.split_at_mut(bytes.len() - long);
    let (said, sum) = header.split_at_mut(header.len() - 4);
    sum.copy_from_slice(&sum_of(said, payload).to_le_bytes());
}

/// The header and the payload behind it, which is whole.
pub(super) fn read(bytes: &[u8], newest: u16) -> Result<(Header, &[u8]), Refusal> {
    let mut rest = bytes;
    if rest.try_get_u32_le() != Ok(MAGIC) {
        return Err(Refusal::Broken("it begins otherwise"));
    }
    let version = rest.try_get_u16_le().map_err(|_| CUT_OFF)?;
    if !(OLDEST..=newest).contains(&version) {
        return Err(Refusal::Version(version));
    }
    let kind = rest.try_get_u16_le().map_err(|_| CUT_OFF)?;
    let flags = rest.try_get_u16_le().map_err(|_| CUT_OFF)?;
    let (region, node) = (name(&mut rest)?, name(&mut rest)?);
    let boot = rest.try_get_u64_le().map_err(|_| CUT_OFF)?;
    let sequence = rest.try_get_u64_le().map_err(|_| CUT_OFF)?;
    let long = rest.try_get_u32_le().map_err(|_| CUT_OFF)? as usize;
    let sum = rest.try_get_u32_le().map_err(|_| CUT_OFF)?;
    if long > LONGEST {
        return Err(Refusal::Broken("it is too long"));
    }
    if long != rest.len() {
        return Err(if long > rest.len() { CUT_OFF } else { Refusal::Broken("something follows it") });
    }
    let said = &bytes[..bytes.len() - long - 4];
    if sum != sum_of(said, rest) {
        return Err(Refusal::Broken("it was damaged on the way"));
    }
    if flags != FLAGS {
        return Err(Refusal::Broken("it has flags that nobody knows"));
    }
    let text = |name| std::str::from_utf8(name).map_err(|_| Refusal::Broken("its sender's name is no text"));
    let from = Sender { region: text(region)?.into(), node: text(node)?.into(), boot, sequence };
    Ok((Header { version, kind, from }, rest))
}

const CUT_OFF: Refusal = Refusal::Broken("it is cut off");

fn name<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refusal> {
    let long = rest.try_get_u8().map_err(|_| CUT_OFF)?.into();
    let (name, after) = rest.split_at_checked(long).ok_or(CUT_OFF)?;
    *rest = after;
    Ok(name)
}

fn sum_of(header: &[u8], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(header);
    sum.update(payload);
    sum.finalize()
}
