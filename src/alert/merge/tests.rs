use proptest::prelude::*;

use super::*;
use crate::{
    alert::{
        incident::{Acknowledgement, Escalation},
        order::Order,
        outbox::tests::{at, order},
    },
    model::{
        Evidence, Reason, Rule, Severity, Timestamp,
        alert::{AlertMetrics, AlertStep, Chart, Matchers, SilenceKind},
    },
};

const SEVERITIES: [Severity; 2] = [Severity::High, Severity::Critical];

fn moment(ms: i64) -> Timestamp {
    at(ms).wall
}

/// An incident about `about`, whose number is `number`.
fn incident(about: &str, number: u8) -> Incident {
    let reason = Reason {
        rule: Rule::DatabaseDown,
        severity: Severity::Critical,
        value: None,
        threshold: None,
        since: moment(0),
        message: "refused".into(),
        evidence: Evidence::default(),
    };
    let escalation = Escalation {
        policies: vec![],
        started: None,
        severity: Severity::Critical,
        taken: 0,
        round: 0,
        reminded: None,
        reminders: 0,
    };
    Incident {
        id: format!("{about}-{number}"),
        subject: Subject { region: "r".into(), target: Some(about.into()), rule: Rule::DatabaseDown, scope: String::new() },
        server: None,
        important: false,
        state: AlertState::Firing,
        reason,
        worst: Severity::High,
        opened: moment(0),
        changed: moment(0),
        recovering: None,
        resolved_at: None,
        flaps: 0,
        acknowledgement: None,
        escalation,
        suppressed_by: None,
        told: BTreeMap::new(),
        worst_told: None,
        digested: vec![],
        affects: vec![],
        metrics: AlertMetrics::default(),
        chart: Chart::default(),
        steps: vec![],
    }
}

fn row(order: Order, state: DeliveryState) -> Row {
    Row {
        seq: 1,
        members: vec![order.lane.about.clone()],
        key: order.key(),
        state,
        attempts: 0,
        calls: BTreeMap::new(),
        queued_at: moment(0),
        next_due: moment(0),
        deadline: moment(0),
        finished: None,
        sent_at: None,
        answer: None,
        reference: None,
        in_doubt: false,
        possible_repeat: false,
        fired_and_recovered: false,
        void: false,
        order,
    }
}

prop_compose! {
    fn incidents()(
        about in prop::sample::select(vec!["a", "b"]), number in 0..2_u8, state in 1..5_usize, times in prop::array::uniform4(0..3_i64),
        severities in prop::array::uniform3(prop::sample::select(&SEVERITIES[..])), round in 0..2_u32, taken in 0..3_usize,
        told in prop::collection::btree_map("[a-c]", prop::sample::select(&SEVERITIES[..]), 0..3), digested in prop::collection::vec("[a-c]", 0..3),
        by in prop::option::of("[xy]"), expires in prop::option::of(0..3_i64),
        steps in prop::collection::vec((0..200_i64, "[a-e]{2}"), 0..150),
    ) -> Incident {
        let states = [AlertState::Pending, AlertState::Firing, AlertState::Acknowledged, AlertState::Recovering, AlertState::Resolved];
        let mut it = incident(about, number);
        (it.state, it.changed, it.opened) = (states[state], moment(times[0]), moment(times[1]));
        it.acknowledgement = by.map(|by| Acknowledgement { by, note: None, expires: expires.map(moment) });
        if it.in_breach() {
            it.state = if it.acknowledgement.is_some() { AlertState::Acknowledged } else { AlertState::Firing };
        }
        (it.reason.severity, it.worst, it.escalation.severity) = (severities[0], severities[1], severities[2]);
        (it.escalation.round, it.escalation.taken, it.escalation.started) = (round, taken, (taken > 0).then(|| moment(times[2])));
        it.suppressed_by = (times[3] == 0).then(|| "silence".into());
        (it.told, it.digested) = (told, digested);
        it.steps = steps.into_iter().map(|(ms, text)| AlertStep { at: moment(ms), what: "what".into(), text }).collect();
        it
    }
}

prop_compose! {
    fn rows()(
        about in "[ab]-[01]", channel in "[xy]", event in prop::sample::select(vec![AlertEvent::Firing, AlertEvent::Resolved]),
        state in 0..5_usize, numbers in prop::array::uniform5(0..3_i64), answer in prop::option::of("[ab]"), reference in prop::option::of("[ab]"),
        flags in prop::array::uniform4(any::<bool>()), severity in prop::sample::select(&SEVERITIES[..]),
        notes in prop::collection::vec("[ab]", 0..2), calls in prop::collection::btree_map("[mn]", (0..2_u32, any::<bool>()), 0..3),
    ) -> Row {
        use DeliveryState::{Cancelled, Failed, Queued, Sending, Sent};
        let mut row = row(order(&about, &channel, event, "0", severity, numbers[0]), [Queued, Sending, Sent, Failed, Cancelled][state]);
        (row.seq, row.attempts, row.answer, row.reference) = (numbers[1] as u64, numbers[2] as u32, answer, reference);
        if !row.is_finished() && calls.values().any(|(_, is_known)| !is_known) {
            row.state = Sending;
        }
        row.calls = calls;
        if row.is_finished() {
            row.finished = Some(moment(numbers[3]));
            row.order.alerts.clear();
        }
        (row.sent_at, row.order.notes) = ((state == 2).then(|| moment(numbers[4])), notes);
        [row.in_doubt, row.possible_repeat, row.fired_and_recovered, row.void] = flags;
        row
    }
}

fn silence(id: &str, reason: &str) -> Silence {
    Silence {
        id: id.into(),
        kind: SilenceKind::Api,
        matchers: Matchers::default(),
        starts_at: None,
        ends_at: None,
        schedule: None,
        by: "by".into(),
        reason: reason.into(),
        active: true,
    }
}

fn copy() -> impl Strategy<Value = Copy> {
    let silences = prop::collection::vec(("[ab]", "[ab]"), 0..3);
    (prop::collection::vec(incidents(), 0..4), prop::collection::vec(rows(), 0..5), silences).prop_map(
        |(incidents, rows, silences)| Copy {
            incidents: incidents.into_iter().map(|it| (it.id.clone(), it)).collect(),
            rows: rows.into_iter().map(|row| (row.key.clone(), row)).collect(),
            silences: silences.into_iter().map(|(id, reason)| (id.clone(), silence(&id, &reason))).collect(),
        },
    )
}

fn merged(one: &Copy, other: &Copy) -> Copy {
    let mut both = one.clone();
    merge(&mut both, other.clone());
    both
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_and_however_often_copies_are_merged_they_come_to_the_same(one in copy(), two in copy(), three in copy()) {
        let both = merged(&one, &two);
        prop_assert_eq!(&both, &merged(&two, &one));
        prop_assert_eq!(&merged(&both, &three), &merged(&one, &merged(&two, &three)));
        prop_assert_eq!(&merged(&both, &one), &both);
        prop_assert_eq!(&merged(&both, &both), &both);
        prop_assert_eq!(&merged(&one, &one), &one);
    }

    #[test]
    fn nothing_goes_back(one in copy(), two in copy()) {
        let both = merged(&one, &two);
        for (key, row) in one.rows.iter().chain(&two.rows) {
            let now = &both.rows[key];
            prop_assert!(row.state != DeliveryState::Sent || now.state == DeliveryState::Sent);
            prop_assert!(!row.is_finished() || now.is_finished());
            prop_assert!(!row.in_doubt || now.in_doubt || now.state == DeliveryState::Sent);
            prop_assert!(now.attempts >= row.attempts && now.reference >= row.reference);
        }
        for (id, incident) in one.incidents.iter().chain(&two.incidents) {
            let now = &both.incidents[id];
            prop_assert!(incident.state != AlertState::Resolved || now.state == AlertState::Resolved);
            prop_assert!(incident.told.keys().all(|channel| now.told.contains_key(channel)));
            prop_assert!(now.steps.len() <= crate::alert::incident::MOST_STEPS);
        }
    }

    #[test]
    fn after_all_a_problem_has_one_open_incident(one in copy(), two in copy()) {
        let mut both = merged(&one, &two);
        unify(&mut both, at(9));
        let open: Vec<&Subject> = both.incidents.values().filter(|it| it.is_open()).map(|it| &it.subject).collect();
        prop_assert_eq!(open.iter().collect::<BTreeSet<_>>().len(), open.len());
        let before = both.clone();
        prop_assert_eq!(unify(&mut both, at(10)), Vec::<String>::new());
        prop_assert_eq!(both, before);
    }
}

#[test]
fn of_two_episodes_of_the_same_the_older_goes_on_and_the_end_of_the_other_is_told_where_it_alone_was() {
    let (mut older, mut younger) = (incident("a", 1), incident("a", 7));
    (older.opened, younger.opened) = (moment(1), moment(2));
    older.told = [("slack".to_owned(), Severity::Critical)].into();
    younger.told = [("slack".to_owned(), Severity::Critical), ("mail".to_owned(), Severity::Critical)].into();
    younger.acknowledgement = Some(Acknowledgement { by: "ana".into(), note: None, expires: None });
    younger.state = AlertState::Acknowledged;
    let first = |id: &str, channel: &str| {
        row(order(id, channel, AlertEvent::Firing, "critical-r0s1", Severity::Critical, 3), DeliveryState::Sent)
    };
    let rows = [first("a-1", "slack"), first("a-7", "slack"), first("a-7", "mail")];
    let mut copy = Copy {
        incidents: [older, younger].into_iter().map(|it| (it.id.clone(), it)).collect(),
        rows: rows.into_iter().map(|row| (row.key.clone(), row)).collect(),
        silences: BTreeMap::new(),
    };
    assert_eq!(unify(&mut copy, at(5)), ["a-7"]);
    let [older, younger] = ["a-1", "a-7"].map(|id| &copy.incidents[id]);
    assert_eq!((older.state, younger.state), (AlertState::Acknowledged, AlertState::Resolved));
    assert_eq!(younger.told.keys().collect::<Vec<_>>(), ["mail"]);
    assert!(younger.steps[0].text.contains("a-1"), "{:?}", younger.steps);
    assert_eq!(unended(&copy), ["a-7"], "its end is still to be told");
}

#[test]
fn what_one_node_sent_and_another_saw_end_is_told_to_be_over() {
    let (mut told, mut over) = (incident("a", 1), incident("a", 1));
    told.told = [("slack".to_owned(), Severity::Critical)].into();
    over.state = AlertState::Resolved;
    let sent = row(order("a-1", "slack", AlertEvent::Firing, "0", Severity::Critical, 3), DeliveryState::Sent);
    let mut copy =
        Copy { incidents: [("a-1".to_owned(), told)].into(), rows: [(sent.key.clone(), sent)].into(), ..Copy::default() };
    merge(&mut copy, Copy { incidents: [("a-1".to_owned(), over)].into(), ..Copy::default() });
    assert_eq!(unended(&copy), ["a-1"]);
    let end = row(order("a-1", "slack", AlertEvent::Resolved, "end", Severity::Critical, 4), DeliveryState::Queued);
    copy.rows.insert(end.key.clone(), end);
    assert_eq!(unended(&copy), Vec::<String>::new());
}

#[test]
fn an_acknowledgement_outlives_a_node_that_did_not_hear_of_it_and_not_its_own_end() {
    let taken = Acknowledgement { by: "ana".into(), note: None, expires: Some(moment(500)) };
    let (mut knows, mut other) = (incident("a", 1), incident("a", 1));
    (knows.acknowledgement, knows.state) = (Some(taken), AlertState::Acknowledged);
    other.changed = moment(100);
    for (round, state) in [(0, AlertState::Acknowledged), (1, AlertState::Firing)] {
        other.escalation.round = round;
        let merged = incidents::merge(knows.clone(), other.clone());
        assert_eq!((merged.state, merged.acknowledgement.is_some()), (state, round == 0), "round {round}");
    }
}

#[test]
fn what_was_decided_apart_and_reached_nobody_is_decided_anew() {
    let decided = |about: &str| {
        let mut it = incident(about, 0);
        (it.told, it.escalation.started, it.escalation.taken) =
            ([("x".to_owned(), Severity::Critical)].into(), Some(moment(0)), 1);
        (it.id.clone(), it)
    };
    let of = |about: &str, state, attempts| {
        let mut row = row(order(&format!("{about}-0"), "x", AlertEvent::Firing, "0", Severity::Critical, 0), state);
        row.attempts = attempts;
        (row.key.clone(), row)
    };
    let (waits, sent, tried) =
        (of("waits", DeliveryState::Queued, 0), of("sent", DeliveryState::Sent, 1), of("tried", DeliveryState::Queued, 1));
    let mut copy = Copy {
        incidents: ["waits", "sent", "tried"].map(decided).into(),
        rows: [waits.clone(), sent, tried].into(),
        silences: BTreeMap::new(),
    };
    undecide(&mut copy);
    let told = |about: &str| copy.incidents[&format!("{about}-0")].told.len();
    assert_eq!((told("waits"), told("sent"), told("tried")), (0, 1, 1));
    assert_eq!(copy.incidents["waits-0"].escalation.started, None, "its steps begin anew");
    assert!(!copy.rows.contains_key(&waits.0) && copy.rows.len() == 2);
}
