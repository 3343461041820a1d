//! Copies of the database: `replication_lag`. A replica is judged by what it has replayed; a primary by those of its followers that nobody
//! watches themselves; either by what its slots retain.

use std::time::Duration;

use super::{Breach, Finding, above, percent, span, worst};
use crate::{
    model::vitals::{Change, Replica, Replication, Slot, Upstream},
    region::{seen::Seen, thresholds::Thresholds},
};

/// What is read elsewhere is the past, or a slot is about to be lost.
pub(super) fn lag(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(replication) = seen.replication.fresh() else { return Finding::Unseen };
    let own = replication.upstream.as_ref().and_then(|upstream| own(upstream, replication.change.as_ref(), limits));
    let unwatched = replication.replicas.iter().filter(|replica| !replica.watched);
    let followers = unwatched.filter_map(|replica| follower(replica, limits));
    let slots = replication.slots.iter().filter_map(|slot| retained(slot, replication, limits));
    // A lag that cannot be known, as on a replica fed from an archive, must not keep a slot's trouble from clearing.
    worst([Finding::Clear].into_iter().chain(own).chain(followers).chain(slots))
}

fn own(upstream: &Upstream, change: Option<&Change>, limits: &Thresholds) -> Option<Finding> {
    let lag = upstream.lag_seconds?;
    Some(late(lag, limits, || {
        let behind = upstream.lag_bytes.map(|bytes| format!(", {} behind", size(bytes))).unwrap_or_default();
        let why = match (upstream.paused, upstream.streaming) {
            (true, _) => "replay is paused",
            (false, true) if upstream.lag_bytes == Some(0) => "the WAL reaches it late",
            (false, true) => "it receives, but replays too slowly",
            (false, false) => "it receives nothing from its primary",
        };
        let since = change.map(after).unwrap_or_default();
        format!("The replica shows what was true {} ago{behind}: {why}{since}.", span(lag * 1_000.0))
    }))
}

fn follower(replica: &Replica, limits: &Thresholds) -> Option<Finding> {
    let lag = replica.replay_lag_seconds?;
    Some(late(lag, limits, || {
        let at = replica.address.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
        let behind = replica.replay_lag_bytes.map(|bytes| format!(", {} behind", size(bytes))).unwrap_or_default();
        let network = replica.write_lag_seconds.is_some_and(|write| write > lag / 2.0);
        let why = if network { "the WAL reaches it late" } else { "it replays too slowly, or replay is paused" };
        format!("The replica {}{at} is {} late{behind}: {why}.", replica.application, span(lag * 1_000.0))
    }))
}

fn late(lag: f64, limits: &Thresholds, message: impl FnOnce() -> String) -> Finding {
    let [clear, fire, critical] = [limits.replication_lag_clear, limits.replication_lag, limits.replication_lag_critical]
        .map(|it: Duration| it.as_secs_f64());
    above(lag, clear, fire, || {
        let critical_now = lag > critical;
        Breach {
            critical: critical_now,
            value: Some(lag),
            threshold: Some(if critical_now { critical } else { fire }),
            message: message(),
            ..Breach::default()
        }
    })
}

/// A slot by its share of what it may retain; one that is lost has passed it.
fn retained(slot: &Slot, replication: &Replication, limits: &Thresholds) -> Option<Finding> {
    let reader = if slot.active { "its reader is slow" } else { "nobody reads it" };
    if slot.wal_status.as_deref() == Some("lost") {
        let message = format!("The slot {} is lost: what read it must be made anew, and the slot dropped.", slot.name);
        return Some(Finding::Breach(Breach { message, ..Breach::default() }));
    }
    let limit = replication.slot_limit_bytes.filter(|limit| *limit > 0)?;
    let bytes = slot.retained_bytes?;
    let share = bytes as f64 / limit as f64;
    // The rule's figure is a time, so a share has its place in the message.
    Some(above(share, limits.slot_retained_share_clear, limits.slot_retained_share, || Breach {
        message: format!(
            "The slot {} retains {} of WAL, {} of what it may before it is lost: {reader}.",
            slot.name,
            size(bytes),
            percent(share)
        ),
        ..Breach::default()
    }))
}

/// That a promotion, or another server behind the same address, came before.
fn after(change: &Change) -> String {
    let at = change.at.0.format("%H:%M:%S UTC");
    if change.other_system {
        return format!("; since {at} this is another system than before");
    }
    let timeline = change.timeline.map(|timeline| format!(" on timeline {timeline}")).unwrap_or_default();
    format!("; until {at} it was a {}{timeline}", change.role.as_str())
}

/// A size as a person reads it.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        bytes if bytes < 1_024.0 => format!("{bytes:.0} bytes"),
        bytes if bytes < 1_048_576.0 => format!("{:.0} KiB", bytes / 1_024.0),
        bytes if bytes < 1_073_741_824.0 => format!("{:.0} MiB", bytes / 1_048_576.0),
        bytes => format!("{:.1} GiB", bytes / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests;
