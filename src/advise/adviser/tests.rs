use std::sync::Arc;

use super::*;
use crate::model::{
    Report,
    advice::{Kind, Score, Verdict},
    sample::Pool,
    world::Region,
};

fn wall() -> Timestamp {
    Timestamp(chrono::DateTime::UNIX_EPOCH)
}

/// A watched pool that is looked at every ten seconds.
struct Scene {
    adviser: Adviser,
    now: Instant,
    transactions: u64,
    transaction_seconds: f64,
    wait_seconds: f64,
    size: u32,
    service: f64,
    mode: &'static str,
    /// Another pool of the same database.
    other: Option<u32>,
    /// Whether statements are told.
    told: bool,
    /// Whether its server is away.
    away: bool,
}

impl Scene {
    fn new(size: u32) -> Self {
        Self {
            adviser: Adviser::new(Settings::default(), None),
            now: crate::clock::now(),
            transactions: 0,
            transaction_seconds: 0.0,
            wait_seconds: 0.0,
            size,
            service: 0.020,
            mode: "transaction",
            other: None,
            told: true,
            away: false,
        }
    }

    /// As many looks, at 170 transactions a second of 20 ms, which wait for so long.
    fn pass(&mut self, looks: u32, wait: f64) -> Advice {
        (0..looks).fold(Advice::default(), |_, _| self.look(1_700, wait))
    }

    /// One look, after so many transactions.
    fn look(&mut self, count: u64, wait: f64) -> Advice {
        self.now += Duration::from_secs(10);
        self.transactions += count;
        self.wait_seconds += count as f64 * wait;
        self.transaction_seconds += count as f64 * (self.service + wait);
        self.adviser.step(self.now, wall(), &self.world(wait))
    }

    /// Half a minute of little load and half a minute of much, with what a transaction takes at each.
    fn vary(&mut self, little: (u64, f64), much: (u64, f64)) -> Recommendation {
        let mut advice = Advice::default();
        for nth in 0..20 {
            let (count, service) = if nth % 6 < 3 { little } else { much };
            self.service = service;
            advice = self.look(count, 0.020);
        }
        advice.recommendations.remove(0)
    }

    /// Another process goes on with what the one before kept.
    fn restart(&mut self) {
        let kept = self.adviser.worth_keeping(self.now + Duration::from_hours(1));
        self.adviser = Adviser::new(Settings::default(), kept.as_deref());
    }

    fn world(&self, wait: f64) -> World {
        let mut report: Report = serde_json::from_str(include_str!("../../../tests/golden/web/report.json")).expect("a report");
        let sample = Arc::make_mut(&mut report.sample);
        sample.reasons.truncate(1);
        sample.reasons[0].rule = if self.away { Rule::DatabaseDown } else { Rule::PoolSaturated };
        let pool = &mut sample.poolers[0].pools[0];
        (pool.size, pool.mode) = (Some(self.size), self.mode.to_owned());
        (pool.clients_active, pool.servers_active, pool.servers_idle) = (300, Some(4), Some(0));
        pool.clients_waiting = Some(u32::from(wait > 0.01));
        if let Some(clients_active) = self.other {
            let other = Pool { user: "jobs".into(), clients_active, clients_waiting: Some(0), ..pool.clone() };
            sample.poolers[0].pools.push(other);
        }
        let queries = report.queries.as_mut().filter(|_| self.told).map(|queries| {
            let mut queries = crate::model::queries::Queries::clone(queries);
            queries.calls = 1_700;
            queries.statements.iter_mut().for_each(|one| one.calls = 1_700);
            queries
        });
        report.queries = queries.map(Into::into);
        let detail = Arc::make_mut(&mut report.poolers[0]);
        let counters = &mut detail.counters[0];
        (counters.transactions, counters.queries) = (self.transactions, self.transactions);
        (counters.transaction_seconds, counters.wait_seconds) = (self.transaction_seconds, Some(self.wait_seconds));
        let mut activity = crate::model::activity::Activity::clone(report.activity.as_ref().expect("sessions"));
        activity.waits.iter_mut().for_each(|wait| wait.sessions = 0.1);
        activity.sessions.clear();
        report.activity = Some(activity.into());
        let (region, target) = (report.sample.region.clone(), report.sample.target.clone());
        let target = (target, Arc::new(Target::of(report, "n1".into(), self.now)));
        let region = (region, Arc::new(Region { targets: [target].into(), ..Region::unseen() }));
        World { regions: [region].into(), ..World::unseen([], wall(), self.now) }
    }
}

fn verdict(advice: &Advice) -> Option<Verdict> {
    Some(advice.past.first()?.outcome.as_ref()?.verdict)
}

#[test]
fn what_waits_for_a_server_that_is_away_says_nothing_of_the_pool() {
    let mut scene = Scene::new(4);
    assert_eq!(scene.pass(18, 0.0).recommendations, []);
    scene.away = true;
    let advice = scene.pass(3, 0.0);
    assert!(advice.unknown[0].cause.contains("is away"), "{:?}", advice.unknown);
    scene.away = false;
    // Those who waited are counted with the first look after it: half an hour of waiting, all together.
    scene.look(1_700, 1.0);
    let advice = scene.pass(18, 0.0);
    assert_eq!((&advice.recommendations, &advice.unknown), (&vec![], &vec![]), "{advice:?}");
}

pub(in crate::advise) fn recommendation() -> Recommendation {
    Scene::new(4).pass(18, 0.020).recommendations.remove(0)
}

/// What an adviser keeps after a change that it followed.
pub(in crate::advise) fn noted() -> String {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.020);
    scene.size = 6;
    scene.pass(19, 0.001);
    scene.adviser.worth_keeping(scene.now).expect("news")
}

#[test]
fn a_pool_is_advised_on_after_half_a_window_and_its_id_stays() {
    let mut scene = Scene::new(4);
    let young = scene.pass(5, 0.020);
    assert_eq!(young.recommendations, Vec::new());
    assert!(young.unknown[0].cause.contains("40 s"), "{young:?}");
    let first = scene.pass(6, 0.020).recommendations;
    let later = scene.pass(20, 0.020).recommendations;
    assert_eq!((first.len(), first[0].kind, &first[0].id), (1, Kind::EnlargePool, &later[0].id));
    let change = &later[0].change;
    assert_eq!((change.from.as_deref(), change.to.as_deref()), (Some("4"), Some("6")));
    let (command, undo) = (change.command.as_deref().unwrap_or_default(), change.undo.as_deref().unwrap_or_default());
    assert!(
        command.contains("pool_size=6 ") && command.ends_with("RELOAD;") && undo.contains("pool_size=4 "),
        "{command} {undo}"
    );
    assert!(first[0].confidence < later[0].confidence, "a whole window is surer");
}

#[test]
fn a_change_is_followed_until_it_can_be_compared() {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.020);
    scene.size = 6;
    let measuring = scene.pass(1, 0.001);
    assert_eq!(verdict(&measuring), Some(Verdict::Measuring));
    let settled = scene.pass(18, 0.001);
    let outcome = settled.past[0].outcome.as_ref().expect("an outcome");
    assert_eq!((outcome.verdict, outcome.to, outcome.within_bounds), (Verdict::AsPredicted, 6, Some(true)));
    assert!((outcome.mean_wait_ms.unwrap_or_default() - 1.0).abs() < 1e-6, "{outcome:?}");
    let again = scene.pass(20, 0.001);
    assert_eq!(again.past, settled.past, "what came of it stays, and is measured once");
    assert_eq!(Score::of(&again.past), Score { compared: 1, within_bounds: 1, as_predicted: 1 });
}

#[test]
fn what_was_advised_outlives_a_restart_before_it_is_taken_and_before_it_is_settled() {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.020);
    scene.restart();
    // It was taken while nobody looked.
    scene.size = 6;
    assert_eq!(verdict(&scene.pass(1, 0.001)), Some(Verdict::Measuring));
    scene.restart();
    let settled = scene.pass(19, 0.001);
    assert_eq!(verdict(&settled), Some(Verdict::AsPredicted));
    scene.restart();
    assert_eq!(scene.pass(1, 0.001).past, settled.past);
}

#[test]
fn what_is_kept_is_said_when_it_is_news_and_once_a_minute() {
    let mut scene = Scene::new(4);
    scene.pass(12, 0.020);
    let now = scene.now;
    assert!(scene.adviser.worth_keeping(now).is_some());
    assert_eq!(scene.adviser.worth_keeping(now + Duration::from_secs(10)), None);
    assert!(scene.adviser.worth_keeping(now + Duration::from_mins(1)).is_some());
    scene.size = 6;
    scene.pass(1, 0.001);
    assert!(scene.adviser.worth_keeping(now + Duration::from_secs(61)).is_some(), "a change is news");
    let mut idle = Scene::new(4);
    idle.pass(12, 0.0);
    assert_eq!(idle.adviser.worth_keeping(idle.now), None, "there is nothing to keep");
    assert_eq!(Adviser::new(Settings::default(), Some("{damaged")).memory, Memory::default());
}

#[test]
fn a_pool_whose_enlargement_slowed_it_down_is_not_enlarged_again() {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.020);
    (scene.size, scene.service) = (6, 0.032);
    scene.pass(19, 0.010);
    let again = scene.pass(10, 0.010).recommendations;
    assert_eq!(again[0].kind, Kind::DoNotEnlargePool, "{again:?}");
    assert!(again[0].caution.contains("from 4 to 6 connections"), "{}", again[0].caution);
}

#[test]
fn a_load_that_varies_shows_how_transactions_slow_each_other_down() {
    let told = |advice: &Recommendation| advice.evidence.iter().find(|fact| fact.what.starts_with("contention")).cloned();
    let shared = Scene::new(4).vary((900, 0.012), (1_600, 0.024));
    assert_eq!(shared.kind, Kind::DoNotEnlargePool);
    assert!(shared.caution.contains("slow each other down") && shared.caution.contains("24.0 ms at 160/s"), "{}", shared.caution);
    let little = Scene::new(4).vary((1_000, 0.015), (1_700, 0.018));
    assert_eq!(little.kind, Kind::EnlargePool, "{}", little.caution);
    let fact = told(&little).expect("evidence");
    assert!((fact.value - 0.212).abs() < 0.002 && fact.what.contains("15.0 ms at 100/s"), "{fact:?}");
    assert!(little.evidence.iter().any(|fact| fact.what.contains("would hold one of")), "{:?}", little.evidence);
    let none = Scene::new(4).vary((1_000, 0.018), (1_700, 0.018));
    assert_eq!((none.kind, told(&none)), (Kind::EnlargePool, None));
}

#[test]
fn a_change_that_nobody_advised_has_no_outcome() {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.0);
    scene.size = 6;
    assert_eq!(scene.pass(20, 0.0).past, Vec::new());
}

#[test]
fn several_users_are_told_apart_by_their_statements_or_not_at_all() {
    let mut scene = Scene { other: Some(200), ..Scene::new(4) };
    let (web, jobs) = (scene.pass(18, 0.020), "jobs");
    let reason = &web.recommendations[0].confidence_reason;
    assert!(reason.contains("this user's part"), "{reason}");
    assert!(web.recommendations.iter().all(|one| !one.subject.contains(jobs)), "its statements are not among them: it is idle");
    let mut scene = Scene { other: Some(200), told: false, ..Scene::new(4) };
    let unknown = scene.pass(18, 0.020);
    assert!(unknown.recommendations.is_empty() && unknown.unknown.len() == 2, "{unknown:?}");
    assert!(unknown.unknown[0].cause.contains("several users"), "{unknown:?}");
    let mut scene = Scene { other: Some(2), ..Scene::new(4) };
    assert_eq!(scene.pass(18, 0.020).recommendations.len(), 1, "two clients of three hundred spoil nothing");
}

#[test]
fn a_session_pool_gets_a_connection_for_each_who_wanted_one() {
    let mut scene = Scene { mode: "session", ..Scene::new(4) };
    let advice = scene.pass(18, 0.020).recommendations.remove(0);
    assert_eq!((advice.kind, advice.change.to.as_deref()), (Kind::EnlargePool, Some("5")));
    assert!(advice.predicted.is_none() && advice.caution.contains("lower bound"), "it was always full: {advice:?}");
    assert!(advice.caution.contains("pool_mode = transaction"), "{}", advice.caution);
}

#[test]
fn other_settings_begin_anew() {
    let mut scene = Scene::new(4);
    scene.pass(18, 0.020);
    scene.adviser.change(Settings { window: Duration::from_mins(5), ..Settings::default() });
    assert!(scene.pass(2, 0.020).recommendations.is_empty());
}
