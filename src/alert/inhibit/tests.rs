use super::*;

#[test]
fn causes_and_what_they_hide_are_the_documented_ones() {
    let hides = |cause: Rule| {
        let hidden = Rule::ALL.iter().filter(|rule| causes(**rule).contains(&cause));
        hidden.map(|rule| rule.as_str()).collect::<Vec<_>>().join(" ")
    };
    let symptoms =
        "pool_saturated pool_waiting connection_leak blocking_chain query_slow slow_query_rate error_rate cache_hit_low";
    for (cause, hidden) in [
        (Rule::DatabaseDown, format!("database_unresponsive database_rejecting pooler_down {symptoms}")),
        (Rule::DatabaseUnresponsive, format!("database_rejecting pooler_down {symptoms}")),
        (Rule::DatabaseRejecting, "pooler_down pool_waiting".to_owned()),
        (Rule::PoolerDown, "pool_saturated pool_waiting".to_owned()),
        (Rule::PoolSaturated, String::new()),
        (Rule::ErrorRate, String::new()),
    ] {
        assert_eq!(hides(cause), hidden, "{}", cause.as_str());
    }
}

#[test]
fn nothing_hides_itself_and_whatever_hides_is_a_cause() {
    for rule in Rule::ALL {
        assert!(!causes(*rule).contains(rule), "{}", rule.as_str());
        assert!(causes(*rule).iter().all(|cause| is_cause(*cause) && rank(*cause) <= rank(*rule)), "{}", rule.as_str());
    }
}

#[test]
fn symptoms_wait_for_causes_and_causes_of_the_database_do_not() {
    let waiting: Vec<_> = Rule::ALL.iter().filter(|rule| waits(**rule)).map(|rule| rule.as_str()).collect();
    let expected = "pooler_down pool_saturated pool_waiting connection_leak blocking_chain query_slow slow_query_rate error_rate cache_hit_low";
    assert_eq!(waiting.join(" "), expected);
}
