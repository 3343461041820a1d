//! Several nodes of one region, each with an actor and a disk of its own; the shelves and the bus are in memory.

mod books;
mod hands;
mod regions;
mod stuck;
mod wishes;

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use actix::ResponseFuture;

use super::*;
use crate::{
    alert::actor::{Clerk, Cluster, Desks, Librarian, Library},
    model::{
        NodeName,
        alert::Alert,
        cluster::{
            AlertNews, Answer, Ask, Asked, Commit, Committed, Item, Keeper, Kept, Lease, Member, Membership, Replica, Shelf,
            Unreachable,
        },
    },
};

type ByNode<T> = Arc<Mutex<BTreeMap<String, T>>>;

#[derive(Debug, Default)]
struct Held {
    fence: u64,
    version: u64,
    items: BTreeMap<(Shelf, String), String>,
    wiped: bool,
    away: bool,
    commits: usize,
}

/// The region's Redis.
#[derive(Debug, Clone, Default)]
struct Shelves {
    held: Arc<Mutex<Held>>,
    replicas: ByNode<Recipient<Replica>>,
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelves {
    fn apply(&self, commit: &Commit) -> Result<Committed, Unreachable> {
        let mut held = locked(&self.held);
        if held.away {
            return Err(Unreachable("gone".into()));
        }
        if held.fence != commit.fence {
            return Ok(Committed::Fenced);
        }
        if held.wiped && !commit.anew {
            return Ok(Committed::Wiped);
        }
        if held.version != commit.base {
            return Ok(Committed::Behind(held.version));
        }
        if commit.anew {
            held.items.clear();
        }
        for Item { shelf, id, json } in commit.items.iter() {
            match json {
                Some(json) => held.items.insert((*shelf, id.clone()), json.clone()),
                None => held.items.remove(&(*shelf, id.clone())),
            };
        }
        (held.version, held.wiped) = (commit.version, false);
        held.commits += 1;
        for to in locked(&self.replicas).values() {
            to.do_send(Replica { region: region(), commit: commit.clone() });
        }
        Ok(Committed::Done)
    }
}

impl Keeper for Shelves {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, Unreachable>> {
        let result = self.apply(&commit);
        Box::pin(std::future::ready(result))
    }

    fn load(&self) -> BoxFuture<'static, Result<Kept, Unreachable>> {
        let held = locked(&self.held);
        let items = held.items.iter().map(|((shelf, id), json)| Item { shelf: *shelf, id: id.clone(), json: Some(json.clone()) });
        let kept = Kept { version: held.version, items: items.collect() };
        Box::pin(std::future::ready(if held.away { Err(Unreachable("gone".into())) } else { Ok(kept) }))
    }
}

/// The bus, as far as the alert stage knows it.
#[derive(Clone, Default)]
struct Wire {
    leader: Arc<Mutex<Option<String>>>,
    asked: ByNode<Recipient<Ask>>,
    books: ByNode<Recipient<AlertNews>>,
}

impl Actor for Wire {
    type Context = Context<Self>;
}

impl Handler<Ask> for Wire {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, ask: Ask, _: &mut Self::Context) -> Self::Result {
        let node = match &ask.to {
            Asked::Leader(_) => locked(&self.leader).clone().unwrap_or_default(),
            Asked::Node(_, node) => node.as_str().to_owned(),
        };
        let to = locked(&self.asked).get(&node).cloned();
        Box::pin(async move {
            match to {
                Some(to) => to.send(ask).await.expect("alive"),
                None => Err(AlertRefusal::Invalid("nobody answers".into())),
            }
        })
    }
}

impl Handler<AlertNews> for Wire {
    type Result = ();

    fn handle(&mut self, news: AlertNews, _: &mut Self::Context) {
        for book in locked(&self.books).values() {
            book.do_send(news.clone());
        }
    }
}

struct Node {
    addr: Addr<AlertActor>,
    clerk: Addr<Clerk>,
    book: Arc<ArcSwap<AlertBook>>,
}

#[derive(Default)]
struct Cell {
    shelves: Shelves,
    wire: Wire,
    nodes: BTreeMap<&'static str, Node>,
}

impl Cell {
    fn of(nodes: &[&'static str], hook: &Arc<Fake>) -> Self {
        let mut cell = Self::default();
        for name in nodes {
            cell.join(name, None, hook);
        }
        cell
    }

    /// Node `a`, which led, and node `b`, each with a way to people of its own; the shelves are away.
    async fn whose_leader_loses_the_shelves(one: &Arc<Fake>, two: &Arc<Fake>) -> Self {
        let mut cell = Self::default();
        cell.join("a", None, one);
        cell.join("b", None, two);
        cell.elect("a");
        cell.until(&[], None, "leads", || cell.nodes["a"].book.load().channels.len() == 1).await;
        locked(&cell.shelves.held).away = true;
        cell
    }

    /// A node with a disk and a way to people of its own.
    fn join(&mut self, name: &'static str, path: Option<&Path>, hook: &Arc<Fake>) {
        let bus = self.wire.clone().start();
        let (steady, book): (_, Arc<ArcSwap<AlertBook>>) = (Steady::start(), Arc::default());
        let library = Library::new(Arc::clone(&book), steady);
        let librarian = Librarian::new(library.clone(), None).start();
        let cluster = Cluster {
            home: region(),
            node: name.into(),
            keeper: Arc::new(self.shelves.clone()),
            news: bus.clone().recipient(),
            ask: bus.clone().recipient(),
            library: library.clone(),
            version: Arc::new(AtomicU64::new(0)),
        };
        let links = Links {
            world: Arc::new(ArcSwap::from_pointee(world("healthy"))),
            book: Arc::clone(&book),
            alive: Arc::new(ArcSwap::from_pointee(clock::now())),
            stream: None,
            io: Handle::current(),
            steady,
            cluster: Some(cluster),
        };
        let addr = AlertActor::new(office(path, &[("hook", hook)], steady), links).start();
        let homes = [(region(), addr.clone())].into();
        let desks = Desks { homes, regions: vec![region()], ask: bus.recipient(), channels: Vec::new() };
        let clerk = Clerk::new(desks, library).start();
        locked(&self.wire.asked).insert(name.into(), addr.clone().recipient());
        locked(&self.wire.books).insert(name.into(), librarian.recipient());
        locked(&self.shelves.replicas).insert(name.into(), addr.clone().recipient());
        self.nodes.insert(name, Node { addr, clerk, book });
    }

    /// That node has the lease, by a new fence.
    fn elect(&self, name: &str) {
        locked(&self.shelves.held).fence += 1;
        *locked(&self.wire.leader) = Some(name.to_owned());
    }

    /// Redis tells who lives and who leads; or has been silent for so long.
    async fn beat(&self, silent: Option<Duration>) {
        let now = clock::now();
        let (fence, leader) = (locked(&self.shelves.held).fence, locked(&self.wire.leader).clone());
        let member = |name: &&str| Member { node: NodeName::from(*name), boot: 1, leaving: false, wire: 2 };
        let members: Vec<Member> = self.nodes.keys().map(member).collect();
        for (name, node) in &self.nodes {
            let lease = match &leader {
                Some(leader) if leader == name && silent.is_none() => {
                    Lease::Mine { fence, until: now + Duration::from_secs(5), wiped: locked(&self.shelves.held).wiped }
                }
                Some(leader) => Lease::Other(leader.as_str().into()),
                None => Lease::Free,
            };
            let answered = Some(silent.map_or(now, |silent| now.checked_sub(silent).expect("up for long enough")));
            let (me, members) = (NodeName::from(*name), members.clone());
            node.addr.send(Membership { region: region(), me, members, answered, lease }).await.expect("alive");
        }
    }

    /// Shows this to all until that is so.
    async fn until(&self, rules: &[&str], silent: Option<Duration>, what: &str, is_so: impl Fn() -> bool) {
        let deadline = clock::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(clock::now() < deadline, "in vain: {what}");
            self.show(rules, silent).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn show(&self, rules: &[&str], silent: Option<Duration>) {
        self.beat(silent).await;
        for node in self.nodes.values() {
            node.addr.send(change(rules)).await.expect("alive");
        }
    }

    /// What the shelves hold there.
    fn count(&self, on: Shelf) -> usize {
        locked(&self.shelves.held).items.keys().filter(|(shelf, _)| *shelf == on).count()
    }

    fn alert(&self, name: &str) -> Option<Arc<Alert>> {
        self.nodes[name].book.load().alerts.first().cloned()
    }
}

fn keys(hook: &Fake) -> BTreeSet<String> {
    hook.calls().into_iter().map(|parcel| parcel.key).collect()
}

const DOWN: [&str; 1] = ["database_down"];

#[actix_web::test]
async fn the_leader_tells_and_who_comes_after_it_repeats_nothing() {
    let hook = Fake::new(false, &[]);
    let mut cell = Cell::of(&["a", "b"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "told", || hook.heard() == ["firing database_down"]).await;
    let is_sent = |cell: &Cell| {
        locked(&cell.shelves.held).items.iter().any(|((shelf, _), json)| *shelf == Shelf::Rows && json.contains(r#""sent""#))
    };
    cell.until(&DOWN, None, "kept", || is_sent(&cell)).await;
    cell.nodes.remove("a");
    locked(&cell.wire.asked).remove("a");
    cell.elect("b");
    cell.until(&DOWN, None, "b leads", || cell.nodes["b"].book.load().alerts.iter().any(|it| it.deliveries.len() == 1)).await;
    for _ in 0..20 {
        cell.show(&DOWN, None).await;
    }
    let id = cell.alert("b").expect("an alert").id.clone();
    let ask = Acknowledge { id, by: "eva".into(), note: None };
    cell.nodes["b"].clerk.send(ask).await.expect("alive").expect("taken");
    cell.until(&DOWN, None, "told", || hook.calls().len() > 1).await;
    assert_eq!(hook.heard(), ["firing database_down", "acknowledged database_down"]);
}

#[actix_web::test]
async fn any_node_takes_commands_and_shows_what_the_leader_knows() {
    let hook = Fake::new(true, &[]);
    let cell = Cell::of(&["a", "b"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "b shows it", || cell.alert("b").is_some_and(|alert| alert.deliveries.len() == 1)).await;
    let id = cell.alert("b").expect("an alert").id.clone();
    let steps = cell.nodes["b"].book.load().steps[&id].len();
    assert!(steps > 0, "what happened and why is known there too");
    let clerk = &cell.nodes["b"].clerk;
    let taken = clerk.send(Acknowledge { id, by: "eva".into(), note: None }).await.expect("alive").expect("taken");
    assert_eq!(taken.acknowledged_by.as_deref(), Some("eva"));
    let unknown = clerk.send(Acknowledge { id: "nobody".into(), by: "eva".into(), note: None }).await.expect("alive");
    assert!(matches!(unknown, Err(AlertRefusal::NotFound(_))), "{unknown:?}");
    let matchers = Matchers { rule: Some("replication_lag".into()), ..Matchers::default() };
    let lasts = Some(Duration::from_mins(1));
    let wish = NewSilence { matchers, starts_at: None, ends_at: None, lasts, by: "eva".into(), reason: "work".into() };
    let silence = clerk.send(wish).await.expect("alive").expect("made");
    assert_eq!(cell.count(Shelf::Silences), 1, "it is on the shelves when the answer comes");
    cell.until(&DOWN, None, "b shows it", || cell.nodes["b"].book.load().silences.len() == 1).await;
    clerk.send(EndSilence(silence.id.clone())).await.expect("alive").expect("ended");
    assert_eq!(cell.count(Shelf::Silences), 0);
    let again = clerk.send(EndSilence(silence.id)).await.expect("alive");
    assert!(matches!(again, Err(AlertRefusal::NotFound(_))), "{again:?}");
}

#[actix_web::test]
async fn a_wiped_redis_is_seeded_again_and_nobody_is_told_anew() {
    let hook = Fake::new(false, &[]);
    let cell = Cell::of(&["a", "b"], &hook);
    cell.elect("a");
    cell.until(&DOWN, None, "told and kept", || {
        cell.alert("b").is_some_and(|it| it.deliveries.iter().any(|it| it.sent_at.is_some()))
    })
    .await;
    for next in ["a", "b"] {
        let rows = cell.count(Shelf::Rows);
        {
            let mut held = locked(&cell.shelves.held);
            *held = Held { fence: held.fence, wiped: true, ..Held::default() };
        }
        cell.elect(next);
        cell.until(&DOWN, None, "seeded", || cell.count(Shelf::Incidents) == 1 && cell.count(Shelf::Rows) == rows).await;
        for _ in 0..10 {
            cell.show(&DOWN, None).await;
        }
    }
    assert_eq!(hook.heard(), ["firing database_down"]);
}

#[actix_web::test]
async fn without_redis_nodes_tell_criticals_with_the_same_keys_and_come_together_again() {
    let (one, two) = (Fake::new(true, &[]), Fake::new(true, &[]));
    let cell = Cell::whose_leader_loses_the_shelves(&one, &two).await;
    for _ in 0..5 {
        cell.show(&DOWN, Some(Duration::from_secs(5))).await;
    }
    assert_eq!((one.calls().len(), two.calls().len()), (0, 0), "nobody tells while it may be a short silence");
    cell.until(&DOWN, Some(Duration::from_secs(12)), "the first tells", || one.calls().len() == 1).await;
    assert_eq!(two.calls().len(), 0, "it is not the second's turn");
    cell.until(&DOWN, Some(Duration::from_secs(30)), "the second tells", || two.calls().len() == 1).await;
    assert_eq!(keys(&one), keys(&two));
    locked(&cell.shelves.held).away = false;
    cell.elect("b");
    cell.until(&DOWN, None, "kept together", || cell.count(Shelf::Rows) == 1).await;
    cell.until(&DOWN, None, "a follows", || cell.alert("a").is_some_and(|alert| alert.deliveries.len() == 1)).await;
    cell.show(&DOWN, None).await;
    assert_eq!((one.heard(), two.heard()), (vec!["firing database_down".to_owned()], vec!["firing database_down".to_owned()]));
    assert_eq!(cell.count(Shelf::Incidents), 1);
}

#[actix_web::test]
async fn one_that_starts_while_redis_is_gone_goes_on_from_its_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alerts.db");
    let hook = Fake::new(true, &[]);
    let mut before = Cell::default();
    before.join("a", Some(&path), &hook);
    before.join("b", None, &hook);
    before.elect("b");
    let is_told = |cell: &Cell| cell.alert("a").is_some_and(|it| it.deliveries.iter().any(|it| it.sent_at.is_some()));
    before.until(&DOWN, None, "told", || is_told(&before)).await;
    // The disk as it is when the power goes.
    let after = folder.path().join("after.db");
    for end in ["", "-wal"] {
        let _ = std::fs::copy(format!("{}{end}", path.display()), format!("{}{end}", after.display()));
    }
    let mut cell = Cell::default();
    locked(&cell.shelves.held).away = true;
    cell.join("a", Some(&after), &hook);
    cell.until(&DOWN, Some(Duration::from_mins(1)), "it knows", || is_told(&cell)).await;
    for _ in 0..10 {
        cell.show(&DOWN, Some(Duration::from_mins(1))).await;
    }
    assert_eq!(hook.heard(), ["firing database_down"]);
}
