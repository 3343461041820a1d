use actix::Addr;

use super::*;
use crate::model::{Sample, Status, report::RosterState};

/// Collects what a subscriber is told.
#[derive(Default)]
struct Ear(Arc<std::sync::Mutex<Vec<WorldChange>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<WorldChange> for Ear {
    type Result = ();

    fn handle(&mut self, change: WorldChange, _: &mut Self::Context) {
        self.0.lock().expect("no panic while held").push(change);
    }
}

fn blindness(after: Duration) -> Blindness {
    Blindness { enabled: true, after, severity: crate::model::Severity::High }
}

fn batch(region: &str, targets: &[(&str, Status)]) -> Batch {
    let report = |(target, status): &(&str, Status)| {
        let text = format!(
            r#"{{"timestamp":"2026-11-23T08:46:00.123Z","region":"{region}","target":"{target}","status":"{}","reasons":[],
            "connectionPool":{{}},"queryPerformance":{{}},"database":{{}},"poolers":[],"reachability":{{"phases":{{}}}},
            "probe":{{"intervalMs":250,"connections":2,"missing":[]}}}}"#,
            status.as_str()
        );
        let sample: Sample = serde_json::from_str(&text).expect("a sample");
        let (activity, queries, counters) = (None, None, None);
        Report {
            sample: Arc::new(sample),
            critical: false,
            server: "db:5432".into(),
            transitions: vec![],
            activity,
            queries,
            counters,
            poolers: vec![],
        }
    };
    let reports = targets.iter().map(report).collect();
    Batch {
        region: region.into(),
        node: "here".into(),
        roster: Some(RosterState::default()),
        reports,
        figures: vec![],
        vitals: vec![],
        copies: vec![],
        views: vec![],
        removed: vec![],
    }
}

fn start(
    regions: &[&str],
    blind_after: Duration,
) -> (Addr<Aggregator>, Arc<ArcSwap<World>>, Arc<std::sync::Mutex<Vec<WorldChange>>>) {
    let names: Vec<RegionName> = regions.iter().map(|name| (*name).into()).collect();
    let world = Arc::new(ArcSwap::from_pointee(World::unseen(names.clone(), clock::wall(), clock::now())));
    let ear = Ear::default();
    let heard = Arc::clone(&ear.0);
    let aggregator = Aggregator::new(names, Arc::clone(&world), vec![ear.start().recipient()], blindness(blind_after)).start();
    (aggregator, world, heard)
}

/// Waits until it is so; what comes close together is published together.
async fn until(what: impl Fn() -> bool) {
    let deadline = clock::now() + Duration::from_secs(5);
    while !what() {
        assert!(clock::now() < deadline, "it never was so");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[actix_web::test]
async fn a_batch_is_published_and_told_at_once_and_other_regions_keep_their_maps() {
    let (aggregator, world, heard) = start(&["a", "b"], Duration::from_hours(1));
    aggregator.send(batch("b", &[("x", Status::Healthy)])).await.expect("taken");
    until(|| world.load().target("b", "x").is_some()).await;
    let untouched = Arc::clone(&world.load().regions[&"b".into()]);
    aggregator.send(batch("a", &[("y", Status::Unhealthy), ("z", Status::Healthy)])).await.expect("taken");
    until(|| world.load().target("a", "z").is_some()).await;
    let now = world.load();
    assert_eq!(now.status, Status::Degraded);
    assert_eq!(now.regions[&"a".into()].status, Status::Degraded);
    assert!(Arc::ptr_eq(&untouched, &now.regions[&"b".into()]));
    assert!(now.target("a", "y").is_some());
    until(|| heard.lock().expect("no panic while held").iter().map(|change| change.reports.len()).sum::<usize>() == 3).await;
}

#[actix_web::test]
async fn a_region_never_heard_is_unknown_and_one_that_falls_silent_is_blind_with_its_targets_kept() {
    let (aggregator, world, _) = start(&["a"], Duration::ZERO);
    assert_eq!(world.load().status, Status::Unknown);
    aggregator.send(batch("a", &[("x", Status::Healthy)])).await.expect("taken");
    until(|| world.load().target("a", "x").is_some()).await;
    let now = world.load();
    let region = &now.regions[&"a".into()];
    assert_eq!((now.status, region.status), (Status::Unknown, Status::Unknown));
    assert_eq!(region.reasons[0].rule, crate::model::Rule::RegionBlind);
    let target = now.target("a", "x").expect("kept");
    assert_eq!(target.report.sample.status, Status::Unknown, "how it is cannot be known");
}

#[actix_web::test]
async fn a_region_that_the_configuration_drops_is_forgotten_and_its_late_mail_ignored() {
    let (aggregator, world, heard) = start(&["a", "b"], Duration::from_hours(1));
    aggregator.send(batch("a", &[("x", Status::Healthy)])).await.expect("taken");
    aggregator
        .send(Reconfigure { regions: vec!["b".into(), "c".into()], blindness: blindness(Duration::from_hours(1)) })
        .await
        .expect("taken");
    aggregator.send(batch("a", &[("x", Status::Healthy)])).await.expect("taken");
    let names: Vec<_> = world.load().regions.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["b", "c"]);
    until(|| heard.lock().expect("no panic while held").iter().flat_map(|change| &change.removed).count() == 1).await;
}

#[actix_web::test]
async fn a_busy_subscriber_gets_each_transition_and_removal_once_when_it_has_time_again() {
    const TOLD: usize = 60;
    let ear = Ear::default();
    let heard = Arc::clone(&ear.0);
    let mut subscriber = Subscriber::new(ear.start().recipient());
    let world = Arc::new(World::unseen([], clock::wall(), clock::now()));
    let transition = serde_json::from_value(serde_json::json!({ "kind": "firing", "at": clock::wall(), "reason": {
        "rule": "query_slow", "severity": "medium", "value": 1.0, "threshold": 1.0, "since": clock::wall(), "message": "",
        "evidence": { "sessions": [], "holders": [], "queries": [] } } }));
    let mut report = batch("a", &[("x", Status::Healthy)]).reports.remove(0);
    report.transitions = vec![transition.expect("a transition")];
    // More than its mailbox holds, before it has its first turn.
    for _ in 0..TOLD {
        subscriber.tell(&world, &[report.clone()], &[report.id()]);
    }
    for _ in 0..TOLD {
        tokio::task::yield_now().await;
    }
    assert!(heard.lock().expect("no panic while held").len() < TOLD, "it was busy");
    subscriber.tell(&world, &[], &[]);
    for _ in 0..TOLD {
        tokio::task::yield_now().await;
    }
    let heard = heard.lock().expect("no panic while held");
    let sum = |count: fn(&WorldChange) -> usize| heard.iter().map(count).sum::<usize>();
    assert_eq!((sum(|change| change.reports.len()), sum(|change| change.removed.len())), (TOLD, TOLD));
}

#[actix_web::test]
async fn a_flood_from_many_nodes_is_published_together_and_ends_with_the_newest() {
    const REGIONS: usize = 20;
    const TARGETS: usize = 50;
    const ROUNDS: usize = 20;
    let names: Vec<String> = (0..REGIONS).map(|nth| format!("r{nth}")).collect();
    let targets: Vec<String> = (0..TARGETS).map(|nth| format!("t{nth}")).collect();
    let (aggregator, world, heard) = start(&names.iter().map(String::as_str).collect::<Vec<_>>(), Duration::from_hours(1));
    let all: Vec<_> = targets.iter().map(|name| (name.as_str(), Status::Healthy)).collect();
    let firsts: Vec<Batch> = names.iter().map(|name| Batch { roster: None, ..batch(name, &all) }).collect();
    let began = clock::now();
    for round in 1..=ROUNDS {
        for (nth, first) in firsts.iter().enumerate() {
            let mut next = first.clone();
            next.node = format!("n{}", round % 3).as_str().into();
            for report in &mut next.reports {
                let sample = Arc::make_mut(&mut report.sample);
                sample.timestamp.0 += chrono::Duration::milliseconds(i64::try_from(round).expect("few"));
                sample.connection_pool.total_connections = Some(u32::try_from(round * 100 + nth).expect("few"));
            }
            aggregator.send(next).await.expect("taken");
        }
    }
    let total = |region: &str| {
        let world = world.load();
        world.target(region, "t49").and_then(|target| target.report.sample.connection_pool.total_connections)
    };
    until(|| total("r19") == Some(ROUNDS as u32 * 100 + 19)).await;
    let took = began.elapsed();
    assert!((0..REGIONS).all(|nth| total(&format!("r{nth}")) == Some((ROUNDS * 100 + nth) as u32)));
    let changes = heard.lock().expect("no panic while held").len();
    println!("{} samples in {took:?}, published {changes} times for {} batches", REGIONS * TARGETS * ROUNDS, REGIONS * ROUNDS);
    assert!(changes < REGIONS * ROUNDS / 2, "published {changes} times");
    assert_eq!(world.load().regions[&"r0".into()].nodes.len(), 3);
}
