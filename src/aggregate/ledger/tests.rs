use std::sync::Arc;

use super::*;
use crate::model::{
    Evidence, Outcome, Phases, Rule, Sample, Severity, Transition,
    activity::Activity,
    cluster::Figures,
    health::TransitionKind,
    sample::{ConnectionPool, QueryPerformance, VerdictKind},
};

const RULE: Blindness = Blindness { enabled: true, after: Duration::from_secs(5), severity: Severity::High };

/// A ledger of the region `a`, and its clock.
struct Room {
    ledger: Ledger,
    start: Moment,
    ms: u64,
    trouble: Option<&'static str>,
}

fn after(start: Moment, ms: u64) -> Moment {
    let at = start.at + Duration::from_millis(ms);
    Moment { at, wall: Timestamp(start.wall.0 + chrono::Duration::milliseconds(ms.cast_signed())) }
}

impl Room {
    fn new() -> Self {
        let start = Moment { at: crate::clock::now(), wall: crate::clock::wall() };
        Self { ledger: Ledger::new("a".into(), start), start, ms: 0, trouble: None }
    }

    fn now(&self) -> Moment {
        after(self.start, self.ms)
    }

    fn pass(&mut self, ms: u64) -> &mut Self {
        self.ms += ms;
        self
    }

    /// A report of the target, measured that many milliseconds ago.
    fn report(&self, target: &str, rules: &[Rule], ago: u64) -> Report {
        let text = r#"{"timestamp":"2026-11-23T08:46:00.123Z","region":"a","target":"","status":"healthy","reasons":[],
            "connectionPool":{},"queryPerformance":{},"database":{},"poolers":[],"reachability":{"phases":{}},
            "probe":{"intervalMs":250,"connections":2,"missing":[]}}"#;
        let mut sample: Sample = serde_json::from_str(text).expect("a sample");
        sample.target = target.into();
        sample.timestamp = after(self.start, self.ms - ago).wall;
        sample.reasons = rules.iter().map(|rule| self.reason(*rule)).collect();
        sample.status = if rules.is_empty() { Status::Healthy } else { Status::Unhealthy };
        Report {
            sample: Arc::new(sample),
            critical: false,
            server: "db:5432".into(),
            transitions: vec![],
            activity: None,
            queries: None,
            counters: None,
            poolers: vec![],
        }
    }

    fn reason(&self, rule: Rule) -> Reason {
        let (value, threshold, evidence) = (None, None, Evidence::default());
        let message = "it is so".to_owned();
        Reason { rule, severity: Severity::Critical, value, threshold, since: self.now().wall, message, evidence }
    }

    fn transition(&self, ago: u64) -> Transition {
        let at = after(self.start, self.ms - ago).wall;
        Transition { kind: TransitionKind::Firing, at, reason: self.reason(Rule::DatabaseDown) }
    }

    fn take(&mut self, node: &str, reports: Vec<Report>) -> bool {
        let now = self.now();
        self.ledger.take(now, Batch { reports, ..empty(node) })
    }

    fn beat(&mut self, node: &str, targets: u32) {
        let now = self.now();
        let roster = Some(RosterState { targets, ..RosterState::default() });
        self.ledger.take(now, Batch { roster, ..empty(node) });
    }

    fn figures(&mut self, node: &str, target: &str, total: u32) {
        let now = self.now();
        let figures = Figures {
            target: target.into(),
            timestamp: now.wall,
            connection_pool: ConnectionPool { total_connections: Some(total), ..ConnectionPool::default() },
            query_performance: QueryPerformance::default(),
            impact: Some(0.001),
        };
        self.ledger.take(now, Batch { figures: vec![figures], ..empty(node) });
    }

    fn view(&mut self, target: &str, from: &str, outcome: Outcome) {
        let now = self.now();
        let (failed_phase, message, phases) = (None, None, Phases::default());
        let view = View { from: from.into(), outcome, failed_phase, message, checked_at: now.wall, phases };
        self.ledger.view(now, &target.into(), view);
    }

    fn settle(&mut self) -> Settled {
        let (now, terms) = (self.now(), Terms { rule: RULE, listening: self.start.at, trouble: self.trouble });
        self.ledger.look(now, terms);
        self.ledger.settle(now, terms)
    }

    fn shown(&mut self, target: &str) -> Report {
        self.settle();
        self.ledger.region.targets[&target.into()].report.clone()
    }

    fn status(&mut self, target: &str) -> Status {
        self.shown(target).sample.status
    }
}

fn empty(node: &str) -> Batch {
    Batch {
        region: "a".into(),
        node: node.into(),
        roster: None,
        reports: vec![],
        figures: vec![],
        vitals: vec![],
        copies: vec![],
        views: vec![],
        removed: vec![],
    }
}

#[test]
fn slow_signals_stay_with_their_target_until_newer_ones_come() {
    let mut room = Room::new();
    room.take("n1", vec![room.report("x", &[], 0)]);
    let upkeep = Some(Arc::new(crate::model::vitals::Upkeep { xid_age: Some(7), ..Default::default() }));
    let vitals = Arc::new(crate::model::vitals::Vitals { upkeep, ..Default::default() });
    for target in ["x", "nobody"] {
        room.ledger.take(room.now(), Batch { vitals: vec![(target.into(), Arc::clone(&vitals))], ..empty("n1") });
    }
    room.pass(250);
    room.take("n1", vec![room.report("x", &[], 0)]);
    room.settle();
    let shown: Vec<_> = room.ledger.region.targets.values().map(|target| Arc::clone(&target.vitals)).collect();
    assert_eq!(shown, [vitals]);
}

#[test]
fn a_region_is_heard_through_any_of_its_nodes_and_the_live_ones_rosters_add_up() {
    let mut room = Room::new();
    room.beat("n1", 3);
    room.beat("n2", 4);
    room.settle();
    assert_eq!(room.ledger.region.roster.targets, 7);
    room.pass(4_000).beat("n2", 7);
    room.pass(2_000).settle();
    assert!(room.ledger.region.reasons.is_empty(), "n2 still speaks");
    assert_eq!((room.ledger.region.roster.targets, room.ledger.region.nodes.len()), (7, 2));
    room.pass(4_000).settle();
    assert_eq!(room.ledger.region.reasons[0].rule, Rule::RegionBlind);
    room.pass(600_000).settle();
    assert!(room.ledger.region.nodes.is_empty(), "long gone");
}

#[test]
fn the_newest_report_wins_and_an_older_one_only_when_its_holder_is_silent() {
    let mut room = Room::new();
    room.pass(10_000);
    let (new, old) = (room.report("x", &[], 0), room.report("x", &[Rule::DatabaseDown], 200));
    room.take("n1", vec![new]);
    room.take("n2", vec![old.clone()]);
    assert_eq!(room.status("x"), Status::Healthy);
    room.pass(1_000).take("n2", vec![old]);
    assert_eq!(room.status("x"), Status::Unhealthy);
    assert_eq!(room.ledger.region.targets[&"x".into()].node, "n2".into());
}

#[test]
fn of_two_that_measure_in_step_the_one_that_is_always_late_is_heard_of() {
    let mut room = Room::new();
    for _ in 0..4 {
        room.pass(250);
        let (first, late) = (room.report("x", &[], 0), room.report("x", &[], 1));
        room.take("n1", vec![first]);
        room.take("n2", vec![late]);
        room.settle();
        assert_eq!(room.ledger.region.targets[&"x".into()].node, "n2".into());
    }
}

#[test]
fn a_transition_is_told_once_whichever_streams_carry_it() {
    let mut room = Room::new();
    room.pass(10_000);
    let fired = Report { transitions: vec![room.transition(10)], ..room.report("x", &[Rule::DatabaseDown], 10) };
    assert!(room.take("n1", vec![fired.clone()]), "urgent");
    assert_eq!(room.settle().reports[0].transitions.len(), 1);
    let again = Report { transitions: vec![room.transition(10), room.transition(0)], ..room.report("x", &[], 0) };
    room.take("n1", vec![again]);
    assert_eq!(room.settle().reports[0].transitions.len(), 1, "only the new one");
    // Late as a report, and its transition was told.
    room.take("n1", vec![fired]);
    assert_eq!(room.settle().reports[0].transitions.len(), 0);
    assert_eq!(room.status("x"), Status::Healthy);
}

#[test]
fn a_report_without_details_keeps_those_that_are_fresh() {
    let mut room = Room::new();
    room.pass(10_000);
    let full = Report { activity: Some(Arc::new(Activity::default())), ..room.report("x", &[], 0) };
    room.take("n1", vec![full]);
    let light = room.pass(1_000).report("x", &[], 0);
    room.take("n1", vec![light]);
    assert!(room.shown("x").activity.is_some());
    let light = room.pass(3_000).report("x", &[], 0);
    room.take("n1", vec![light.clone()]);
    assert!(room.shown("x").activity.is_none(), "too old to be shown as they are now");
}

#[test]
fn figures_change_a_known_sample_and_nothing_of_its_judgement() {
    let mut room = Room::new();
    room.figures("n1", "x", 1);
    assert!(room.settle().reports.is_empty(), "figures of what is not known say nothing");
    let down = room.pass(1_000).report("x", &[Rule::DatabaseDown], 0);
    room.take("n1", vec![down]);
    room.pass(1_000).figures("n1", "x", 7);
    let shown = room.shown("x").sample;
    assert_eq!((shown.connection_pool.total_connections, shown.probe.impact, shown.reasons.len()), (Some(7), Some(0.001), 1));
    assert_eq!(shown.timestamp, room.now().wall);
}

#[test]
fn a_target_that_no_node_reports_becomes_unknown_and_leaves_when_the_nodes_have_forgotten_it() {
    let mut room = Room::new();
    let both = vec![room.report("x", &[], 0), room.report("y", &[], 0)];
    room.take("n1", both);
    for _ in 0..14 {
        room.pass(1_000).beat("n1", 2);
        room.figures("n1", "y", 1);
    }
    assert_eq!(room.status("x"), Status::Healthy);
    for _ in 0..2 {
        room.pass(1_000).beat("n1", 2);
        room.figures("n1", "y", 1);
    }
    let shown = room.shown("x").sample;
    assert_eq!(shown.status, Status::Unknown);
    assert_eq!(shown.probe.missing[0].cause, "no node of the region has reported it for 16 s");
    assert_eq!(room.status("y"), Status::Healthy);
    for _ in 0..60 {
        room.pass(1_000).beat("n1", 2);
        let y = room.report("y", &[], 0);
        room.take("n1", vec![y]);
        assert!(room.settle().removed.is_empty(), "a node says that it watches two");
    }
    room.pass(1_000).beat("n1", 1);
    assert_eq!(room.settle().removed, [TargetId::new("a", "x")]);
    assert!(!room.ledger.region.targets.contains_key(&"x".into()));
}

#[test]
fn the_targets_of_a_silent_region_are_unknown_until_they_are_reported_again() {
    let mut room = Room::new();
    let both = vec![room.report("x", &[], 0), room.report("y", &[], 0)];
    room.take("n1", both);
    room.settle();
    room.pass(6_000);
    assert_eq!((room.status("x"), room.ledger.region.status), (Status::Unknown, Status::Unknown));
    room.pass(1_000).beat("n1", 2);
    room.figures("n1", "x", 1);
    assert_eq!((room.status("x"), room.status("y")), (Status::Healthy, Status::Unknown));
    assert!(room.ledger.region.reasons.is_empty());
}

#[test]
fn a_silent_region_whose_bus_cannot_be_reached_is_cut_off_from_here() {
    let mut room = Room::new();
    room.beat("n1", 0);
    room.trouble = Some("connection refused");
    room.settle();
    assert!(!room.ledger.cut_off, "it is heard, whatever its bus");
    room.pass(6_000).settle();
    assert!(room.ledger.cut_off);
    let reason = &room.ledger.region.reasons[0];
    assert!(reason.message.ends_with("this node cannot reach its bus: its own view is cut off"), "{}", reason.message);
    assert_eq!(reason.evidence.detail, None, "what the bus said is not for everybody who is alerted");
    room.trouble = None;
    room.settle();
    assert!(!room.ledger.cut_off, "the bus answers, and nobody speaks on it");
    assert!(room.ledger.region.reasons[0].message.starts_with("no report from any node of the region"));
}

#[test]
fn another_regions_success_after_the_fall_makes_being_down_less_urgent_and_says_so() {
    let mut room = Room::new();
    room.pass(10_000).view("x", "b", Outcome::Ok);
    let down = room.report("x", &[Rule::DatabaseDown], 0);
    room.take("n1", vec![down.clone()]);
    let shown = room.shown("x").sample;
    assert_eq!(shown.reasons[0].severity, Severity::Critical, "the last success before proves nothing");
    assert_eq!(shown.reachability.verdict.as_ref().map(|verdict| verdict.kind), Some(VerdictKind::Down));
    room.pass(2_000).view("x", "b", Outcome::Ok);
    let shown = room.shown("x").sample;
    assert_eq!((shown.reasons[0].severity, shown.status), (Severity::High, Status::Unhealthy));
    assert_eq!(shown.reasons[0].message, "it is so; b reaches it: a way there is broken, not the database");
    assert_eq!(shown.reachability.views.len(), 1);
    let last = room.ledger.region.targets[&"x".into()].as_found();
    assert_eq!(last.sample.reasons[0].severity, Severity::Critical, "whoever takes the target over goes on from what was found");
    assert!(down.sample.reachability.views.is_empty(), "what came is not touched");
    // The view grows old, and nothing of it stays.
    for _ in 0..31 {
        room.pass(1_000);
        let down = room.report("x", &[Rule::DatabaseDown], 0);
        room.take("n1", vec![down]);
    }
    let shown = room.shown("x").sample;
    assert_eq!((shown.reasons[0].severity, shown.reachability.verdict.is_none()), (Severity::Critical, true));
}

#[test]
fn a_silent_region_says_what_others_see_of_its_databases() {
    let mut room = Room::new();
    let report = room.report("x", &[], 0);
    room.take("n1", vec![report]);
    room.pass(4_000).view("x", "b", Outcome::TcpTimeout);
    room.pass(2_000);
    let shown = room.shown("x").sample;
    assert_eq!(shown.reachability.verdict.as_ref().map(|verdict| verdict.kind), Some(VerdictKind::Blind));
    let reason = &room.ledger.region.reasons[0];
    assert_eq!(reason.severity, Severity::Critical);
    assert!(reason.message.ends_with("b reaches none of the 1 database that it looks at"), "{}", reason.message);
}
