use std::sync::Arc;

use super::*;
use crate::{
    clock,
    model::vitals::Vitals,
    web::{
        metrics::{Format, Named, Style, exposition::Exposition},
        tests::report,
    },
};

fn shown(replication: Replication) -> String {
    let vitals = Arc::new(Vitals { replication: Some(Arc::new(replication)), ..Vitals::default() });
    let target = Target { vitals, ..Target::of(report(), "n1".into(), clock::now()) };
    let mut page = Page {
        style: Style::default(),
        text: Exposition::new(Format::Text),
        targets: vec![Named { region: "r", target: "t", state: &target }],
    };
    families(&mut page);
    let lines = page.text.finish();
    lines.lines().filter(|line| !line.starts_with('#')).map(|line| line.replace("region=\"r\",target=\"t\"", "") + "\n").collect()
}

#[test]
fn a_primary_shows_followers_and_slots_under_the_known_names() {
    let replica = |lag| Replica {
        application: "walreceiver".into(),
        address: Some("10.0.0.2".into()),
        state: "streaming".into(),
        replay_lag_bytes: Some(lag),
        replay_lag_seconds: Some(0.5),
        ..Replica::default()
    };
    let slot = Slot {
        name: "feed".into(),
        kind: "logical".into(),
        database: Some("shop".into()),
        retained_bytes: Some(4_096),
        safe_bytes: Some(-1),
        wal_status: Some("unreserved".into()),
        ..Slot::default()
    };
    let replication = Replication {
        timeline: Some(2),
        replicas: vec![replica(300), replica(200)],
        slots: vec![slot],
        slot_limit_bytes: Some(1_024),
        ..Replication::default()
    };
    let of_replica = "{,application_name=\"walreceiver\",client_addr=\"10.0.0.2\",state=\"streaming\"}";
    let of_slot = "{,slot_name=\"feed\",slot_type=\"logical\"";
    // Two followers that nothing tells apart are one series: the one further behind.
    let expected = format!(
        "pg_replication_lag_seconds{{}} 0\n\
         pg_stat_replication_pg_wal_lsn_diff{of_replica} 300\nisobar_replica_replay_lag_seconds{of_replica} 0.5\n\
         pg_replication_slots_active{of_slot},database=\"shop\"}} 0\n\
         pg_replication_slots_pg_wal_lsn_diff{of_slot},database=\"shop\"}} 4096\n\
         pg_replication_slot_slot_is_active{of_slot}}} 0\npg_replication_slot_safe_wal_size_bytes{of_slot}}} -1\n\
         pg_replication_slot_wal_status{of_slot},wal_status=\"unreserved\"}} 1\n\
         isobar_replication_slot_limit_bytes{{}} 1024\nisobar_replication_timeline{{}} 2\n"
    );
    assert_eq!(shown(replication), expected);
}

#[test]
fn a_replica_shows_its_lag_and_its_conflicts_and_nothing_that_is_not_known() {
    let upstream = Upstream { streaming: true, lag_seconds: Some(2.5), ..Upstream::default() };
    let causes = Conflicts { lock: 3, ..Conflicts::default() };
    let replication = Replication {
        role: Role::Replica,
        upstream: Some(upstream.clone()),
        conflict_causes: Some(causes),
        ..Replication::default()
    };
    let text = shown(replication.clone());
    for line in [
        "pg_replication_lag_seconds{} 2.5\n",
        "isobar_replication_streaming{} 1\n",
        "isobar_replication_paused{} 0\n",
        "pg_stat_database_conflicts_confl_lock{,datid=\"16384\",datname=\"marketing\"} 3\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("lag_bytes") && !text.contains("logicalslot"), "{text}");
    let unknown = Some(Upstream { lag_seconds: None, ..upstream });
    assert!(!shown(Replication { upstream: unknown, ..replication }).contains("pg_replication_lag_seconds"));
}
