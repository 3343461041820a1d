use super::*;
use crate::clock;

fn case(series: &[(Figure, &str)], expect: Vec<Expectation>) -> Case {
    let numbers = series.iter().map(|(figure, text)| (*figure, series::numbers(text).expect("a series"))).collect();
    Case {
        name: String::new(),
        thresholds: Thresholds::default(),
        interval: Duration::from_secs(1),
        series: Series { numbers, ..Series::default() },
        expect,
    }
}

use scene::Figure;

fn expects(at: u64, event: TransitionKind, severity: Option<Severity>) -> Expectation {
    Expectation { at: Duration::from_secs(at), rule: Rule::PoolSaturated, event, severity }
}

/// One letter for each line: `=` same, `-` missing, `+` unexpected; with its second.
fn verdicts(case: &Case) -> String {
    let lines = compare(&case.expect, play(case, clock::now(), clock::wall()));
    let line = |verdict: &Verdict| {
        let mark = match verdict {
            Verdict::Same(_) => '=',
            Verdict::Missing(_) => '-',
            Verdict::Unexpected(_) => '+',
        };
        format!("{mark}{}", verdict.at().as_secs())
    };
    lines.iter().map(line).collect::<Vec<_>>().join(" ")
}

#[test]
fn expectations_are_complete_in_time_kind_and_severity() {
    use TransitionKind::{Cleared, Firing, Pending};
    let high = Some(Severity::High);
    for (expect, expected, why) in [
        (vec![expects(4, Firing, high), expects(8, Cleared, None)], "=4 =8", "as it is"),
        (vec![expects(4, Firing, None)], "=4 +8", "an unexpected end"),
        (vec![], "+4 +8", "nothing was expected"),
        (vec![expects(3, Firing, high), expects(8, Cleared, None)], "-3 +4 =8", "too early"),
        (vec![expects(4, Firing, Some(Severity::Low)), expects(8, Cleared, None)], "-4 +4 =8", "another severity"),
        (vec![expects(4, Firing, high), expects(8, Cleared, None), expects(8, Cleared, None)], "=4 -8 =8", "twice"),
        (vec![expects(1, Pending, None), expects(4, Firing, high), expects(8, Cleared, None)], "=1 =4 =8", "pending is named"),
        (vec![expects(2, Pending, None)], "+1 -2 +4 +8", "and counts then"),
    ] {
        let case = case(&[(Figure::PoolUtilization, "0.5 0.85x5 0.5x3")], expect);
        assert_eq!(verdicts(&case), expected, "{why}");
    }
}

#[test]
fn a_series_that_ended_keeps_its_last_value_and_a_gap_is_dark() {
    let over = |series: &[(Figure, &str)]| verdicts(&case(series, Vec::new()));
    assert_eq!(over(&[(Figure::PoolUtilization, "0.9"), (Figure::ErrorRate, "0x9")]), "+3");
    assert_eq!(over(&[(Figure::PoolUtilization, "0.9 0.9 _x3 0.9x3")]), "+8", "time in the dark does not count");
}
