use std::str::from_utf8;

use super::*;
use crate::web::tests::{alerts as told, renamed, report, world};

struct Scene {
    hub: Hub,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let now = crate::clock::now();
        Self { hub: Hub::new(now, 255, Arc::new(world(&[report()])), Arc::default()), now }
    }

    fn subscribe(&mut self, filter: &str, last: Option<&str>) -> Receiver<Bytes> {
        let filter = Filter { region: None, target: (!filter.is_empty()).then(|| filter.into()) };
        self.hub.subscribe(self.now, filter, last)
    }

    /// The target's number of waiting clients changes.
    fn waiting(&mut self, clients: u32) {
        let report = renamed("marketing", |sample| sample.connection_pool.waiting_clients = Some(clients));
        self.hub.change(self.now, Arc::new(world(&[report])));
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.hub.tick(self.now);
    }
}

/// The events that wait in a queue, in order.
fn events(queue: &mut Receiver<Bytes>) -> Vec<String> {
    let mut all = String::new();
    while let Ok(chunk) = queue.try_recv() {
        all.push_str(from_utf8(&chunk).unwrap());
    }
    let name = |line: &str| line.strip_prefix("event: ").or_else(|| line.strip_prefix(": ")).map(str::to_owned);
    all.lines().filter_map(name).collect()
}

fn last_id(queue: &mut Receiver<Bytes>) -> String {
    let mut last = None;
    while let Ok(chunk) = queue.try_recv() {
        let mut ids = from_utf8(&chunk).unwrap().lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned);
        last = ids.next_back().or(last);
    }
    last.unwrap()
}

#[test]
fn a_chunk_is_shared_by_all_who_see_the_same() {
    let mut scene = Scene::new();
    let (mut one, mut other) = (scene.subscribe("", None), scene.subscribe("", None));
    assert_eq!((events(&mut one), events(&mut other)), (vec!["snapshot".into()], vec!["snapshot".into()]));
    scene.waiting(1);
    assert_eq!(one.try_recv().unwrap().as_ptr(), other.try_recv().unwrap().as_ptr());
}

#[test]
fn a_target_that_comes_or_goes_is_announced_to_those_it_concerns() {
    let mut scene = Scene::new();
    let (mut all, mut other) = (scene.subscribe("", None), scene.subscribe("billing", None));
    events(&mut all);
    events(&mut other);
    let billing = renamed("billing", |_| {});
    scene.hub.change(scene.now, Arc::new(world(&[billing])));
    assert_eq!(events(&mut all), ["removed", "update"]);
    assert_eq!(events(&mut other), ["update"]);
    scene.hub.change(scene.now, Arc::new(World::unseen([], report().sample.timestamp, scene.now)));
    assert_eq!(events(&mut all), ["status", "removed"]);
}

#[test]
fn a_reader_that_comes_back_gets_what_it_missed_or_starts_over() {
    let mut scene = Scene::new();
    let mut queue = scene.subscribe("", None);
    scene.waiting(1);
    let id = last_id(&mut queue);
    scene.waiting(2);
    scene.waiting(3);
    assert_eq!(events(&mut scene.subscribe("", Some(&id))), ["update", "update"]);
    assert_eq!(events(&mut scene.subscribe("billing", Some(&id))), ["nothing missed"]);
    for strange in ["", "ff", "ff-", "ff-99", "fe-1", "ff--1", "é-1"] {
        assert_eq!(events(&mut scene.subscribe("", Some(strange))), ["snapshot"], "{strange}");
    }
    drop(queue);
    scene.pass(1);
    scene.pass(30);
    scene.waiting(4);
    assert_eq!(events(&mut scene.subscribe("", Some(&id))), ["snapshot"], "nothing is kept while nobody looks");
}

#[test]
fn a_slow_reader_starts_over_and_one_that_takes_nothing_is_let_go() {
    let mut scene = Scene::new();
    let (mut slow, mut stuck) = (scene.subscribe("", None), scene.subscribe("", None));
    (0..200).for_each(|clients| scene.waiting(clients));
    assert_eq!(events(&mut slow).len(), QUEUE, "no more than the queue holds");
    scene.pass(1);
    assert_eq!(events(&mut slow), ["snapshot"]);
    scene.waiting(7);
    assert_eq!(events(&mut slow), ["update"]);
    scene.pass(60);
    assert_eq!(scene.hub.subscribers.len(), 1);
    events(&mut stuck);
    assert!(stuck.is_closed(), "its stream ends");
}

#[test]
fn a_quiet_stream_is_told_every_quarter_of_a_minute_that_it_lives() {
    let mut scene = Scene::new();
    let mut queue = scene.subscribe("", None);
    events(&mut queue);
    scene.pass(14);
    assert!(events(&mut queue).is_empty());
    scene.pass(1);
    assert_eq!(events(&mut queue), ["still here"]);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut scene = Scene::new();
    let _queue = scene.subscribe("", None);
    for clients in 0..5_000 {
        scene.waiting(clients);
    }
    let ring = &scene.hub.ring;
    assert!(ring.frames.len() <= ring::MOST_FRAMES && ring.bytes <= ring::MOST_BYTES);
    assert_eq!(ring.frames.iter().map(|frame| frame.bytes.len()).sum::<usize>(), ring.bytes);
}

/// A reader with these filters.
fn reader(scene: &mut Scene, region: Option<&str>, target: Option<&str>) -> Receiver<Bytes> {
    let filter = Filter { region: region.map(Into::into), target: target.map(Into::into) };
    let mut queue = scene.hub.subscribe(scene.now, filter, None);
    events(&mut queue);
    queue
}

#[test]
fn an_alert_is_told_to_those_it_concerns() {
    let about = |region: &str, target: Option<&str>, affects: &[&str]| {
        told::alert(|alert| {
            alert.region = region.into();
            alert.target = target.map(Into::into);
            alert.affects = affects.iter().copied().map(Into::into).collect();
        })
    };
    let table = [
        (about("us-east-1", Some("marketing"), &["marketing"]), "all region target"),
        (about("us-east-1", Some("orders"), &["orders", "marketing"]), "all region target"),
        (about("us-east-1", Some("billing"), &["billing"]), "all region"),
        (about("us-east-1", None, &[]), "all region"),
        (about("isobar", Some("slack-ops"), &[]), "all"),
    ];
    for (alert, expected) in table {
        let mut scene = Scene::new();
        let mut readers = [
            ("all", reader(&mut scene, None, None)),
            ("region", reader(&mut scene, Some("us-east-1"), None)),
            ("target", reader(&mut scene, Some("us-east-1"), Some("marketing"))),
        ];
        scene.hub.tell_alerts(scene.now, &[("firing", alert.clone())]);
        let told = readers.iter_mut().filter_map(|(name, queue)| (events(queue) == ["alert"]).then_some(*name));
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected, "{} {:?}", alert.region, alert.target);
    }
}

/// The data of the next event.
fn data(queue: &mut Receiver<Bytes>) -> Value {
    let chunk = queue.try_recv().unwrap();
    let line = from_utf8(&chunk).unwrap().lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_region_that_is_cut_off_is_named_at_once_and_when_that_ends() {
    let mut scene = Scene::new();
    let (mut all, mut here) = (scene.subscribe("", None), reader(&mut scene, Some("us-east-1"), None));
    assert_eq!(data(&mut all)["cutOff"], json!([]));
    for cut_off in [json!(["us-east-1"]), json!([])] {
        let mut world = world(&[report()]);
        world.cut_off = serde_json::from_value(cut_off.clone()).unwrap();
        scene.hub.change(scene.now, Arc::new(world));
        let expected = json!({"status": "degraded", "regions": {"us-east-1": "degraded"}, "cutOff": cut_off});
        assert_eq!((data(&mut all), data(&mut here)), (expected.clone(), expected));
        assert_eq!(data(&mut scene.subscribe("", None))["cutOff"], cut_off);
    }
    assert!(all.try_recv().is_err(), "and then no more");
}

#[test]
fn a_snapshot_names_the_open_alerts_and_an_event_the_whole_alert() {
    let mut scene = Scene::new();
    let over = told::alert(|alert| {
        alert.id = "over".into();
        alert.state = crate::model::alert::AlertState::Resolved;
    });
    let open = told::alert(|_| {});
    scene.hub.alerts.store(Arc::new(AlertBook { alerts: vec![over, open.clone()], ..AlertBook::default() }));
    let mut queue = scene.subscribe("", None);
    assert_eq!(data(&mut queue)["alerts"], json!([open]));
    assert_eq!(data(&mut scene.subscribe("billing", None))["alerts"], json!([]));
    scene.hub.tell_alerts(scene.now, &[("acknowledged", open.clone())]);
    let expected =
        json!({"event": "acknowledged", "at": open.timestamp, "region": "us-east-1", "target": "marketing", "alert": open});
    assert_eq!(data(&mut queue), expected);
}

#[test]
fn alerts_are_missed_by_nobody_who_comes_back_and_cost_nothing_while_nobody_looks() {
    let mut scene = Scene::new();
    scene.hub.tell_alerts(scene.now, &[("firing", told::alert(|_| {}))]);
    assert!(scene.hub.ring.frames.is_empty(), "nobody looks");
    let mut queue = scene.subscribe("", None);
    let id = last_id(&mut queue);
    drop(queue);
    scene.hub.tell_alerts(scene.now, &[("firing", told::alert(|_| {})), ("resolved", told::alert(|_| {}))]);
    assert_eq!(events(&mut scene.subscribe("", Some(&id))), ["alert", "alert"]);
}
