//! Proposals in words, with commands. Pure.

use super::{
    bound::Bound,
    demand::{Demand, Spread},
    fitting,
    look::PoolKey,
    pool_size::{self, Proposal},
    pooler_words,
};
use crate::model::advice::{Change, Fact, Kind, Recommendation};

/// The same for the same advice, wherever and whenever it is made: FNV-1a.
pub(super) fn id(region: &str, target: &str, kind: Kind, setting: &str, subject: &str) -> String {
    let parts = [region, target, kind.as_str(), setting, subject];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain(std::iter::once(0)));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// One figure of the evidence.
pub(super) fn fact(what: &str, value: f64, unit: &str) -> Fact {
    Fact { what: what.into(), value: (value * 1e3).round() / 1e3, unit: unit.into() }
}

/// A change of a pool's size as people are told it.
pub(super) fn pool_size(key: &PoolKey, demand: &Demand, proposal: Proposal) -> Recommendation {
    const SETTING: &str = "pool_size";
    let (database, from) = (&key.database, demand.size);
    let command = |size: u32| pooler_words::size(key.kind, database, &key.user, size);
    let title = match (proposal.kind, proposal.to) {
        (Kind::EnlargePool, Some(to)) if pool_size::is_hidden(demand) => {
            format!("Give the pool {} at least {to} server connections instead of {from}", key.subject())
        }
        (Kind::EnlargePool | Kind::ShrinkPool, Some(to)) => {
            format!("Give the pool {} {to} server connections instead of {from}", key.subject())
        }
        _ => format!("Leave the pool {} at {from} server connections: more would not help", key.subject()),
    };
    let confidence = (proposal.confidence() * 100.0).round() / 100.0;
    let reasons: Vec<_> = proposal.doubts.iter().map(|(_, reason)| reason.clone()).collect();
    Recommendation {
        id: id(key.region.as_str(), key.target.as_str(), proposal.kind, SETTING, &key.subject()),
        region: key.region.clone(),
        target: key.target.clone(),
        kind: proposal.kind,
        subject: key.subject(),
        title,
        change: Change {
            setting: SETTING.into(),
            from: Some(from.to_string()),
            to: proposal.to.map(|to| to.to_string()),
            command: proposal.to.map(command),
            undo: proposal.to.map(|_| command(from)),
        },
        evidence: evidence(demand, proposal.to),
        predicted: proposal.predicted,
        confidence,
        confidence_reason: if reasons.is_empty() { "nothing speaks against it".into() } else { reasons.join("; ") },
        caution: proposal.caution + pooler_words::reach(key.kind),
        outcome: None,
        value: proposal.value * confidence,
    }
}

fn evidence(demand: &Demand, to: Option<u32>) -> Vec<Fact> {
    let spread = match demand.spread {
        Spread::Measured => "measured",
        Spread::Estimated => "estimated",
        Spread::Assumed => "assumed",
    };
    let mut facts = vec![
        fact("window", demand.span, "s"),
        fact("transactions", demand.rate, "1/s"),
        fact("mean time that a transaction holds a server connection", demand.service * 1e3, "ms"),
        fact("mean wait for a server connection", demand.wait * 1e3, "ms"),
        fact("looks that saw clients wait", demand.queued * 100.0, "%"),
        fact("server connections at work, mean", demand.load(), "connections"),
        fact("utilization", demand.load() / f64::from(demand.size.max(1)), "ratio"),
        fact("variation of single times, cv²", demand.services.likely, spread),
        fact("variation of times between arrivals, ca²", demand.arrivals.likely, "fitted"),
    ];
    if let Some((clients, think)) = demand.closed {
        facts.push(fact("clients", f64::from(clients), "clients"));
        facts.push(fact("mean pause of a client between transactions", think * 1e3, "ms"));
    }
    if let Some(scaling) = demand.scaling {
        facts.push(fact(&format!("contention: {}", pool_size::told(scaling)), scaling.sigma, "σ"));
        facts.extend(to.and_then(|to| {
            let what = format!("mean time that a transaction would hold one of {to} server connections");
            Some(fact(&what, fitting::service(demand, to)? * 1e3, "ms"))
        }));
    }
    if let Bound::Cpu(work) | Bound::Locks(work) | Bound::Neither(work) = demand.bound {
        facts.push(fact("active sessions of the server", work.active, "sessions"));
        facts.push(fact("of those, on a processor", work.cpu, "sessions"));
        facts.push(fact("of those, waiting for a lock", work.lock, "sessions"));
        facts.extend(work.cpu_busy.map(|busy| fact("processors at work", busy * 100.0, "%")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_what_it_is_about() {
        let of = |region, setting| id(region, "marketing", Kind::EnlargePool, setting, "marketing (app)");
        assert_eq!(of("us-east-1", "pool_size"), of("us-east-1", "pool_size"));
        assert_eq!(of("us-east-1", "pool_size").len(), 16);
        assert_ne!(of("us-east-1", "pool_size"), of("eu-west-1", "pool_size"));
        assert_ne!(id("a", "bc", Kind::EnlargePool, "", ""), id("ab", "c", Kind::EnlargePool, "", ""));
    }
}
