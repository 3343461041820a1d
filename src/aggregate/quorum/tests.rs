use super::*;
use crate::model::{Evidence, Phases, Timestamp};

/// `ok`, or how it failed; seconds after the own region's word that it was heard.
fn looked(start: Instant, from: &str, outcome: Outcome, second: u64) -> Looked {
    let view = View {
        from: from.into(),
        outcome,
        failed_phase: None,
        message: None,
        checked_at: Timestamp(chrono::DateTime::UNIX_EPOCH),
        phases: Phases::default(),
    };
    Looked { view, at: start + Duration::from_secs(second) }
}

#[test]
fn a_verdict_names_who_reaches_the_target_and_who_does_not() {
    use Outcome::{AuthFailed, Ok, TcpRefused, TcpTimeout, Unresponsive};
    use VerdictKind::{Blind, Down, Path, Up};
    let start = crate::clock::now();
    let down = Own::Down { since: start };
    let (silent, unseen) = (Own::Silent { is_blind: true }, Own::Silent { is_blind: false });
    let broken = "a way there is broken, not the database";
    for (own, views, kind, message) in [
        (Own::Up, &[("b", Ok, 0)][..], Up, "a and b reach it".to_owned()),
        (Own::Up, &[("b", AuthFailed, 0), ("c", Ok, 0)], Up, "a, b and c reach it".to_owned()),
        (Own::Up, &[("b", TcpTimeout, 0), ("c", Ok, 0)], Path, format!("a and c reach it, and b does not: {broken}")),
        (Own::Up, &[("b", TcpTimeout, 0), ("c", Unresponsive, 0)], Path, format!("a reaches it, and b and c do not: {broken}")),
        (down, &[("b", TcpRefused, 2), ("c", TcpRefused, 2)], Down, "a, b and c do not reach it".to_owned()),
        // The last success before the crash proves nothing.
        (down, &[("b", Ok, 0)], Down, "a does not reach it; b has not looked since".to_owned()),
        (down, &[("b", Ok, 0), ("c", TcpRefused, 2)], Down, "a and c do not reach it; b has not looked since".to_owned()),
        (down, &[("b", Ok, 2)], Path, format!("b reaches it, and a does not: {broken}")),
        (down, &[("b", Ok, 2), ("c", TcpTimeout, 2)], Path, format!("b reaches it, and a and c do not: {broken}")),
        // Sent away by the server is not in.
        (down, &[("b", AuthFailed, 2)], Down, "a and b do not reach it".to_owned()),
        (silent, &[("b", Ok, 2)], Blind, "its own region a is silent; b reaches it".to_owned()),
        (silent, &[("b", TcpTimeout, 2)], Blind, "its own region a is silent; b does not reach it".to_owned()),
        (
            unseen,
            &[("b", Ok, 0), ("c", TcpTimeout, 0)],
            Blind,
            "its own region a does not report it; b reaches it, and c does not reach it".to_owned(),
        ),
    ] {
        let views: Vec<Looked> = views.iter().map(|(from, outcome, second)| looked(start, from, *outcome, *second)).collect();
        let judged = judge(&"a".into(), own, &views.iter().collect::<Vec<_>>()).expect("a verdict");
        assert_eq!((judged.verdict.kind, judged.verdict.message.as_str()), (kind, message.as_str()), "{own:?} {views:?}");
        assert_eq!(judged.views.len(), views.len());
        assert_eq!(
            judged.soften.is_some(),
            kind == Path && own == down,
            "only another region's success makes a page less urgent"
        );
    }
    assert!(judge(&"a".into(), Own::Up, &[]).is_none(), "nobody else looks");
}

fn reason(rule: Rule, severity: Severity) -> Reason {
    let since = Timestamp(chrono::DateTime::UNIX_EPOCH);
    Reason { rule, severity, value: None, threshold: None, since, message: "it is so".to_owned(), evidence: Evidence::default() }
}

#[test]
fn only_being_down_is_softened_and_never_made_worse() {
    for (rule, severity, expected, message) in [
        (Rule::DatabaseDown, Severity::Critical, Severity::High, "it is so; b reaches it"),
        (Rule::DatabaseUnresponsive, Severity::Critical, Severity::High, "it is so; b reaches it"),
        (Rule::DatabaseDown, Severity::Medium, Severity::Medium, "it is so; b reaches it"),
        (Rule::DatabaseRejecting, Severity::Critical, Severity::Critical, "it is so"),
        (Rule::PoolSaturated, Severity::Critical, Severity::Critical, "it is so"),
    ] {
        let mut reason = reason(rule, severity);
        soften(&mut reason, "b reaches it");
        assert_eq!((reason.severity, reason.message.as_str()), (expected, message), "{rule:?}");
    }
}

#[test]
fn a_silent_region_is_worse_when_nobody_reaches_its_databases() {
    use Outcome::{Ok, TcpTimeout};
    use Severity::{Critical, High};
    let start = crate::clock::now();
    for (views, severity, message) in [
        (&[][..], High, "it is so"),
        (&[("x", "b", Ok, 0)], High, "it is so"),
        (&[("x", "b", Ok, 2), ("y", "b", Ok, 3)], High, "it is so; b still reaches 2 of the 2 databases that it looks at"),
        (
            &[("x", "b", TcpTimeout, 2), ("y", "b", Ok, 3)],
            High,
            "it is so; b still reaches 1 of the 2 databases that it looks at",
        ),
        // Not all were tried since.
        (&[("x", "b", TcpTimeout, 2), ("y", "b", Ok, 0)], High, "it is so"),
        (
            &[("x", "b", TcpTimeout, 2), ("y", "b", TcpTimeout, 3)],
            Critical,
            "it is so; b reaches none of the 2 databases that it looks at",
        ),
        (
            &[("x", "b", TcpTimeout, 2), ("x", "c", Ok, 3)],
            High,
            "it is so; b reaches none of the 1 database that it looks at, and c still reaches 1 of the 1 database that it looks at",
        ),
    ] {
        let mut all = Views::default();
        for (target, from, outcome, second) in views {
            all.take(&(*target).into(), looked(start, from, *outcome, *second));
        }
        let mut reason = reason(Rule::RegionBlind, High);
        add_sights(&mut reason, &all, start);
        assert_eq!((reason.severity, reason.message.as_str()), (severity, message), "{views:?}");
    }
}

#[test]
fn a_view_holds_for_three_turns_and_the_newest_one_of_a_region_replaces_it() {
    let start = crate::clock::now();
    let mut views = Views::default();
    views.take(&"x".into(), looked(start, "b", Outcome::Ok, 0));
    views.take(&"x".into(), looked(start, "b", Outcome::TcpTimeout, 10));
    assert_eq!(views.of(&"x".into()).len(), 1);
    assert!(views.expire(start + FRESH).is_empty(), "ten seconds later it was still there");
    assert_eq!(views.expire(start + FRESH + Duration::from_secs(10)), ["x".into()]);
    assert!(views.of(&"x".into()).is_empty());
}
