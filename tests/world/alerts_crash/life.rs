//! One life of the alert stage, in a process of its own that will be killed: the real actor, journal and channels, fed with a world whose
//! troubles come and go by the clock on the wall, whoever lives to see them.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix::{Actor, Addr};
use arc_swap::ArcSwap;
use isobar::{
    alert::{
        Settings,
        actor::{AlertActor, Links, Office},
        settings::{ChannelKind, ChannelSettings},
    },
    clock::{self, Steady},
    model::{
        Reason, Report, Rule, Severity, Status,
        alert::{Acknowledge, Alert, AlertBook, AlertState, DeliveryState},
        world::{Region, Target, World, WorldChange},
    },
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

use super::receiver::TITLE_ENDS;

/// What a life says once it lives.
pub(super) const ALIVE: &str = "alive";

const REPORT: &str = include_str!("../../golden/web/report.json");
const REGION: &str = "us-east-1";
/// After this long other targets take the place of those that were there, so that no trouble comes back too often to be over.
const GENERATION: u64 = 2_000;
const EVERY: Duration = Duration::from_millis(20);
/// So long the last life may take for its calm.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a life is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) folder: PathBuf,
    pub(super) port: u16,
    /// How many were before.
    pub(super) life: usize,
    pub(super) slack: bool,
    pub(super) seed: u64,
    /// When the world began, in Unix milliseconds.
    pub(super) began: u64,
    /// Whether all trouble ends, and then the life, with its book left in the folder.
    pub(super) last: bool,
}

pub(super) fn unix_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis()).expect("not so long")
}

/// A target's name and the rules in breach there.
type Seen = (String, Vec<Rule>);

impl Wish {
    fn settings(&self) -> Settings {
        let url = format!("http://127.0.0.1:{}/hook/{}", self.port, self.life).into();
        let kind = if self.slack {
            ChannelKind::SlackWebhook { url }
        } else {
            ChannelKind::Webhook { url, secret: None, headers: [].into() }
        };
        let title = self.slack.then(|| format!("{{{{ title }}}}{TITLE_ENDS}"));
        Settings {
            path: Some(self.folder.join("alerts.db")),
            resolve_after: Duration::from_millis(60),
            digest_above: 1_000_000,
            channels: vec![ChannelSettings { name: "hook".into(), kind, title, body: None }],
            ..Settings::default()
        }
    }

    /// What is there to be seen now; what was there before is well.
    fn script(&self) -> Vec<Seen> {
        let passed = unix_ms().saturating_sub(self.began);
        let (generation, at) = (passed / GENERATION, passed % GENERATION);
        let count = if self.slack { 5 } else { 10 };
        let name = |generation: u64, number: u64| format!("t{generation}-{number}");
        let now = (0..count).map(|number| (name(generation, number), self.breaches(generation, number, at)));
        let before = generation.checked_sub(1).into_iter().flat_map(|before| (0..count).map(move |number| name(before, number)));
        now.chain(before.map(|name| (name, Vec::new()))).collect()
    }

    fn breaches(&self, generation: u64, number: u64, at: u64) -> Vec<Rule> {
        let draw = |what: u64| SmallRng::seed_from_u64(self.seed << 48 | generation << 24 | number << 16 | what);
        if self.slack {
            // Each just once, so that rule and target name one incident.
            let (rule, lasts) = if number == 0 { (Rule::DatabaseDown, 250) } else { (Rule::QuerySlow, 700) };
            let from = draw(0).random_range(0..GENERATION - lasts);
            return if (from..from + lasts).contains(&at) { vec![rule] } else { vec![] };
        }
        if !draw(at / (100 + 10 * number)).random_bool(0.5) {
            return vec![];
        }
        match number % 4 {
            1 => vec![Rule::QuerySlow],
            3 => vec![Rule::DatabaseDown, Rule::QuerySlow],
            _ => vec![Rule::DatabaseDown],
        }
    }
}

fn reason(like: &Reason, rule: Rule) -> Reason {
    let severity = if rule == Rule::DatabaseDown { Severity::Critical } else { Severity::Medium };
    Reason { rule, severity, message: format!("{} holds", rule.as_str()), evidence: <_>::default(), ..like.clone() }
}

fn change(golden: &Report, seen: &[Seen]) -> WorldChange {
    let report = |(target, rules): &Seen| {
        let mut report = Report { transitions: vec![], server: target.as_str().into(), ..golden.clone() };
        let sample = Arc::make_mut(&mut report.sample);
        let like = sample.reasons[0].clone();
        (sample.timestamp, sample.region, sample.target) = (clock::wall(), REGION.into(), target.as_str().into());
        sample.reasons = rules.iter().map(|rule| reason(&like, *rule)).collect();
        sample.status = if rules.is_empty() { Status::Healthy } else { Status::Unhealthy };
        report
    };
    let reports: Vec<Report> = seen.iter().map(report).collect();
    let target =
        |report: &Report| (report.sample.target.clone(), Arc::new(Target::of(report.clone(), "n1".into(), clock::now())));
    let mut region = Region { heard: Some(clock::now()), ..Region::unseen() };
    region.targets = reports.iter().map(target).collect();
    let mut world = World::unseen([REGION.into()], clock::wall(), clock::now());
    world.regions.insert(REGION.into(), Arc::new(region));
    WorldChange { world: Arc::new(world), reports, removed: vec![] }
}

/// An actor that lives.
struct Stage {
    wish: Wish,
    golden: Report,
    book: Arc<ArcSwap<AlertBook>>,
    addr: Addr<AlertActor>,
    /// Criticals that the actor has taken note of: none of them may be forgotten.
    noted: File,
    known: BTreeSet<String>,
}

impl Stage {
    fn start(wish: Wish, io: tokio::runtime::Handle) -> Self {
        let steady = Steady::start();
        let book: Arc<ArcSwap<AlertBook>> = Arc::default();
        let world = World::unseen([REGION.into()], clock::wall(), clock::now());
        let links = Links {
            world: Arc::new(ArcSwap::from_pointee(world)),
            book: Arc::clone(&book),
            alive: Arc::new(ArcSwap::from_pointee(clock::now())),
            stream: None,
            io,
            steady,
            cluster: None,
        };
        let office = Office::open(&wish.settings(), steady, None).expect("an office");
        let noted = File::options().create(true).append(true).open(wish.folder.join("noted")).expect("a file");
        let golden = serde_json::from_str(REPORT).expect("a report");
        Self { wish, golden, book, addr: AlertActor::new(office, links).start(), noted, known: BTreeSet::new() }
    }

    async fn see(&mut self, seen: &[Seen]) {
        self.addr.send(change(&self.golden, seen)).await.expect("alive");
        for (name, _) in seen.iter().filter(|(_, rules)| rules.contains(&Rule::DatabaseDown)) {
            if self.known.insert(name.clone()) {
                self.noted.write_all(format!("{name}\n").as_bytes()).expect("written");
            }
        }
    }

    async fn live(&mut self) {
        let mut rng = SmallRng::from_os_rng();
        let mut beat = tokio::time::interval(EVERY);
        loop {
            beat.tick().await;
            let seen = self.wish.script();
            self.see(&seen).await;
            let book = self.book.load_full();
            if let Some(alert) = book.alerts.iter().find(|alert| alert.state == AlertState::Firing)
                && rng.random_bool(0.02)
            {
                let command = Acknowledge { id: alert.id.clone(), by: "eva".into(), note: None };
                // It may have ended in the meantime.
                let _ = self.addr.send(command).await.expect("alive");
            }
        }
    }

    /// Shows `seen` until the book is so.
    async fn until(&mut self, what: &str, seen: &[Seen], is_so: impl Fn(&[Arc<Alert>]) -> bool) {
        let began = Instant::now();
        let mut beat = tokio::time::interval(EVERY);
        loop {
            beat.tick().await;
            self.see(seen).await;
            let book = self.book.load_full();
            // An actor that has just begun has told nobody yet what it knows.
            if !book.channels.is_empty() && is_so(&book.alerts) {
                return;
            }
            let left = || book.alerts.iter().filter(|alert| !is_calm(alert)).collect::<Vec<_>>();
            assert!(began.elapsed() < PATIENCE, "in vain: {what}; {:?}", left());
        }
    }

    /// All that is open is seen once more, since what was inherited is not over before; then all is well.
    async fn end(&mut self) {
        self.until("a book", &[], |_| true).await;
        let open = |alert: &&Arc<Alert>| alert.state != AlertState::Resolved;
        let again = |alert: &Arc<Alert>| Some((alert.target.as_ref()?.as_str().to_owned(), vec![alert.rule]));
        let seen: Vec<Seen> = self.book.load().alerts.iter().filter(open).filter_map(again).collect();
        let mut merged: Vec<Seen> = Vec::new();
        for (name, rules) in seen {
            match merged.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(rules),
                None => merged.push((name, rules)),
            }
        }
        let is_seen = |alert: &Arc<Alert>| alert.state != AlertState::Recovering;
        self.until("all seen again", &merged, |alerts| alerts.iter().all(is_seen)).await;
        for (_, rules) in &mut merged {
            rules.clear();
        }
        self.until("calm", &merged, |alerts| alerts.iter().all(|alert| is_calm(alert))).await;
        let book = self.book.load_full();
        assert_eq!(book.not_kept, None);
        let alerts: Vec<&Alert> = book.alerts.iter().map(AsRef::as_ref).collect();
        fs::write(self.wish.folder.join("book.json"), serde_json::to_vec(&alerts).expect("JSON")).expect("written");
    }
}

/// Over, and told wherever it had to be.
fn is_calm(alert: &Alert) -> bool {
    let waits = |state| matches!(state, DeliveryState::Queued | DeliveryState::Sending);
    alert.state == AlertState::Resolved && !alert.deliveries.iter().any(|delivery| waits(delivery.state))
}

#[test]
#[ignore = "a process that the test beside it starts and kills"]
fn a_life() {
    let Some(wish) = crate::support::Life::wish::<Wish>() else { return };
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let handle = io.handle().clone();
    actix::System::new().block_on(async move {
        let last = wish.last;
        let mut stage = Stage::start(wish, handle);
        println!("{ALIVE}");
        if last { stage.end().await } else { stage.live().await }
    });
}
