use super::*;
use crate::model::Severity;

fn patch(text: &str) -> Patch {
    toml::from_str(text).expect("a patch")
}

#[test]
fn the_defaults_are_in_order_and_every_rule_has_settings() {
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.apply(&Patch::default()), []);
    assert_eq!(thresholds, Thresholds::default());
    assert!(Rule::ALL.iter().all(|rule| thresholds.rules[rule].enabled == (*rule != Rule::Anomaly)));
}

#[test]
fn layers_override_one_another() {
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.apply(&patch("pool_utilization = 0.75\npool_wait_ms = 1000")), []);
    assert_eq!(thresholds.apply(&patch("pool_wait_ms = 2000\n[rules.pool_waiting]\nfor = \"2s\"\nenabled = false")), []);
    assert!((thresholds.pool_utilization - 0.75).abs() < 1e-9);
    assert!((thresholds.pool_wait_ms - 2000.0).abs() < 1e-9);
    let rule = thresholds.rule(Rule::PoolWaiting);
    assert_eq!((rule.for_, rule.enabled, rule.severity), (Duration::from_secs(2), false, Severity::High));
}

#[test]
fn a_clear_level_follows_its_firing_level() {
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.apply(&patch("average_query_ms = 200\nblocked_age = \"10s\"\ncache_hit_ratio = 0.99")), []);
    assert!((thresholds.average_query_clear_ms - 160.0).abs() < 1e-9);
    assert_eq!(thresholds.blocked_age_clear, Duration::from_secs(8));
    assert!((thresholds.cache_hit_ratio_clear - 0.992).abs() < 1e-9);
}

#[test]
fn every_problem_is_named_at_once() {
    let mut thresholds = Thresholds::default();
    let problems = thresholds.apply(&patch(
        "pool_utilization = 80\npool_wait_ms = 6000\nleak_age = \"0s\"\nslow_query_rate_clear = 0.5\nfailed_attempts = 0
         [rules.error_rate]\nfor = \"3days\"\ncritical_severity = \"high\"\n[rules.pool_saturated]\ncritical_severity = \"low\"",
    ));
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "pool_utilization",
            "leak_age",
            "failed_attempts",
            "pool_wait_ms",
            "slow_query_rate_clear",
            "rules.pool_saturated.critical_severity",
            "rules.error_rate.for",
            "rules.error_rate.critical_severity",
        ]
    );
    assert_eq!(problems[0].fix, "a value from 0.01 to 1");
    assert_eq!(problems[3].fix, "a value below `pool_wait_critical_ms`, which is 5000; or a larger `pool_wait_critical_ms`");
}

#[test]
fn what_is_not_understood_is_refused() {
    for (text, says) in [
        ("pool_utilisation = 0.8", "unknown field `pool_utilisation`"),
        ("blocked_age = \"5 fortnights\"", "no length of time"),
        ("pool_utilization = \"high\"", "expected f64"),
        ("[rules.pool_full]\nfor = \"3s\"", "unknown variant `pool_full`"),
        ("[rules.error_rate]\nseverity = \"urgent\"", "unknown variant `urgent`"),
    ] {
        let error = toml::from_str::<Patch>(text).expect_err(text).to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(Thresholds::default().apply(&patch("error_rate = nan")).len(), 1);
}
