//! A small world for scripts: targets with rules in breach, a desk that is told four times a second, and a list of what it ordered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::DateTime;

use crate::{
    alert::{
        Now, Settings,
        channels::Nature,
        desk::{Changes, Desk, Kept, Settled, Way, Ways},
        incident::Incident,
        order::Order,
        outbox::{Outbox, Route},
        settings::{Policy, PolicyStep},
    },
    clock,
    model::{
        Evidence, Reason, RegionName, Report, Rule, Sample, Severity, Status, TargetId, Timestamp, Transition,
        alert::Acknowledge,
        health::TransitionKind,
        report::RosterState,
        world::{Region, World, WorldChange},
    },
};

/// When every script begins.
pub(in crate::alert) const START_MS: i64 = 1_795_000_000_000;

/// How a target is.
#[derive(Debug, Clone)]
pub(in crate::alert) struct Condition {
    pub(in crate::alert) dark: bool,
    pub(in crate::alert) reasons: BTreeMap<Rule, Reason>,
    pub(in crate::alert) transitions: Vec<Transition>,
    pub(in crate::alert) server: String,
    pub(in crate::alert) utilization: f64,
}

pub(in crate::alert) struct Room {
    pub(in crate::alert) desk: Desk,
    pub(in crate::alert) settings: Arc<Settings>,
    pub(in crate::alert) ways: Ways,
    /// Since the start of the script.
    pub(in crate::alert) elapsed: Duration,
    /// What the clock on the wall is ahead by, milliseconds.
    pub(in crate::alert) ahead: i64,
    pub(in crate::alert) targets: BTreeMap<TargetId, Condition>,
    pub(in crate::alert) blind: BTreeSet<RegionName>,
    pub(in crate::alert) removed: Vec<TargetId>,
    pub(in crate::alert) regions: BTreeSet<RegionName>,
    pub(in crate::alert) orders: Vec<Order>,
    pub(in crate::alert) settled: Vec<(String, Settled)>,
    pub(in crate::alert) events: Vec<(&'static str, String)>,
    pub(in crate::alert) forgotten: Vec<String>,
}

pub(in crate::alert) fn time(ms: i64) -> Timestamp {
    Timestamp(DateTime::from_timestamp_millis(ms).expect("a moment"))
}

pub(in crate::alert) fn way(edits: bool) -> Way {
    let nature = Nature { keyed: false, edits, refresh: None, burst: 10, every: Duration::from_secs(1) };
    Way { nature, recipients: Vec::new() }
}

/// Channels by name; one that ends in `*` can change its messages.
pub(in crate::alert) fn ways(names: &str) -> Ways {
    names.split_whitespace().map(|name| (name.trim_end_matches('*').to_owned(), way(name.ends_with('*')))).collect()
}

/// `critical: 0 slack, 300 mail` with the delays in seconds.
pub(in crate::alert) fn policy(text: &str) -> Policy {
    let (severity, steps) = text.split_once(':').expect("a severity");
    let step = |text: &str| {
        let mut words = text.split_whitespace();
        let after = Duration::from_secs(words.next().expect("a delay").parse().expect("seconds"));
        PolicyStep { after, channels: words.map(Into::into).collect() }
    };
    Policy { severity: severity_of(severity), steps: steps.split(',').map(step).collect(), remind_every: None, ack_expires: None }
}

pub(in crate::alert) fn severity_of(text: &str) -> Severity {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|severity| severity.as_str() == text)
        .expect("a severity")
}

pub(in crate::alert) fn rule_of(text: &str) -> Rule {
    *Rule::ALL.iter().find(|rule| rule.as_str() == text).expect("a rule")
}

pub(in crate::alert) fn reason(rule: Rule, severity: Severity, since: Timestamp) -> Reason {
    let (value, threshold) = (Some(0.9), Some(0.8));
    Reason { rule, severity, value, threshold, since, message: format!("{} it is", rule.as_str()), evidence: Evidence::default() }
}

pub(in crate::alert) fn sample(id: &TargetId, status: Status) -> Sample {
    let text = format!(
        r#"{{"timestamp":"2026-11-23T08:46:00.123Z","region":"{}","target":"{}","status":"{}","reasons":[],
        "connectionPool":{{}},"queryPerformance":{{}},"database":{{}},"poolers":[],"reachability":{{"phases":{{}}}},
        "probe":{{"intervalMs":250,"connections":2,"missing":[]}}}}"#,
        id.region,
        id.target,
        status.as_str()
    );
    serde_json::from_str(&text).expect("a sample")
}

impl Room {
    /// One channel, `slack`, that cannot change its messages, and no policy.
    pub(in crate::alert) fn new() -> Self {
        Self::with(Settings::default(), ways("slack"))
    }

    pub(in crate::alert) fn with_policies(channels: &str, policies: &[&str]) -> Self {
        let escalations = policies.iter().map(|text| policy(text)).collect();
        Self::with(Settings { escalations, ..Settings::default() }, ways(channels))
    }

    pub(in crate::alert) fn with(settings: Settings, ways: Ways) -> Self {
        let settings = Arc::new(settings);
        let now = Now { steady: time(START_MS), wall: time(START_MS) };
        Self {
            desk: Desk::new(Arc::clone(&settings), ways.clone(), Kept::default(), now),
            settings,
            ways,
            elapsed: Duration::ZERO,
            ahead: 0,
            targets: BTreeMap::new(),
            blind: BTreeSet::new(),
            removed: Vec::new(),
            regions: ["us".into()].into(),
            orders: Vec::new(),
            settled: Vec::new(),
            events: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    pub(in crate::alert) fn now(&self) -> Now {
        let ms = START_MS + self.elapsed.as_millis() as i64;
        Now { steady: time(ms), wall: time(ms + self.ahead) }
    }

    /// The target, new and healthy when it is not known: `app` is in region `us`, `eu/app` in `eu`. Its server is its own.
    pub(in crate::alert) fn target(&mut self, name: &str) -> &mut Condition {
        let (region, target) = name.split_once('/').unwrap_or(("us", name));
        self.regions.insert(region.into());
        let new = Condition {
            dark: false,
            reasons: BTreeMap::new(),
            transitions: Vec::new(),
            server: format!("{target}:5432"),
            utilization: 0.5,
        };
        self.targets.entry(TargetId::new(region, target)).or_insert(new)
    }

    pub(in crate::alert) fn breach(&mut self, name: &str, rule: &str, severity: &str) -> &mut Reason {
        let wall = self.now().wall;
        let rule = rule_of(rule);
        let condition = self.target(name);
        condition.reasons.insert(rule, reason(rule, severity_of(severity), wall));
        condition.reasons.get_mut(&rule).expect("just inserted")
    }

    pub(in crate::alert) fn clear(&mut self, name: &str, rule: &str) {
        self.target(name).reasons.remove(&rule_of(rule));
    }

    pub(in crate::alert) fn transition(&mut self, name: &str, rule: &str, kind: TransitionKind) {
        let at = self.now().wall;
        let transition = Transition { kind, at, reason: reason(rule_of(rule), Severity::High, at) };
        self.target(name).transitions.push(transition);
    }

    fn report(id: &TargetId, condition: &mut Condition) -> Report {
        let worst = condition.reasons.values().map(|reason| reason.severity).max();
        let status = match worst {
            _ if condition.dark => Status::Unknown,
            None => Status::Healthy,
            Some(Severity::Low | Severity::Medium) => Status::Degraded,
            Some(_) => Status::Unhealthy,
        };
        let mut sample = sample(id, status);
        sample.reasons = condition.reasons.values().cloned().collect();
        sample.connection_pool.utilization = Some(condition.utilization);
        Report {
            sample: Arc::new(sample),
            critical: false,
            server: condition.server.as_str().into(),
            transitions: std::mem::take(&mut condition.transitions),
            activity: None,
            queries: None,
            counters: None,
            poolers: Vec::new(),
        }
    }

    fn world(&self) -> World {
        let region = |name: &RegionName| {
            let blind = self.blind.contains(name);
            let reasons = if blind { vec![reason(Rule::RegionBlind, Severity::High, self.now().wall)] } else { Vec::new() };
            let status = if blind { Status::Unknown } else { Status::Healthy };
            let (heard, heard_at, roster) = (Some(clock::now()), Some(self.now().wall), RosterState::default());
            (name.clone(), Arc::new(Region { status, reasons, heard, heard_at, roster, targets: BTreeMap::new() }))
        };
        let (status, updated_at, judged) = (Status::Healthy, self.now().wall, clock::now());
        World { status, updated_at, judged, regions: self.regions.iter().map(region).collect() }
    }

    /// Shows the desk how everything is now.
    pub(in crate::alert) fn show(&mut self) {
        let change = self.change();
        self.desk.see(self.now(), &change);
        self.collect();
    }

    pub(in crate::alert) fn change(&mut self) -> WorldChange {
        let blind = &self.blind;
        let reports = self.targets.iter_mut().filter(|(id, _)| !blind.contains(&id.region));
        let reports = reports.map(|(id, condition)| Self::report(id, condition)).collect();
        WorldChange { world: Arc::new(self.world()), reports, removed: std::mem::take(&mut self.removed) }
    }

    /// An outbox with one channel.
    pub(in crate::alert) fn outbox(channel: &str) -> Outbox {
        let route = Route { name: channel.to_owned(), kind: "email", nature: way(false).nature, confirms: false };
        Outbox::new(vec![route], Duration::from_mins(5))
    }

    pub(in crate::alert) fn collect(&mut self) {
        let Changes { orders, settled, events, forgotten, .. } = self.desk.take();
        self.orders.extend(orders);
        self.settled.extend(settled);
        self.events.extend(events);
        self.forgotten.extend(forgotten);
    }

    /// Lets time pass, with a look four times a second.
    pub(in crate::alert) fn run(&mut self, seconds: f64) {
        self.run_by(seconds, Duration::from_millis(250));
    }

    pub(in crate::alert) fn run_by(&mut self, seconds: f64, every: Duration) {
        let until = self.elapsed + Duration::from_secs_f64(seconds);
        self.show();
        while self.elapsed < until {
            self.elapsed += every;
            self.desk.tick(self.now());
            self.show();
        }
    }

    /// What was ordered since the last time: `12.5 slack firing app/pool_waiting high`; a digest says how many are in it.
    pub(in crate::alert) fn told(&mut self) -> Vec<String> {
        let line = |order: &Order| {
            let at = (order.decided.unix_ms() - START_MS) as f64 / 1_000.0;
            let recipient = order.lane.recipient.as_ref().map(|recipient| format!("({recipient})")).unwrap_or_default();
            let about = match order.alerts.as_slice() {
                [one] if one.target.is_some() && order.event.as_str() != "digest" => {
                    format!("{}/{} {}", one.target.as_ref().expect("checked"), one.rule.as_str(), order.severity.as_str())
                }
                [one] if order.event.as_str() != "digest" => format!("{} {}", one.rule.as_str(), order.severity.as_str()),
                many => format!("of {}", many.len()),
            };
            let notes = order.notes.join("; ");
            let notes = if notes.is_empty() { notes } else { format!(" [{notes}]") };
            format!("{at} {}{recipient} {} {about}{notes}", order.lane.channel, order.event.as_str())
        };
        let told = self.orders.iter().map(line).collect();
        self.orders.clear();
        told
    }

    #[track_caller]
    pub(in crate::alert) fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.told(), expected);
    }

    #[track_caller]
    pub(in crate::alert) fn incident(&self, name: &str, rule: &str) -> &Incident {
        let (region, target) = name.split_once('/').unwrap_or(("us", name));
        let rule = rule_of(rule);
        let is_it = |incident: &&Incident| {
            let subject = &incident.subject;
            subject.region.as_str() == region
                && subject.target.as_ref().is_none_or(|it| it.as_str() == target)
                && subject.rule == rule
        };
        self.desk.incidents().filter(is_it).max_by_key(|incident| incident.opened).expect("an incident")
    }

    #[track_caller]
    pub(in crate::alert) fn acknowledge(&mut self, name: &str, rule: &str, by: &str) {
        let id = self.incident(name, rule).id.clone();
        self.desk.acknowledge(self.now(), &Acknowledge { id, by: by.into(), note: None }).expect("acknowledged");
        self.collect();
    }

    /// What happened to an incident, in short.
    pub(in crate::alert) fn steps(&self, name: &str, rule: &str) -> String {
        self.incident(name, rule).steps.iter().map(|step| step.what.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The process ends and another begins: what is on disk comes back.
    pub(in crate::alert) fn restart(&mut self, down_for: f64) {
        let incidents = self.desk.incidents().filter(|it| it.state.as_str() != "pending").cloned().collect();
        let silences = self.desk.silences(self.now()).into_iter().filter(|it| it.kind == crate::model::alert::SilenceKind::Api);
        let kept = Kept { incidents, silences: silences.collect() };
        self.elapsed += Duration::from_secs_f64(down_for);
        self.desk = Desk::new(Arc::clone(&self.settings), self.ways.clone(), kept, self.now());
    }
}
