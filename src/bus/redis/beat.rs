//! A beat: one script, one way there and back.

use std::{sync::LazyLock, time::Duration};

use redis::{ErrorKind, RedisResult, Script};

use super::{keys::key, line::Connection};
use crate::{
    bus::transport::{Beat, HEARD, LEASE, OFFERS, Tended},
    model::{Timestamp, cluster::Member},
};

static TEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("tend.lua")));

pub(super) async fn tend(mut connection: Connection, beat: Beat) -> RedisResult<Tended> {
    let mut call = TEND.prepare_invoke();
    for name in ["members", "lease", "fence", "version", "born", "offers"] {
        call.key(key(&beat.region, name));
    }
    call.arg(beat.node.as_str()).arg(beat.boot).arg(u8::from(beat.leaving)).arg(u8::from(beat.gone)).arg(beat.wire);
    call.arg(u8::from(beat.wants_lease)).arg(beat.version);
    for length in [HEARD, LEASE, OFFERS] {
        call.arg(length.as_millis() as u64);
    }
    let words: Vec<String> = call.invoke_async(&mut connection).await?;
    read(&words).ok_or_else(|| (ErrorKind::UnexpectedReturnType, "not the answer to a beat").into())
}

/// Now, whether the name is taken, whether all was lost, `node boot fence` of the leader, how long that lasts; then five words for each member.
fn read(words: &[String]) -> Option<Tended> {
    let (head, members) = words.split_at_checked(5)?;
    let member = |words: &[String; 5]| {
        let [node, boot, leaving, wire, ago] = words;
        let member =
            Member { node: node.as_str().into(), boot: boot.parse().ok()?, leaving: leaving == "1", wire: wire.parse().ok()? };
        Some((member, millis(ago)?))
    };
    let leader = |held: &str| {
        let (rest, fence) = held.rsplit_once(' ')?;
        let (node, boot) = rest.rsplit_once(' ')?;
        Some((node.into(), boot.parse().ok()?, fence.parse().ok()?))
    };
    let (members, _) = members.as_chunks::<5>();
    let mut members = members.iter().map(member).collect::<Option<Vec<_>>>()?;
    members.sort_by(|(a, _), (b, _)| a.node.cmp(&b.node));
    Some(Tended {
        members,
        leader: leader(&head[3]),
        lasts: millis(&head[4])?,
        wiped: head[2] == "1",
        name_taken: head[1] == "1",
        time: Timestamp(chrono::DateTime::from_timestamp_millis(head[0].parse().ok()?)?),
    })
}

fn millis(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}
