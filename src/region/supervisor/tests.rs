use std::sync::{Arc, Mutex};

use actix::Addr;

use super::*;
use crate::{
    model::{Evidence, Reason, Rule, Severity, Timestamp, reading::Cost},
    probe::conninfo::{ConnInfo, Host, SessionAttrs, SslMode},
};

/// What became of the probes that were asked for.
#[derive(Clone, Default)]
struct Probes(Arc<Mutex<Vec<Spawned>>>);

struct Spawned {
    to: Recipient<Reading>,
    probe: ProbeKind,
    target: TargetId,
    generation: u64,
    elsewhere: bool,
    stopped: bool,
    watch: Option<DeathWatch>,
}

struct StopAt(Probes, usize);

impl Stop for StopAt {
    fn stop(&self) {
        self.0.0.lock().expect("no panic while held")[self.1].stopped = true;
    }
}

impl Spawn for Probes {
    fn spawn(&self, target: &TargetSettings, to: Recipient<Reading>, watch: DeathWatch, elsewhere: bool) -> Box<dyn Stop> {
        let mut all = self.0.lock().expect("no panic while held");
        let (probe, generation, target) = (watch.probe, watch.generation, target.id.clone());
        all.push(Spawned { to, probe, target, generation, elsewhere, stopped: false, watch: Some(watch) });
        Box::new(StopAt(self.clone(), all.len() - 1))
    }

    fn dropped(&self) -> u64 {
        7
    }
}

impl Probes {
    fn count(&self) -> usize {
        self.0.lock().expect("no panic while held").len()
    }

    /// The newest incarnation of a probe of `shop`.
    fn newest(&self, kind: ProbeKind) -> (usize, u64, bool) {
        let all = self.0.lock().expect("no panic while held");
        let found = all.iter().enumerate().rfind(|(_, it)| it.probe == kind && it.target.target.as_str() == "shop");
        found.map(|(place, it)| (place, it.generation, it.elsewhere)).expect("spawned")
    }

    fn stopped(&self, target: &str) -> usize {
        let all = self.0.lock().expect("no panic while held");
        all.iter().filter(|it| it.target.target.as_str() == target && it.stopped).count()
    }

    /// Takes a probe's watch, as its end would.
    fn take_watch(&self, place: usize) -> DeathWatch {
        self.0.lock().expect("no panic while held")[place].watch.take().expect("alive")
    }

    fn say(&self, place: usize, generation: u64) {
        let (to, target, probe) = {
            let all = self.0.lock().expect("no panic while held");
            (all[place].to.clone(), all[place].target.clone(), all[place].probe)
        };
        let cost = Cost { interval_ms: 250, ..Cost::default() };
        let body = Body::Size(Ok(1));
        to.do_send(Reading { target, probe, generation, at: clock::now(), wall: clock::wall(), cost, body });
    }
}

/// The aggregator's place.
struct Ear(Arc<Mutex<Vec<Batch>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Batch> for Ear {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        self.0.lock().expect("no panic while held").push(batch);
    }
}

fn target(name: &str) -> (TargetSettings, Thresholds) {
    let url = ConnInfo {
        hosts: vec![Host { name: "db".into(), addr: None, port: 5432 }],
        user: "isobar".into(),
        password: None,
        dbname: name.into(),
        sslmode: SslMode::Prefer,
        sslrootcert: None,
        connect_timeout: None,
        session_attrs: SessionAttrs::Any,
        load_balance: false,
        pool_mode: None,
    };
    let id = TargetId::new("here", name);
    (
        TargetSettings {
            id,
            url,
            critical: false,
            vantages: vec![],
            supabase: None,
            machine: None,
            poolers: vec![],
            slow_query_ms: 1_000.0,
            listed: false,
        },
        Thresholds::default(),
    )
}

fn start(names: &[&str]) -> (Addr<RegionSupervisor>, Probes, Arc<Mutex<Vec<Batch>>>) {
    let (probes, heard) = (Probes::default(), Arc::default());
    let to = Ear(Arc::clone(&heard)).start().recipient();
    let targets = names.iter().map(|name| target(name)).collect();
    let supervisor =
        RegionSupervisor::new("here".into(), "node".into(), targets, Sampling::default(), Box::new(probes.clone()), to);
    (supervisor.start(), probes, heard)
}

/// Waits for what is to come; it fails by name when it does not come.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(8), wait).await.is_ok(), "{what}");
}

fn last(heard: &Mutex<Vec<Batch>>) -> RosterState {
    heard.lock().expect("no panic while held").last().and_then(|batch| batch.roster.clone()).unwrap_or_default()
}

#[actix_web::test]
async fn three_probes_start_for_each_target_and_the_heart_beats_without_readings() {
    let (_supervisor, probes, heard) = start(&["shop", "blog"]);
    until("six probes", || probes.count() == 6).await;
    until("a heartbeat", || last(&heard).probes == 6).await;
    let roster = last(&heard);
    assert_eq!((roster.targets, roster.seen, roster.dropped), (2, 0, 7));
}

#[actix_web::test]
async fn a_probe_that_panics_is_started_again_and_the_mail_of_its_old_self_is_dropped() {
    let (_supervisor, probes, heard) = start(&["shop"]);
    until("three probes", || probes.count() == 3).await;
    let (place, generation, _) = probes.newest(ProbeKind::Database);
    let watch = probes.take_watch(place);
    let dying = std::thread::spawn(move || {
        let _watch = watch;
        panic!("on purpose");
    });
    assert!(dying.join().is_err());
    until("a fourth", || probes.count() == 4).await;
    let (newer, newest, elsewhere) = probes.newest(ProbeKind::Database);
    assert!(newest > generation && !elsewhere, "the thread of a panicked probe is fine");

    probes.say(place, generation);
    until("the panic is told", || last(&heard).panics == 1).await;
    assert_eq!(last(&heard).seen, 0, "the old one's mail counts for nothing");
    probes.say(newer, newest);
    until("the new one is heard", || last(&heard).seen == 1).await;
}

#[actix_web::test]
async fn a_probe_that_falls_silent_is_stopped_and_replaced_on_another_thread() {
    let (_supervisor, probes, heard) = start(&["shop"]);
    until("three probes", || probes.count() == 3).await;
    until("a replacement of the silent pool probe", || probes.newest(ProbeKind::Pool).2).await;
    until("the hang is told", || last(&heard).hangs >= 1).await;
    assert!(probes.stopped("shop") >= 1);
}

#[actix_web::test]
async fn a_new_configuration_starts_what_is_new_stops_what_is_gone_and_leaves_the_rest() {
    let (supervisor, probes, heard) = start(&["shop", "blog"]);
    until("six probes", || probes.count() == 6).await;
    supervisor.send(Reconfigure { targets: vec![target("shop"), target("wiki")] }).await.expect("taken");
    assert_eq!((probes.count(), probes.stopped("blog"), probes.stopped("shop")), (9, 3, 0));
    let told = || heard.lock().expect("no panic while held").iter().flat_map(|batch| batch.removed.clone()).collect::<Vec<_>>();
    until("the removal is told", || told() == [TargetId::new("here", "blog")]).await;
}

/// How a target was when somebody else watched it: its fullness fired a while ago.
fn as_it_was(name: &str) -> Report {
    let (settings, thresholds) = target(name);
    let mut report = Joined::new(&settings, &thresholds, &Sampling::default()).report(clock::now(), clock::wall());
    let reason = Reason {
        rule: Rule::PoolSaturated,
        severity: Severity::High,
        value: Some(0.9),
        threshold: Some(0.8),
        since: Timestamp("2026-11-23T12:00:00Z".parse().expect("a moment")),
        message: "full".to_owned(),
        evidence: Evidence::default(),
    };
    Arc::make_mut(&mut report.sample).reasons = vec![reason];
    report
}

fn given(name: &str, last: Option<Report>) -> Given {
    let (settings, thresholds) = target(name);
    Given { settings, thresholds, last }
}

fn reports(heard: &Mutex<Vec<Batch>>, name: &str) -> Vec<Report> {
    let all = heard.lock().expect("no panic while held");
    let of = |batch: &Batch| batch.reports.iter().filter(|it| it.sample.target.as_str() == name).cloned().collect::<Vec<_>>();
    all.iter().flat_map(of).collect()
}

#[actix_web::test]
async fn a_target_that_is_taken_over_goes_on_as_it_was_and_is_not_told_before_it_was_looked_at() {
    let (supervisor, probes, heard) = start(&[]);
    supervisor.send(Share { targets: vec![given("shop", Some(as_it_was("shop")))] }).await.expect("taken");
    assert_eq!(probes.count(), 3);
    until("a heartbeat without a word of it", || last(&heard).targets == 1).await;
    let (place, generation, _) = probes.newest(ProbeKind::Database);
    probes.say(place, generation);
    until("another probe is heard", || last(&heard).seen == 1).await;
    assert!(reports(&heard, "shop").is_empty(), "which says nothing of its sessions");
    let (place, generation, _) = probes.newest(ProbeKind::Pool);
    probes.say(place, generation);
    until("it is told", || !reports(&heard, "shop").is_empty()).await;
    let first = reports(&heard, "shop").remove(0);
    let reason = &first.sample.reasons[0];
    assert_eq!((reason.rule, reason.since.to_string().as_str()), (Rule::PoolSaturated, "2026-11-23T12:00:00.000Z"));
    assert!(first.transitions.is_empty(), "nothing has changed");
}

#[actix_web::test]
async fn a_target_that_nobody_can_look_at_is_told_after_three_seconds() {
    let (supervisor, _probes, heard) = start(&[]);
    supervisor.send(Share { targets: vec![given("shop", Some(as_it_was("shop")))] }).await.expect("taken");
    let began = clock::now();
    until("it is told", || !reports(&heard, "shop").is_empty()).await;
    assert!(clock::now() - began >= FIRST_LOOK);
}

#[actix_web::test]
async fn a_target_that_others_watch_from_now_on_ends_without_a_word_and_one_that_the_configuration_lost_does_not() {
    let (supervisor, probes, heard) = start(&[]);
    let three = ["shop", "blog", "wiki"].map(|name| given(name, None));
    supervisor.send(Share { targets: three.to_vec() }).await.expect("taken");
    until("nine probes", || probes.count() == 9).await;
    supervisor.send(Share { targets: three[1..].to_vec() }).await.expect("taken");
    assert_eq!((probes.stopped("shop"), probes.stopped("blog")), (3, 0));
    supervisor.send(Reconfigure { targets: vec![target("shop"), target("wiki")] }).await.expect("taken");
    assert_eq!((probes.count(), probes.stopped("blog")), (9, 3), "what others watch is not started");
    let told = || heard.lock().expect("no panic while held").iter().flat_map(|batch| batch.removed.clone()).collect::<Vec<_>>();
    until("the removal is told", || told() == [TargetId::new("here", "blog")]).await;
}
