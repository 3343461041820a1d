//! The whole stage but for real channels: what the world shows goes in, what fakes on the other side got comes out.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Mutex, PoisonError},
};

use actix::Addr;
use futures_util::future::BoxFuture;

use super::*;
use crate::{
    alert::channels::{Channel, Checked, Failure, Nature, Parcel, Receipt, Shared},
    model::{
        RegionName, Report, Sample,
        alert::{Acknowledge, AlertEvent, AlertRefusal, EndSilence, Matchers, NewSilence, TestChannel},
        world::Region,
    },
};

/// What a fake does at its next call; when the list is empty it takes everything.
#[derive(Debug, Clone)]
pub(super) enum Does {
    Fail,
    Refuse,
    Panic,
    Hang,
    Doubt,
    NoWay,
    Slow(Duration),
}

/// A way to people that writes down what it gets.
#[derive(Debug)]
pub(super) struct Fake {
    keyed: bool,
    next: Mutex<VecDeque<Does>>,
    calls: Mutex<Vec<Parcel>>,
}

impl Fake {
    pub(super) fn new(keyed: bool, next: &[Does]) -> Arc<Self> {
        Arc::new(Self { keyed, next: Mutex::new(next.iter().cloned().collect()), calls: Mutex::default() })
    }

    pub(super) fn calls(&self) -> Vec<Parcel> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `firing database_down critical`, one for each call; `!` marks a possible repeat, `+` beginning and end in one.
    fn heard(&self) -> Vec<String> {
        let word = |parcel: &Parcel| {
            let rule = parcel.order.alert().map_or("", |alert| alert.rule.as_str());
            let marks = [(parcel.possible_repeat, "!"), (parcel.fired_and_recovered, "+")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{} {rule}{marks}", parcel.order.event.as_str())
        };
        self.calls().iter().map(word).collect()
    }
}

impl Channel for Fake {
    fn nature(&self) -> Nature {
        Nature { keyed: self.keyed, edits: false, refresh: None, burst: 100, every: Duration::from_millis(1) }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        let does = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(parcel.clone());
        Box::pin(async move {
            match does {
                None => Ok(Receipt { answer: "200 ok".into(), reference: None }),
                Some(Does::Fail) => Err(Failure::Retry { why: "503".into(), after: Some(Duration::from_millis(200)) }),
                Some(Does::Refuse) => Err(Failure::Permanent("403 invalid_token".into())),
                Some(Does::Doubt) => Err(Failure::Doubt { why: "no answer within 15 s".into() }),
                Some(Does::Panic) => panic!("a fault in a channel"),
                Some(Does::NoWay) => Err(Failure::Retry { why: "no connection: refused".into(), after: None }),
                Some(Does::Slow(how)) => {
                    tokio::time::sleep(how).await;
                    Ok(Receipt { answer: "200 ok".into(), reference: None })
                }
                Some(Does::Hang) => std::future::pending().await,
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

/// Hears what the stream is told.
#[derive(Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<AlertChange> for Ear {
    type Result = ();

    fn handle(&mut self, change: AlertChange, _: &mut Self::Context) {
        let mut heard = self.0.lock().expect("no panic while held");
        heard.extend(change.0.iter().map(|(event, alert)| format!("{event} {}", alert.rule.as_str())));
    }
}

struct Stage {
    addr: Addr<AlertActor>,
    links: Links,
    heard: Arc<Mutex<Vec<String>>>,
}

fn settings(path: Option<&Path>) -> Settings {
    Settings { path: path.map(Into::into), resolve_after: Duration::from_millis(200), ..Settings::default() }
}

fn office(path: Option<&Path>, fakes: &[(&str, &Arc<Fake>)], steady: Steady) -> Office {
    let shared = |fake: &Arc<Fake>| -> Shared { Arc::<Fake>::clone(fake) };
    let built = fakes.iter().map(|(name, fake)| ((*name).to_owned(), shared(fake))).collect();
    Office::with(&settings(path), built, steady).expect("an office")
}

fn start(path: Option<&Path>, fakes: &[(&str, &Arc<Fake>)]) -> Stage {
    let ear = Ear::default();
    let heard = Arc::clone(&ear.0);
    let steady = Steady::start();
    let links = Links {
        world: Arc::new(ArcSwap::from_pointee(world("healthy"))),
        book: Arc::default(),
        alive: Arc::new(ArcSwap::from_pointee(clock::now())),
        stream: Some(ear.start().recipient()),
        io: Handle::current(),
        steady,
        cluster: None,
    };
    let addr = AlertActor::new(office(path, fakes, steady), links.clone()).start();
    Stage { addr, links, heard }
}

fn region() -> RegionName {
    "r".into()
}

fn world(_: &str) -> World {
    World::unseen([region()], clock::wall(), clock::now())
}

/// The target `t` with these rules in breach, all of them critical.
fn change(rules: &[&str]) -> WorldChange {
    let reason = |rule: &&str| {
        format!(
            r#"{{"rule":"{rule}","severity":"critical","value":null,"threshold":null,"since":"2026-11-23T08:46:00.123Z",
            "message":"it is so","evidence":{{"sessions":[],"holders":[],"queries":[]}}}}"#
        )
    };
    let reasons: Vec<String> = rules.iter().map(reason).collect();
    let status = if rules.is_empty() { "healthy" } else { "unhealthy" };
    let text = format!(
        r#"{{"timestamp":"{}","region":"r","target":"t","status":"{status}","reasons":[{}],
        "connectionPool":{{}},"queryPerformance":{{}},"database":{{}},"poolers":[],"reachability":{{"phases":{{}}}},
        "probe":{{"intervalMs":250,"connections":2,"missing":[]}}}}"#,
        clock::wall(),
        reasons.join(",")
    );
    let sample: Sample = serde_json::from_str(&text).expect("a sample");
    let report = Report {
        sample: Arc::new(sample),
        critical: false,
        server: "db:5432".into(),
        transitions: vec![],
        activity: None,
        queries: None,
        counters: None,
        poolers: vec![],
    };
    let mut world = world("");
    let mut seen = Region::unseen();
    seen.heard = Some(clock::now());
    let target = crate::model::world::Target::of(report.clone(), "n1".into(), clock::now());
    seen.targets.insert("t".into(), Arc::new(target));
    world.regions.insert(region(), Arc::new(seen));
    WorldChange { world: Arc::new(world), reports: vec![report], removed: vec![] }
}

impl Stage {
    async fn see(&self, rules: &[&str]) {
        self.addr.send(change(rules)).await.expect("alive");
    }

    /// The world stays as it is until this is so.
    async fn until(&self, rules: &[&str], what: &str, is_so: impl Fn() -> bool) {
        let deadline = clock::now() + Duration::from_secs(15);
        while !is_so() {
            assert!(clock::now() < deadline, "in vain: {what}; the book: {:?}", self.links.book.load());
            self.see(rules).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[actix_web::test]
async fn a_breach_is_told_once_and_so_is_its_end() {
    let hook = Fake::new(true, &[]);
    let stage = start(None, &[("hook", &hook)]);
    stage.until(&["database_down"], "told", || hook.heard() == ["firing database_down"]).await;
    for _ in 0..20 {
        stage.see(&["database_down"]).await;
    }
    stage.until(&[], "its end", || hook.heard().len() > 1).await;
    assert_eq!(hook.heard(), ["firing database_down", "resolved database_down"]);
    stage
        .until(&[], "the book", || {
            let book = stage.links.book.load();
            book.alerts.len() == 1 && book.alerts[0].resolved && book.alerts[0].deliveries.len() == 2
        })
        .await;
    let book = stage.links.book.load();
    assert!(book.alerts[0].deliveries.iter().all(|delivery| delivery.sent_at.is_some() && delivery.attempts == 1));
    assert_eq!((book.channels[0].name.as_str(), book.channels[0].sent, book.channels[0].queued), ("hook", 2, 0));
    let steps: Vec<&str> = book.steps[&book.alerts[0].id].iter().map(|step| step.what.as_str()).collect();
    assert!(steps.iter().filter(|what| **what == "sent").count() == 2, "{steps:?}");
    let heard = stage.heard.lock().expect("no panic while held").clone();
    assert!(heard.contains(&"firing database_down".to_owned()), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("resolved database_down"));
}

#[actix_web::test]
async fn a_channel_that_fails_and_one_that_breaks_off_are_called_again_with_the_same_key() {
    let hook = Fake::new(true, &[Does::Fail, Does::Panic]);
    let stage = start(None, &[("hook", &hook)]);
    stage.until(&["database_down"], "three calls", || hook.calls().len() == 3).await;
    let keys: BTreeSet<String> = hook.calls().into_iter().map(|parcel| parcel.key).collect();
    assert_eq!(keys.len(), 1);
    stage
        .until(&["database_down"], "the book", || {
            stage.links.book.load().channels.iter().any(|channel| channel.sent == 1 && channel.failures == 2)
        })
        .await;
}

#[actix_web::test]
async fn what_a_channel_refuses_for_good_goes_to_another_and_is_told_there() {
    let (bad, good) = (Fake::new(true, &[Does::Refuse, Does::Refuse]), Fake::new(true, &[]));
    let stage = start(None, &[("bad", &bad), ("good", &good)]);
    let is_told = || good.heard().iter().any(|heard| heard == "firing delivery_failing");
    stage.until(&["database_down"], "the failing is told", is_told).await;
    assert!(good.heard().contains(&"firing database_down".to_owned()));
    stage
        .until(&["database_down"], "the book", || {
            let book = stage.links.book.load();
            let failing = book.channels.iter().find(|channel| channel.name == "bad");
            failing.is_some_and(|failing| failing.dead >= 1 && failing.last_error.as_deref() == Some("403 invalid_token"))
        })
        .await;
}

#[actix_web::test]
async fn one_who_dies_in_a_call_is_followed_by_one_who_makes_it_again() {
    for (keyed, marks) in [(true, ""), (false, "!")] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alerts.db");
        let hook = Fake::new(keyed, &[Does::Hang]);
        let steady = Steady::start();
        let system = actix::Arbiter::new();
        let links = start(None, &[]).links;
        let first = {
            let (office, links) = (office(Some(&path), &[("hook", &hook)], steady), links.clone());
            AlertActor::start_in_arbiter(&system.handle(), move |_| AlertActor::new(office, links))
        };
        let deadline = clock::now() + Duration::from_secs(10);
        while hook.calls().is_empty() {
            assert!(clock::now() < deadline, "never called");
            let _ = first.send(change(&["database_down"])).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        system.stop();
        system.join().expect("ended");
        let stage = start(Some(&path), &[("hook", &hook)]);
        stage.until(&["database_down"], "called again", || hook.calls().len() == 2).await;
        assert_eq!(hook.heard(), ["firing database_down".to_owned(), format!("firing database_down{marks}")]);
        assert_eq!(hook.calls()[0].key, hook.calls()[1].key);
        stage.until(&[], "its end", || hook.calls().len() == 3).await;
        assert_eq!(hook.heard()[2], "resolved database_down");
    }
}

#[actix_web::test]
async fn who_takes_an_alert_is_told_to_others_and_a_silence_keeps_the_next_one_back() {
    let hook = Fake::new(true, &[]);
    let stage = start(None, &[("hook", &hook)]);
    stage.until(&["database_down"], "told", || hook.calls().len() == 1).await;
    let id = hook.calls()[0].order.lane.about.clone();
    let taken =
        stage.addr.send(Acknowledge { id: id.clone(), by: "eva".into(), note: None }).await.expect("alive").expect("taken");
    assert_eq!((taken.id.as_str(), taken.acknowledged_by.as_deref()), (id.as_str(), Some("eva")));
    stage.until(&["database_down"], "told", || hook.heard().len() == 2).await;
    assert_eq!(hook.heard()[1], "acknowledged database_down");
    let unknown = stage.addr.send(Acknowledge { id: "nobody".into(), by: "eva".into(), note: None }).await.expect("alive");
    assert!(matches!(unknown, Err(AlertRefusal::NotFound(_))));

    let matchers = Matchers { rule: Some("replication_lag".into()), ..Matchers::default() };
    let lasts = Some(Duration::from_mins(1));
    let wish = NewSilence { matchers, starts_at: None, ends_at: None, lasts, by: "eva".into(), reason: "work".into() };
    let silence = stage.addr.send(wish).await.expect("alive").expect("made");
    let both = ["database_down", "replication_lag"];
    stage.until(&both, "hidden", || stage.links.book.load().alerts.iter().any(|alert| alert.suppressed_by.is_some())).await;
    stage.addr.send(EndSilence(silence.id)).await.expect("alive").expect("ended");
    stage.until(&both, "told", || hook.heard().iter().any(|heard| heard == "firing replication_lag")).await;
}

#[actix_web::test]
async fn a_test_message_is_marked_and_answers_with_the_providers_words() {
    let hook = Fake::new(true, &[Does::Refuse]);
    let stage = start(None, &[("hook", &hook)]);
    let ask = |name: &str| stage.addr.send(TestChannel(name.into()));
    let refused = ask("hook").await.expect("alive").expect_err("refused");
    assert!(refused.to_string().contains("403 invalid_token"), "{refused}");
    assert_eq!(ask("hook").await.expect("alive").expect("taken"), "200 ok");
    let calls = hook.calls();
    assert_eq!(calls[1].order.event, AlertEvent::Test);
    assert!(calls[1].order.notes[0].contains("test") && calls[1].order.alerts[0].message.contains("test"));
    let unknown = ask("pager").await.expect("alive").expect_err("unknown");
    assert!(matches!(&unknown, AlertRefusal::NotFound(why) if why.contains("hook")), "{unknown}");
    assert!(stage.links.book.load().alerts.is_empty());
}

#[actix_web::test]
async fn a_test_that_goes_through_ends_the_failing_of_its_channel() {
    let (bad, good) = (Fake::new(true, &[Does::Refuse]), Fake::new(true, &[]));
    let stage = start(None, &[("bad", &bad), ("good", &good)]);
    let heard = |what: &str| good.heard().iter().any(|heard| heard == what);
    stage.until(&["database_down"], "its failing", || heard("firing delivery_failing")).await;
    assert_eq!(stage.addr.send(TestChannel("bad".into())).await.expect("alive").expect("taken"), "200 ok");
    stage.until(&["database_down"], "its end", || heard("resolved delivery_failing")).await;
    assert_eq!(bad.heard(), ["firing database_down", "test pool_saturated"], "nothing else ended it");
}

#[actix_web::test]
async fn at_the_end_calls_under_way_get_a_moment_and_what_waits_stays_in_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alerts.db");
    let hook = Fake::new(false, &[Does::Hang]);
    let stage = start(Some(&path), &[("hook", &hook)]);
    let both = ["database_down", "replication_lag"];
    stage
        .until(&both, "one call under way, one waits", || {
            let book = stage.links.book.load();
            hook.calls().len() == 1 && book.channels.first().is_some_and(|channel| channel.queued == 2)
        })
        .await;
    let before = clock::now();
    stage.addr.send(Stop).await.expect("alive");
    let took = before.elapsed();
    assert!(took >= FAREWELL && took < FAREWELL * 2, "{took:?}");
    stage.see(&both).await;
    assert_eq!(hook.calls().len(), 1, "no new calls after the end");
}

#[actix_web::test]
async fn a_channel_that_goes_takes_its_mail_with_it() {
    let hook = Fake::new(false, &[Does::Hang]);
    let stage = start(None, &[("hook", &hook)]);
    let both = ["database_down", "replication_lag"];
    stage.until(&both, "one waits", || stage.links.book.load().channels.first().is_some_and(|channel| channel.queued == 2)).await;
    stage.addr.send(Reconfigure(Arc::new(settings(None)))).await.expect("alive");
    stage
        .until(&both, "failed", || {
            let book = stage.links.book.load();
            let mut deliveries = book.alerts.iter().flat_map(|alert| &alert.deliveries);
            book.channels.is_empty()
                && deliveries.any(|delivery| delivery.answer.as_deref().is_some_and(|why| why.contains("not in the conf")))
        })
        .await;
}

#[actix_web::test]
async fn nobody_knows_how_a_call_ended_that_never_does() {
    tokio::time::pause();
    for does in [Does::Hang, Does::Doubt, Does::Panic] {
        let hook = Fake::new(true, &[does]);
        let order = crate::alert::outbox::tests::order("i1", "hook", AlertEvent::Firing, "", crate::model::Severity::High, 0);
        let (key, now) = (order.key(), clock::wall());
        let parcel = Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now };
        let ended = make(Arc::<Fake>::clone(&hook), Arc::new(parcel), &Handle::current()).await;
        assert!(matches!(ended, crate::alert::outbox::Ended::Unknown(_)), "{ended:?}");
    }
}

mod cluster;
