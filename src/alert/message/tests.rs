use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

use super::*;
use crate::{
    alert::order::{Lane, Order},
    model::{
        Evidence, Outcome, Rule, Severity, Timestamp,
        alert::{AlertMetrics, Chart},
        health::{HolderEvidence, QueryEvidence, SessionEvidence},
    },
    region::thresholds::{Patch, Thresholds},
};

/// Seconds after 2026-11-23 08:46:00 UTC.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(1_795_423_560 + seconds, 0).unwrap())
}

pub(crate) fn session(pid: i32, user: &str, state: &str, age_ms: f64, blocks: u32) -> SessionEvidence {
    SessionEvidence {
        pid,
        user: user.into(),
        application: "checkout".into(),
        state: state.into(),
        wait: (blocks == 0).then(|| "Lock:transactionid".into()),
        query_id: Some("-4611686018427387904".into()),
        age_ms,
        blocks,
    }
}

/// What the rule would say.
fn evidence(rule: Rule) -> (Option<f64>, Option<f64>, &'static str, Evidence) {
    let none = Evidence::default;
    let holders = || {
        let holder = |application: &str, connections, idle_in_transaction| HolderEvidence {
            application: application.into(),
            user: "app".into(),
            connections,
            idle_in_transaction,
        };
        vec![holder("checkout", 31, 28), holder("reports", 1, 0)]
    };
    let query = |query_id: &str, mean_ms, share| QueryEvidence {
        query_id: query_id.into(),
        text: Some("SELECT * FROM orders WHERE note LIKE $1".into()),
        calls: 42,
        mean_ms,
        share,
    };
    let attempts = |cause| Evidence { cause: Some(cause), attempts: Some(2), ..none() };
    match rule {
        Rule::DatabaseDown => {
            (None, None, "The database is down: connection refused; 2 attempts failed.", attempts(Outcome::TcpRefused))
        }
        Rule::DatabaseUnresponsive => (
            None,
            None,
            "The database accepts TCP but answers no trivial query in time; 2 attempts failed.",
            attempts(Outcome::Unresponsive),
        ),
        Rule::DatabaseRejecting => (
            None,
            None,
            "The database rejects new connections: all connection slots are taken; 2 attempts failed.",
            Evidence { detail: Some("FATAL: sorry, too many clients already".into()), ..attempts(Outcome::TooManyConnections) },
        ),
        Rule::PoolerDown => (
            None,
            None,
            "The pooler pgb.internal:6432 is paused or disabled for this database.",
            Evidence { pooler: Some("pgb.internal:6432".into()), ..attempts(Outcome::PoolerPaused) },
        ),
        Rule::RegionBlind => {
            (Some(6.0), Some(5.0), "no report from any node of the region for 6 s: its databases cannot be seen", none())
        }
        Rule::PoolSaturated => (
            Some(0.97),
            Some(0.95),
            "The server is 97% full: 94 of 97 slots taken; checkout (user app) holds 31.",
            Evidence { holders: holders(), ..none() },
        ),
        Rule::PoolWaiting => (
            Some(5_230.0),
            Some(5_000.0),
            "12 clients wait for a connection from pgb.internal:6432, the oldest in pool marketing/app since 5.2 s.",
            Evidence { pooler: Some("pgb.internal:6432 marketing/app".into()), holders: holders(), ..none() },
        ),
        Rule::ConnectionLeak => (
            Some(0.28),
            Some(0.1),
            "28 sessions idle in transaction for over 60.0 s (28% of the connections); the worst is pid 4711.",
            Evidence { sessions: vec![session(4711, "app", "idle in transaction", 93_000.0, 3)], holders: holders(), ..none() },
        ),
        Rule::BlockingChain => (
            Some(8_400.0),
            Some(5_000.0),
            "3 sessions blocked by a lock, the longest for 8.4 s; the root blocker is pid 4711.",
            Evidence {
                sessions: vec![
                    session(4711, "app", "idle in transaction", 93_000.0, 3),
                    session(4712, "app", "active", 8_400.0, 0),
                ],
                ..none()
            },
        ),
        Rule::QuerySlow => (
            Some(1_850.0),
            Some(1_000.0),
            "Queries take 1.9 s on average over 42 calls.",
            Evidence { queries: vec![query("8123409871234", 1_850.0, 0.61), query("77", 20.0, 0.1)], ..none() },
        ),
        Rule::SlowQueryRate => (
            Some(0.0812),
            Some(0.05),
            "8.1% of the calls are slow (over 1.0 s): 12 of 148.",
            Evidence { queries: vec![query("8123409871234", 1_850.0, 0.61)], ..none() },
        ),
        Rule::ErrorRate => (Some(0.034), Some(0.01), "3.4% of the transactions fail: 12 of 353.", none()),
        Rule::CacheHitLow => (Some(0.812), Some(0.9), "Only 81% of the blocks came from the cache.", none()),
        Rule::SizeGrowth => (Some(0.34), Some(0.1), "The database grows by 34% a day.", none()),
        Rule::ReplicationLag => (Some(75.0), Some(60.0), "The replica is 75 s behind.", none()),
        Rule::XidWraparound => (Some(0.76), Some(0.75), "76% of the transaction ids are used up.", none()),
        Rule::Anomaly => (Some(412.0), Some(130.0), "Average query time is 412 ms; it is usually 80 to 130 ms.", none()),
        Rule::DeliveryFailing => (None, None, "3 messages could not be delivered: 403 invalid_token.", none()),
    }
}

/// An alert of that rule, as the desk would make it.
pub(crate) fn alert(rule: Rule) -> Alert {
    let (value, threshold, message, evidence) = evidence(rule);
    let (region, target) = match rule {
        Rule::RegionBlind => ("us-east-1", None),
        Rule::DeliveryFailing => ("isobar", Some("slack-ops")),
        _ => ("us-east-1", Some("marketing")),
    };
    let chart = match units::figure(rule) {
        Some((figure, units::Unit::Milliseconds, _)) => Chart {
            figure: figure.into(),
            unit: "ms".into(),
            points: (0..60)
                .map(|point| {
                    let value = if point < 40 { 20.0 + f64::from(point % 7) } else { f64::from(point - 39) * 261.5 };
                    (at(i64::from(point) - 60).unix_ms(), (point != 20).then_some(value))
                })
                .collect(),
        },
        _ => Chart::default(),
    };
    Alert {
        id: "9f3c1a2b4d5e6f70-65b0c9a8".into(),
        kind: rule.alert_type(),
        severity: Severity::Critical,
        message: message.into(),
        metrics: AlertMetrics::default(),
        timestamp: at(0),
        resolved: false,
        rule,
        fingerprint: "9f3c1a2b4d5e6f70".into(),
        region: region.into(),
        target: target.map(Into::into),
        server: target.map(|_| "db.internal:5432".to_owned()),
        state: AlertState::Firing,
        started_at: at(-12),
        resolved_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        acknowledged_until: None,
        value,
        threshold,
        evidence,
        suppressed_by: None,
        affects: target.map(Into::into).into_iter().collect(),
        flaps: 0,
        flapping: false,
        deliveries: Vec::new(),
        runbook: format!("https://example.com/docs/alerts/{}.md", rule.as_str()),
        dashboard: Some("https://isobar.example.com/".into()),
        chart,
    }
}

/// That alert on its way.
pub(crate) fn parcel(event: AlertEvent, alerts: Vec<Alert>) -> Parcel {
    let order = Order {
        lane: Lane {
            about: "9f3c1a2b4d5e6f70-65b0c9a8".into(),
            channel: "mail".into(),
            recipient: Some("ada@example.com".into()),
        },
        event,
        level: "n2".into(),
        severity: alerts.first().map_or(Severity::Low, |alert| alert.severity),
        due: at(0),
        decided: at(0),
        alerts: alerts.into_iter().map(Arc::new).collect(),
        notes: Vec::new(),
    };
    let key = order.key();
    Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now: at(30) }
}

/// A parcel of every kind, by the name of its golden file.
fn every_kind() -> BTreeMap<&'static str, Parcel> {
    let mut taken = alert(Rule::PoolWaiting);
    taken.state = AlertState::Acknowledged;
    taken.acknowledged_by = Some("Ada".into());
    taken.acknowledgement_note = Some("restarting the workers".into());
    taken.acknowledged_until = Some(at(3_600));
    let mut over = alert(Rule::DatabaseDown);
    (over.state, over.resolved, over.resolved_at) = (AlertState::Resolved, true, Some(at(180)));
    let mut flapping = alert(Rule::PoolSaturated);
    (flapping.flaps, flapping.flapping) = (3, true);
    flapping.affects.extend(["billing".into(), "crm".into()]);
    let many = Rule::ALL
        .iter()
        .map(|rule| Alert { region: if *rule == Rule::ErrorRate { "eu-west-1" } else { "us-east-1" }.into(), ..alert(*rule) });
    let mut many: Vec<_> = many.collect();
    (many[3].severity, many[4].severity, many[5].resolved) = (Severity::Low, Severity::High, true);
    let mut repeat = parcel(AlertEvent::Escalation, vec![alert(Rule::ConnectionLeak)]);
    repeat.possible_repeat = true;
    repeat.order.notes =
        vec!["this step is 14 s late".into(), "The channel slack-ops could not be reached: 403 invalid_token.".into()];
    let recovered = Parcel { fired_and_recovered: true, ..parcel(AlertEvent::Resolved, vec![over.clone()]) };
    BTreeMap::from([
        ("acknowledged", parcel(AlertEvent::Acknowledged, vec![taken.clone()])),
        ("digest", parcel(AlertEvent::Digest, many)),
        ("escalation", repeat),
        ("fired_and_recovered", recovered),
        ("firing", parcel(AlertEvent::Firing, vec![alert(Rule::PoolWaiting)])),
        ("reminder", parcel(AlertEvent::Reminder, vec![alert(Rule::BlockingChain)])),
        ("resolved", parcel(AlertEvent::Resolved, vec![over])),
        ("severity", parcel(AlertEvent::Severity, vec![flapping])),
        ("test", parcel(AlertEvent::Test, Vec::new())),
        ("update", parcel(AlertEvent::Update, vec![taken])),
    ])
}

/// Compares with the golden file; `BLESS=1` writes it anew.
pub(crate) fn assert_golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/alerts").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs (BLESS=1 accepts it); now:\n{text}", path.display());
}

#[test]
fn every_kind_of_message_is_the_golden_one() {
    for (name, parcel) in every_kind() {
        let notice = serde_json::to_string_pretty(&compose(&parcel)).unwrap() + "\n";
        assert_golden(&format!("notice/{name}.json"), &notice);
    }
}

#[test]
fn every_rule_says_what_to_do_first() {
    let mut page = String::new();
    for rule in Rule::ALL.iter().chain([&Rule::DeliveryFailing]) {
        let notice = compose(&parcel(AlertEvent::Firing, vec![alert(*rule)]));
        assert!((2..=4).contains(&notice.commands.len()), "{}: {:#?}", rule.as_str(), notice.commands);
        let _ = writeln!(page, "{}\n  {}", notice.title, notice.summary);
        for field in &notice.fields {
            let _ = writeln!(page, "  {}: {}", field.name, field.value);
        }
        for cause in &notice.causes {
            let _ = writeln!(page, "  - {cause}");
        }
        for it in &notice.commands {
            let _ = writeln!(page, "  {}:\n    {}", it.purpose, it.command);
        }
        page.push('\n');
    }
    assert_golden("rules.txt", &page);
}

#[test]
fn titles_say_what_happened() {
    let table = [
        ("firing", "FIRING critical: pool_waiting on us-east-1/marketing"),
        ("severity", "NOW critical: pool_saturated on us-east-1/marketing"),
        ("escalation", "ESCALATED critical: connection_leak on us-east-1/marketing"),
        ("reminder", "STILL FIRING (reminder 2): blocking_chain on us-east-1/marketing"),
        ("acknowledged", "ACKNOWLEDGED by Ada: pool_waiting on us-east-1/marketing"),
        ("resolved", "RESOLVED: database_down on us-east-1/marketing after 3 min 12 s"),
        ("fired_and_recovered", "FIRED AND RECOVERED: database_down on us-east-1/marketing after 3 min 12 s"),
        ("update", "ACKNOWLEDGED by Ada: pool_waiting on us-east-1/marketing"),
        ("test", "TEST from Isobar: channel mail"),
        ("digest", "17 alerts in eu-west-1, us-east-1"),
    ];
    let kinds = every_kind();
    for (kind, title) in table {
        assert_eq!(compose(&kinds[kind]).title, title);
    }
    let mut again = parcel(AlertEvent::Reminder, vec![alert(Rule::BlockingChain)]);
    for (level, what) in [("n3-instead-of-slack-2", "STILL FIRING (reminder 3)"), ("r1", "STILL FIRING")] {
        again.order.level = level.into();
        assert_eq!(headline(&again).what, what);
    }
    let blind = parcel(AlertEvent::Firing, vec![alert(Rule::RegionBlind)]);
    assert_eq!(compose(&blind).title, "FIRING critical: region_blind on us-east-1");
}

#[test]
fn what_is_over_asks_for_nothing() {
    let kinds = every_kind();
    assert_eq!(compose(&kinds["resolved"]).commands, []);
    assert_eq!(compose(&kinds["fired_and_recovered"]).commands, []);
}

#[test]
fn more_causes_than_a_person_acts_on_are_counted() {
    let mut many = alert(Rule::ConnectionLeak);
    many.evidence.sessions = (1..=9).map(|pid| session(pid, "app", "idle in transaction", 61_000.0, 0)).collect();
    let causes = compose(&parcel(AlertEvent::Firing, vec![many])).causes;
    assert_eq!((causes.len(), causes[5].as_str()), (6, "and 6 more"));
}

#[test]
fn names_from_the_database_break_no_line_and_hide_nothing() {
    let mut evil = alert(Rule::ConnectionLeak);
    evil.target = Some("market\r\nBcc: all@example.com".into());
    evil.message = "one\ntwo \u{202e}three".into();
    evil.evidence.sessions[0].application = "app\u{202e}\u{7}".into();
    evil.evidence.sessions[0].user = "a\"; DROP TABLE x; --".into();
    let notice = compose(&parcel(AlertEvent::Firing, vec![evil]));
    let said = [vec![notice.title, notice.summary], notice.causes, notice.fields.into_iter().map(|field| field.value).collect()];
    for text in said.concat() {
        assert!(!text.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{text:?}");
    }
    let role = notice.commands.iter().find(|it| it.command.starts_with("ALTER ROLE")).unwrap();
    assert_eq!(role.command, "ALTER ROLE \"a\"\"; DROP TABLE x; --\" SET idle_in_transaction_session_timeout = '60s';");
}

/// What tests from outside send.
#[test]
fn the_specimen_is_an_alert() {
    assert_golden("alert.json", &(serde_json::to_string_pretty(&alert(Rule::PoolWaiting)).unwrap() + "\n"));
}

#[test]
fn the_pages_tune_what_can_be_tuned() {
    #[derive(serde::Deserialize)]
    struct Tuning {
        thresholds: Option<Patch>,
    }
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts");
    for rule in Rule::ALL {
        let page = std::fs::read_to_string(pages.join(format!("{}.md", rule.as_str()))).unwrap();
        let tuning = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let tuning: Tuning = toml::from_str(tuning).unwrap_or_else(|error| panic!("{}: {error}", rule.as_str()));
        let patch = tuning.thresholds.unwrap();
        assert!(patch.rules.contains_key(rule), "{}", rule.as_str());
        let mut thresholds = Thresholds::default();
        assert_eq!(thresholds.apply(&patch), [], "{}", rule.as_str());
        let changed = Thresholds { rules: Thresholds::default().rules, ..thresholds };
        assert_eq!(changed, Thresholds::default(), "{} shows the defaults", rule.as_str());
    }
}

#[test]
fn the_index_shows_a_real_message_and_a_template_that_works() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts/README.md")).unwrap();
    let golden = include_str!("../../../tests/golden/alerts/email/firing.txt");
    assert!(page.contains(golden.trim()), "copy tests/golden/alerts/email/firing.txt into it");
    let example: toml::Table = toml::from_str(page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    let templates = Templates::new(example["title"].as_str(), example["body"].as_str()).unwrap();
    let worded = templates.apply(&compose(&every_kind()["firing"]));
    assert_eq!(worded.title, "[db] FIRING critical: pool_waiting on us-east-1/marketing");
    assert!(worded.body.unwrap().contains("\nValue: 5.2 s (oldest wait)\n"));
}

#[test]
fn every_rule_has_a_page_and_the_index_names_it() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts");
    let index = std::fs::read_to_string(pages.join("README.md")).unwrap();
    for rule in Rule::ALL.iter().chain([&Rule::DeliveryFailing]) {
        let file = format!("{}.md", rule.as_str());
        let page = std::fs::read_to_string(pages.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(page.starts_with(&format!("# {}\n", rule.as_str())), "{file} begins with its name");
        for heading in ["## Meaning", "## Likely causes", "## First three commands", "## Tuning"] {
            assert!(page.contains(&format!("\n{heading}\n")), "{file} lacks `{heading}`");
        }
        assert!(index.contains(&format!("({file})")), "README.md does not name {file}");
    }
}

#[test]
fn only_a_test_says_that_it_is_one() {
    assert_eq!(compose(&parcel(AlertEvent::Test, Vec::new())).title, "TEST from Isobar: channel mail");
    for event in [AlertEvent::Firing, AlertEvent::Digest, AlertEvent::Resolved] {
        let Notice { title, summary, .. } = compose(&parcel(event, Vec::new()));
        assert!(!title.contains("TEST") && !summary.contains("arrive here"), "{title} {summary}");
    }
}
