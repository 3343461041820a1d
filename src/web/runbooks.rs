//! What to do about each rule: the pages of `docs/alerts`, as they lie in the binary. Pure. A rule without a page does not compile.

use crate::model::Rule;

macro_rules! pages {
    ($($rule:ident $name:literal,)*) => {
        const fn page(rule: Rule) -> &'static str {
            match rule { $(Rule::$rule => include_str!(concat!("../../docs/alerts/", $name, ".md")),)* }
        }
    };
}

pages! {
    DatabaseDown "database_down",
    DatabaseUnresponsive "database_unresponsive",
    DatabaseRejecting "database_rejecting",
    PoolerDown "pooler_down",
    RegionBlind "region_blind",
    PoolSaturated "pool_saturated",
    PoolWaiting "pool_waiting",
    ConnectionLeak "connection_leak",
    BlockingChain "blocking_chain",
    QuerySlow "query_slow",
    SlowQueryRate "slow_query_rate",
    ErrorRate "error_rate",
    CacheHitLow "cache_hit_low",
    SizeGrowth "size_growth",
    ReplicationLag "replication_lag",
    XidWraparound "xid_wraparound",
    Anomaly "anomaly",
    DeliveryFailing "delivery_failing",
}

/// The page of the rule with that name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    let mut rules = Rule::ALL.iter().copied().chain([Rule::DeliveryFailing]);
    rules.find(|rule| rule.as_str() == name).map(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_page_and_nothing_else_has_one() {
        for rule in Rule::ALL.iter().chain([&Rule::DeliveryFailing]) {
            let name = rule.as_str();
            assert!(named(name).is_some_and(|page| page.lines().next().is_some_and(|title| title.contains(name))), "{name}");
        }
        for name in ["", "README", "database_down.md", "../decisions/0001-actix-with-own-supervision", "DATABASE_DOWN"] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
