//! Whether anybody gets in: `database_down`, `database_unresponsive`, `database_rejecting`, `pooler_down`.

use std::time::Duration;

use super::{Breach, Finding, count, worst};
use crate::{
    model::{Evidence, Outcome, Rule, vitals::Service},
    region::{
        attempts::{Run, Tried, Verdict},
        seen::{self, PoolerSeen, Seen, Signal},
        thresholds::Thresholds,
    },
};

/// The three rules about the server; at most one of them finds a breach.
pub(super) fn database(rule: Rule, seen: &Seen, limits: &Thresholds) -> Finding {
    let mine = match rule {
        Rule::DatabaseDown => Verdict::Down,
        Rule::DatabaseUnresponsive => Verdict::Unresponsive,
        _ => Verdict::Rejecting,
    };
    match (seen.attempts.verdict(limits.failed_attempts), seen.attempts.failure()) {
        _ if !seen.attempts_fresh => match seen.activity {
            Signal::Fresh(_) if !seen.attempts.suspicious() => Finding::Clear,
            _ => Finding::Unseen,
        },
        (Some(verdict), Some(failure)) if verdict == mine => Finding::Breach(unreachable(mine, seen, failure)),
        (None, Some(failure)) => Finding::Between(unreachable(mine, seen, failure)),
        _ => Finding::Clear,
    }
}

fn unreachable(verdict: Verdict, seen: &Seen, failure: &Tried) -> Breach {
    let failed = seen.attempts.direct.failed + seen.attempts.resident.failed;
    let outcome = failure.attempt.outcome;
    let tries = format!("{} failed", count(failed, "attempt"));
    let message = match (verdict, outcome) {
        (Verdict::Down, Outcome::DnsFailed) => format!("The database cannot be found: its host name does not resolve; {tries}."),
        (Verdict::Down, _) => format!("The database is down: {}; {tries}.", outcome.as_str()),
        (Verdict::Unresponsive, _) => format!("The database accepts TCP but answers no trivial query in time; {tries}."),
        (Verdict::Rejecting, outcome) => format!("The database rejects new connections: {}; {tries}.", refusal(outcome)),
    };
    let mut breach = breach(message, failure, failed);
    add_provider(&mut breach, seen, "db");
    breach
}

/// What the provider says of a service that is not well: evidence for what was found here, and never a finding by itself, since it comes
/// late.
fn add_provider(breach: &mut Breach, seen: &Seen, name: &str) {
    let services = seen.services.fresh().map(Vec::as_slice).unwrap_or_default();
    let Some(service) = services.iter().find(|service| service.name == name && service.status != Service::HEALTHY) else {
        return;
    };
    let error = service.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    add(breach, format!("the provider says that its service {name} is {}{error}", service.status));
}

fn add(breach: &mut Breach, says: String) {
    breach.evidence.detail = Some(match breach.evidence.detail.take() {
        Some(detail) => format!("{detail}; {says}"),
        None => says,
    });
}

/// What a refusal means, and where to look.
const fn refusal(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::TooManyConnections => "all connection slots are taken",
        Outcome::AuthFailed => "authentication failed (password, user or pg_hba.conf)",
        Outcome::NoSuchDatabase => "the database does not exist",
        Outcome::StartingUp => "the server is still starting up",
        Outcome::ShuttingDown => "the server is shutting down",
        Outcome::InRecovery => "the server is in recovery and takes no connections yet",
        Outcome::TlsFailed => "TLS could not be agreed on",
        Outcome::TcpRefused => "refused at TCP while established sessions go on",
        Outcome::TcpTimeout => "TCP times out while established sessions go on",
        Outcome::Lost => "they are cut off while established sessions go on",
        Outcome::DnsFailed => "the host name does not resolve while established sessions go on",
        other => other.as_str(),
    }
}

fn breach(message: String, failure: &Tried, attempts: u32) -> Breach {
    let evidence = Evidence {
        cause: Some(failure.attempt.outcome),
        detail: failure.attempt.message.clone(),
        attempts: Some(attempts),
        ..Evidence::default()
    };
    Breach { message, evidence, ..Breach::default() }
}

/// A pooler refuses, is paused, has no server left, or lets no client through although it answers.
pub(super) fn pooler_down(seen: &Seen, limits: &Thresholds) -> Finding {
    if seen.poolers.is_empty() {
        return Finding::Clear;
    }
    let both = |(pooler, run)| worst([console(pooler, run, seen, limits), clients(pooler, run, seen, limits)]);
    worst(seen.poolers.iter().zip(&seen.attempts.poolers).map(both))
}

fn console(pooler: &PoolerSeen, run: &Run, seen: &Seen, limits: &Thresholds) -> Finding {
    let shown = match &pooler.console {
        // That metrics are late tells nothing of the pooler.
        Signal::Stale if pooler.by_metrics => return Finding::Clear,
        Signal::Fresh(shown) => shown,
        Signal::Stale => return Finding::Unseen,
        Signal::Absent => return Finding::Clear,
    };
    let (cause, attempts, message) = if let Some(cause) = shown.outcome.filter(|_| pooler.unreached > 0) {
        (cause, pooler.unreached, format!("The pooler {} does not answer: {}.", pooler.name, cause.as_str()))
    } else if pooler.paused > 0 {
        (Outcome::PoolerPaused, pooler.paused, format!("The pooler {} is paused or disabled for this database.", pooler.name))
    } else if pooler.exhausted > 0 {
        let message = format!("The pooler {} lets nobody through: it found every server behind it unfit.", pooler.name);
        (Outcome::PoolExhausted, pooler.exhausted, message)
    } else {
        // A console that does not let us look tells nothing; a client that gets in does.
        let tells = shown.outcome == Some(Outcome::Ok)
            || pooler.by_metrics
            || (pooler.tried_lately && run.last.is_some() && !run.failing());
        return if tells { Finding::Clear } else { Finding::Unseen };
    };
    let evidence = Evidence {
        cause: Some(cause),
        detail: pooler.message.clone(),
        attempts: Some(attempts),
        pooler: Some(pooler.name.clone()),
        ..Evidence::default()
    };
    let breach = Breach { message, evidence, ..Breach::default() };
    // Its servers are unfit when the database is down, which is not the pooler's fault.
    let innocent = cause == Outcome::PoolExhausted && seen.attempts.direct.failing();
    let waited = waited(cause) && cause != Outcome::PoolExhausted;
    if !innocent && enough(attempts, waited, pooler.failing_for, limits) {
        Finding::Breach(breach)
    } else {
        Finding::Between(breach)
    }
}

/// Whether an attempt that fails so has waited in vain.
const fn waited(cause: Outcome) -> bool {
    matches!(cause, Outcome::TcpTimeout | Outcome::Unresponsive | Outcome::QueryTimeout | Outcome::PoolExhausted)
}

/// Whether failed attempts are more than a restart. Those that are turned away at once come a quarter of a second apart, so two of
/// them prove little; those that wait in vain have waited for about a second each.
fn enough(attempts: u32, waited: bool, apart: Duration, limits: &Thresholds) -> bool {
    attempts >= limits.failed_attempts && (waited || apart >= limits.pooler_grace)
}

/// Clients that get no connection. Not the pooler's fault: a full pool (which the pool rules tell) and a server behind it that lets
/// nobody in either.
fn clients(pooler: &PoolerSeen, run: &Run, seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(failure) = run.failure() else { return Finding::Clear };
    let outcome = failure.attempt.outcome;
    // No client is sent to stand in a full pool's queue, so its last attempt tells nothing any more.
    if pooler.console.fresh().and_then(seen::fullest).is_some_and(|pool| pool.busy >= pool.size) {
        return Finding::Clear;
    }
    if !pooler.tried_lately {
        return Finding::Unseen;
    }
    let failed = run.failed;
    let message = format!(
        "Clients get no connection from the pooler {}: {}; {} failed.",
        pooler.name,
        outcome.as_str(),
        count(failed, "attempt")
    );
    let mut breach = breach(message, failure, failed);
    breach.evidence.pooler = Some(pooler.name.clone());
    if let Some(says) = pooler.message.as_ref().filter(|_| pooler.by_metrics) {
        add(&mut breach, says.clone());
    }
    add_provider(&mut breach, seen, "pooler");
    if !seen.attempts.direct.failing() && enough(failed, waited(outcome), run.lasts(), limits) {
        Finding::Breach(breach)
    } else {
        Finding::Between(breach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_says_stands_beside_what_was_found_and_only_of_what_is_not_well() {
        let service = |name: &str, status: &str, error: Option<&str>| Service {
            name: name.to_owned(),
            status: status.to_owned(),
            error: error.map(str::to_owned),
            checked_at: crate::clock::wall(),
        };
        let services = vec![service("db", "UNHEALTHY", Some("no answer")), service("pooler", Service::HEALTHY, None)];
        let seen = Seen { services: Signal::Fresh(services), ..Seen::default() };
        let evidence = |name: &str| {
            let mut breach =
                Breach { evidence: Evidence { detail: Some("refused".into()), ..Evidence::default() }, ..Breach::default() };
            add_provider(&mut breach, &seen, name);
            breach.evidence.detail.unwrap_or_default()
        };
        assert_eq!(evidence("db"), "refused; the provider says that its service db is UNHEALTHY (no answer)");
        assert_eq!(evidence("pooler"), "refused");
        assert!(matches!(database(Rule::DatabaseDown, &seen, &Thresholds::default()), Finding::Unseen), "no finding of its own");
    }
}
