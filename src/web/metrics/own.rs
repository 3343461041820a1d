//! `isobar_*`: the judgement, what only Isobar measures, and Isobar's own cost and health.

use super::{Exposition, Kind, Labels, Own, Page, flag, seconds};
use crate::model::{
    NodeName, Outcome, Phases, Status,
    health::Rule,
    report::RosterState,
    vitals::Service,
    world::{Target, World},
};

const STATUSES: [Status; 4] = [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown];

/// Wait events per target in a scrape, those that most sessions wait for; busy servers show a dozen, and extensions may define any number.
const MOST_WAITS: usize = 50;

type Column = (&'static str, &'static str, fn(&Target) -> Option<f64>);

/// Gauges with one value per target.
const FIGURES: &[Column] = &[
    ("isobar_target_sample_timestamp_seconds", "When the newest sample was measured.", |target| {
        Some(seconds(target.report.sample.timestamp.unix_ms() as f64))
    }),
    ("isobar_pool_utilization_ratio", "The larger of server fullness and the fullest pool.", |target| {
        target.report.sample.connection_pool.utilization
    }),
    ("isobar_pool_size", "Configured size of the pools, or of the server without a pooler.", |target| {
        target.report.sample.connection_pool.pool_size.map(f64::from)
    }),
    ("isobar_pool_waiting_clients", "Clients that wait for a connection now.", |target| {
        target.report.sample.connection_pool.waiting_clients.map(f64::from)
    }),
    ("isobar_pool_wait_seconds", "Mean wait per server assignment over the last interval.", |target| {
        target.report.sample.connection_pool.average_wait_time.map(seconds)
    }),
    ("isobar_pool_oldest_wait_seconds", "Age of the oldest waiter now.", |target| {
        target.report.sample.connection_pool.max_wait_time.map(seconds)
    }),
    ("isobar_query_seconds", "Mean execution time over the last statements interval.", |target| {
        target.report.sample.query_performance.average_query_time.map(seconds)
    }),
    ("isobar_queries_per_second", "Calls per second over the last statements interval.", |target| {
        target.report.sample.query_performance.queries_per_second
    }),
    ("isobar_slow_query_ratio", "Slow share of the calls.", |target| target.report.sample.query_performance.slow_query_rate),
    ("isobar_error_ratio", "Failed share of the transactions.", |target| target.report.sample.query_performance.error_rate),
    ("isobar_average_active_sessions", "Mean number of active sessions over the last second.", |target| {
        target.report.sample.query_performance.average_active_sessions
    }),
    ("isobar_blocked_sessions", "Active sessions that wait for a lock.", |target| {
        target.report.activity.as_ref().map(|activity| activity.blocked.into())
    }),
    ("isobar_oldest_transaction_seconds", "Age of the oldest transaction.", |target| {
        target.report.activity.as_ref()?.oldest_transaction_ms.map(seconds)
    }),
    ("isobar_cache_hit_ratio", "Buffer hits over hits and reads.", |target| target.report.sample.database.cache_hit_ratio),
    ("isobar_database_daily_growth_ratio", "Growth of the database per day.", |target| {
        target.report.sample.database.growth_per_day
    }),
    ("isobar_probe_impact_ratio", "What Isobar costs the server, as a share of one core.", |target| {
        target.report.sample.probe.impact
    }),
    ("isobar_probe_interval_seconds", "The fast interval in force.", |target| {
        Some(seconds(target.report.sample.probe.interval_ms as f64))
    }),
    ("isobar_probe_connections", "Resident connections that Isobar holds on the server.", |target| {
        Some(target.report.sample.probe.connections.into())
    }),
    ("isobar_probe_throttled", "Whether the governor slows Isobar down.", |target| {
        Some(flag(target.report.sample.probe.throttled.is_some()))
    }),
];

type RosterColumn = (&'static str, Kind, &'static str, fn(&RosterState) -> f64);

const ROSTER: &[RosterColumn] = &[
    ("isobar_roster_targets", Kind::Gauge, "Targets of the region.", |roster| roster.targets.into()),
    ("isobar_roster_targets_seen", Kind::Gauge, "Targets that have reported at least once.", |roster| roster.seen.into()),
    ("isobar_roster_probes", Kind::Gauge, "Probes that should live.", |roster| roster.probes.into()),
    ("isobar_roster_probes_silent", Kind::Gauge, "Probes that have not spoken within their limit.", |roster| {
        roster.silent.into()
    }),
    ("isobar_roster_probes_given_up", Kind::Gauge, "Probes given up after too many restarts.", |roster| roster.given_up.into()),
    ("isobar_roster_panics_total", Kind::Counter, "Restarts of probes after a panic.", |roster| roster.panics as f64),
    ("isobar_roster_hangs_total", Kind::Counter, "Restarts of probes after silence.", |roster| roster.hangs as f64),
    ("isobar_roster_dropped_total", Kind::Counter, "Readings dropped because a mailbox was full.", |roster| {
        roster.dropped as f64
    }),
];

pub(super) fn families(page: &mut Page<'_>, world: &World, own: &Own) {
    judgement(page, world);
    for (name, help, value) in FIGURES {
        page.each(name, Kind::Gauge, help, *value);
    }
    page.many(
        "isobar_active_sessions",
        Kind::Gauge,
        "Mean number of active sessions by what they wait for.",
        |target, sample| {
            let Some(activity) = &target.report.activity else { return };
            for wait in activity.waits.iter().take(MOST_WAITS) {
                sample(&[("wait_event_type", &wait.wait_event_type), ("wait_event", &wait.wait_event)], wait.sessions);
            }
        },
    );
    page.many("isobar_service_up", Kind::Gauge, "Whether the provider calls the service healthy.", |target, sample| {
        for service in &target.vitals.services {
            sample(&[("service", &service.name)], flag(service.status == Service::HEALTHY));
        }
    });
    reachability(page);
    views(page);
    for (name, kind, help, value) in ROSTER {
        let mut family = page.text.family(name, *kind, help);
        for (region, state) in &world.regions {
            family.sample(&[("region", region.as_str())], value(&state.roster));
        }
    }
    let me = NodeName::from(own.node.as_str());
    let mut family = page.text.family("isobar_node_targets", Kind::Gauge, "Targets that this node probes.");
    for (region, state) in &world.regions {
        if let Some(node) = state.nodes.get(&me) {
            family.sample(&[("region", region.as_str())], node.roster.targets.into());
        }
    }
    process(&mut page.text, own);
}

fn judgement(page: &mut Page<'_>, world: &World) {
    let mut family = page.text.family("isobar_status", Kind::StateSet, "The judgement over all regions.");
    states("isobar_status", world.status, &mut |labels, value| family.sample(labels, value));
    let mut family = page.text.family("isobar_region_status", Kind::StateSet, "The judgement over a region.");
    for (name, region) in &world.regions {
        states("isobar_region_status", region.status, &mut |labels, value| {
            family.sample(&[&[("region", name.as_str())], labels].concat(), value);
        });
    }
    let name = "isobar_target_status";
    page.many(name, Kind::StateSet, "The judgement over a target.", |target, sample| {
        states(name, target.report.sample.status, sample);
    });
    page.many("isobar_rule_breached", Kind::Gauge, "Rules now in breach.", |target, sample| {
        for reason in &target.report.sample.reasons {
            sample(&[("rule", Rule::as_str(reason.rule)), ("severity", reason.severity.as_str())], 1.0);
        }
    });
}

fn states(label: &'static str, now: Status, sample: &mut dyn FnMut(Labels, f64)) {
    for status in STATUSES {
        sample(&[(label, status.as_str())], flag(status == now));
    }
}

fn reachability(page: &mut Page<'_>) {
    page.many("isobar_reachable", Kind::Gauge, "Whether the newest fresh client got in.", |target, sample| {
        let seen = &target.report.sample.reachability;
        let direct = seen.outcome.map(|outcome| ("direct", outcome));
        let pooled = seen.via_pooler.as_ref().map(|via| ("pooler", via.outcome));
        for (path, outcome) in direct.into_iter().chain(pooled) {
            sample(&[("path", path)], flag(outcome == Outcome::Ok));
        }
    });
    page.many("isobar_reachability_phase_seconds", Kind::Gauge, "How long a fresh client took, by phase.", |target, sample| {
        let seen = &target.report.sample.reachability;
        let pooled = seen.via_pooler.as_ref().map(|via| ("pooler", via.phases));
        for (path, phases) in std::iter::once(("direct", seen.phases)).chain(pooled) {
            for (phase, ms) in by_name(phases) {
                if let Some(ms) = ms {
                    sample(&[("path", path), ("phase", phase)], seconds(ms));
                }
            }
        }
    });
}

/// How targets look from other regions.
fn views(page: &mut Page<'_>) {
    page.many("isobar_view_reachable", Kind::Gauge, "Whether a fresh client from another region got in.", |target, sample| {
        for view in &target.report.sample.reachability.views {
            sample(&[("from", view.from.as_str())], flag(view.outcome == Outcome::Ok));
        }
    });
    page.many("isobar_view_phase_seconds", Kind::Gauge, "How long it took, by phase: tcp is the network's.", |target, sample| {
        for view in &target.report.sample.reachability.views {
            for (phase, ms) in by_name(view.phases) {
                if let Some(ms) = ms {
                    sample(&[("from", view.from.as_str()), ("phase", phase)], seconds(ms));
                }
            }
        }
    });
}

fn by_name(phases: Phases) -> [(&'static str, Option<f64>); 5] {
    let Phases { dns, tcp, tls, auth, first_query } = phases;
    [("dns", dns), ("tcp", tcp), ("tls", tls), ("auth", auth), ("first_query", first_query)]
}

fn process(page: &mut Exposition, own: &Own) {
    page.family("isobar_build_info", Kind::Info, "Which Isobar this is.")
        .sample(&[("version", own.version), ("node", &own.node)], 1.0);
    page.family("isobar_stream_subscribers", Kind::Gauge, "Readers of the live stream now.").sample(&[], own.subscribers as f64);
    page.family("process_start_time_seconds", Kind::Gauge, "When the process started.")
        .sample(&[], seconds(own.started.unix_ms() as f64));
    if let Some(process) = own.process {
        page.family("process_cpu_seconds_total", Kind::Counter, "Processor time of the process.")
            .sample(&[], process.cpu_seconds);
        page.family("process_resident_memory_bytes", Kind::Gauge, "Resident memory of the process.")
            .sample(&[], process.resident_bytes as f64);
    }
}
