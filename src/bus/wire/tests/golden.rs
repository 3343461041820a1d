//! The bytes as they leave the house and what they mean, one file per version and kind. What was written once is read and written so for
//! ever, but for its JSON, which may grow and is only read. `BLESS=1` makes files that are missing, and says anew what old bytes mean when
//! the model has grown; it changes no byte.

use std::{fmt::Write as _, fs, path::Path};

use super::{Arbitrary, messages, sender};
use crate::{
    bus::wire::{NEWEST, OLDEST, decode, encode, word::Word},
    model::{Outcome, Phase, Rule, Severity, Status, health::TransitionKind, sample::PoolerKind},
};

const KINDS: [&str; 9] = ["beat", "reports", "figures", "removed", "views", "news", "ask", "reply", "vitals"];

/// Where a file's bytes end and their meaning begins.
const MEANS: &str = "\nmeans\n\n";

/// Sixteen bytes a line, with what can be read of them.
fn dump(bytes: &[u8]) -> String {
    bytes.chunks(16).fold(String::new(), |mut text, line| {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let seen: String = line.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
        let _ = writeln!(text, "{:47}  {seen}", hex.join(" "));
        text
    })
}

fn undump(text: &str) -> Vec<u8> {
    let bytes = text.lines().flat_map(|line| line[..47].split_whitespace());
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect()
}

#[test]
fn the_bytes_of_each_version_and_their_meaning_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wire");
    let is_blessed = std::env::var_os("BLESS").is_some();
    let mut seen = Vec::new();
    for version in OLDEST..=NEWEST {
        for (kind, message) in KINDS.into_iter().zip(messages(&mut Arbitrary::full(20))) {
            let file = folder.join(format!("v{version}_{kind}.txt"));
            let Some(made_up) = encode(version, &sender(), &message) else { continue };
            let kept = fs::read_to_string(&file).unwrap_or_default();
            let bytes = kept.split_once(MEANS).map_or(made_up.to_vec(), |(bytes, _)| undump(bytes));
            let (from, read) = decode(&bytes, NEWEST).unwrap_or_else(|refusal| panic!("{}: {refusal}", file.display()));
            let now = encode(version, &from, &read).expect("it was said in that version");
            let is_frozen = now == bytes || ["news", "ask", "reply", "vitals"].contains(&kind);
            let text = format!("{}{MEANS}{from:#?}\n{read:#?}\n", dump(if is_frozen { &bytes } else { &now }));
            if is_blessed && is_frozen {
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(&file, &text).expect("written");
                continue;
            }
            assert!(kept == text, "{} differs; now:\n{text}", file.display());
            seen.push((version, kind));
        }
    }
    assert_eq!(seen.len(), if is_blessed { 0 } else { 33 }, "{seen:?}");
}

/// Numbered from 0, without gaps, and nothing after the last.
fn numbered<T: std::fmt::Debug>() -> String
where
    for<'a> u8: Word<'a, T>,
{
    let names: Vec<_> = (0..=u8::MAX).map(|number| number.thaw().ok().map(|name: T| format!("{name:?}"))).collect();
    let known = names.iter().take_while(|name| name.is_some()).count();
    assert!(names[known..].iter().all(Option::is_none), "a gap at {known}");
    names.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What was numbered stays so; more may follow.
#[test]
fn the_numbers_of_the_enums_are_as_they_were() {
    assert_eq!(numbered::<Status>(), "Healthy Degraded Unknown Unhealthy");
    assert_eq!(numbered::<Severity>(), "Low Medium High Critical");
    assert_eq!(numbered::<TransitionKind>(), "Pending Withdrawn Firing SeverityChanged Cleared");
    assert_eq!(numbered::<Phase>(), "Dns Tcp Tls Auth FirstQuery Query");
    assert_eq!(numbered::<PoolerKind>(), "Pgbouncer Supavisor Supabase Pgcat Odyssey Pgdog");
    assert_eq!(
        numbered::<Rule>(),
        "DatabaseDown DatabaseUnresponsive DatabaseRejecting PoolerDown RegionBlind PoolSaturated PoolWaiting ConnectionLeak \
         BlockingChain QuerySlow SlowQueryRate ErrorRate CacheHitLow SizeGrowth ReplicationLag XidWraparound DeliveryFailing \
         Anomaly"
    );
    assert_eq!(
        numbered::<Outcome>(),
        "Ok DnsFailed TcpRefused TcpTimeout Lost TlsFailed AuthFailed NoSuchDatabase TooManyConnections StartingUp ShuttingDown \
         InRecovery Unresponsive QueryTimeout PoolerPaused PoolExhausted PermissionDenied Protocol Other"
    );
}
