//! Nodes in one process on a bus of memory: each has a link of its own that can be cut.
mod cached;
mod told;

use std::{future::Future, sync::Mutex};

use actix::Addr;

use super::*;
use crate::{
    bus::{
        Place,
        fixtures::{REGION, batch, figure, numbers, report, with},
        memory::Memory,
        transport::{Holder, Transport},
    },
    model::{
        Report,
        Status::{Healthy, Unhealthy},
        TargetId,
        alert::EndSilence,
        cluster::{Asked, Command, Commit, Item, Lease, Shelf},
        world::{Region, Target},
    },
};

/// The far region.
const FAR: &str = "us-east-1";

/// Keeps all mail, and answers questions with its node's name, as slowly as it is told to.
struct Ear {
    node: NodeName,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    batches: Vec<Batch>,
    told: Vec<Told>,
    replicas: Vec<Replica>,
    asked: u32,
    slow: Duration,
}

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Batch> for Ear {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        lock(&self.heard).batches.push(batch);
    }
}

impl Handler<Replica> for Ear {
    type Result = ();

    fn handle(&mut self, replica: Replica, _: &mut Self::Context) {
        lock(&self.heard).replicas.push(replica);
    }
}

impl Handler<Ask> for Ear {
    type Result = ResponseFuture<Result<Answer, AlertRefusal>>;

    fn handle(&mut self, _: Ask, _: &mut Self::Context) -> Self::Result {
        let (mut heard, answer) = (lock(&self.heard), Ok(Answer::Text(self.node.to_string())));
        heard.asked += 1;
        let slow = heard.slow;
        Box::pin(async move {
            tokio::time::sleep(slow).await;
            answer
        })
    }
}

/// One Redis of memory for all regions, as with a shared one.
struct Bus(Memory);
/// One node on it.
struct Node {
    links: Links,
    bus: Addr<BusActor>,
    link: Memory,
    heard: Arc<Mutex<Heard>>,
    ended: mpsc::UnboundedReceiver<Error>,
}

impl Bus {
    fn new() -> Self {
        Self(Memory::new(clock::own))
    }

    fn node(&self, region: &str, node: &str, boot: u64) -> Node {
        self.old_node(region, node, boot, 2)
    }
    /// A node that reads the wire up to that version.
    fn old_node(&self, region: &str, node: &str, boot: u64, wire: u16) -> Node {
        let place = |region: &str| Place { region: region.into(), url: "memory:".into() };
        let (places, cache) = (vec![place(REGION), place(FAR)], Duration::from_secs(10));
        let settings = Settings { places, raw: Duration::from_millis(250), cache, wire, replicas: 0 };
        let (link, (tell, ended)) = (self.0.link(), mpsc::unbounded_channel());
        let transport: Arc<dyn Transport> = Arc::new(link.clone());
        let places = Places::of([REGION, FAR].map(|region| (region.into(), Arc::clone(&transport))).into());
        let home = RegionName::from(region);
        let links = Links {
            settings,
            homes: vec![home.clone()],
            node: node.into(),
            boot,
            places,
            versions: BTreeMap::new(),
            world: Arc::new(ArcSwap::from_pointee(World::unseen([home.clone()], clock::wall(), clock::now()))),
            state: Arc::default(),
            ended: tell,
            io: Handle::current(),
        };
        let heard = Arc::<Mutex<Heard>>::default();
        let ear = Ear { node: node.into(), heard: Arc::clone(&heard) }.start();
        let doors = Doors {
            aggregator: ear.clone().recipient(),
            news: None,
            membership: BTreeMap::new(),
            replicas: [(home.clone(), ear.clone().recipient())].into(),
            asked: [(home.clone(), ear.clone().recipient())].into(),
            told: [(home, ear.recipient())].into(),
        };
        let bus = BusActor::new(links.clone(), doors).start();
        Node { links, bus, link, heard, ended }
    }
}

impl Node {
    fn say(&self, report: Report) {
        self.bus.do_send(batch(self.links.homes[0].as_str(), self.links.node.as_str(), vec![report]));
    }

    /// What it heard of a target, oldest first.
    fn reports(&self, target: &str) -> Vec<Report> {
        let heard = lock(&self.heard);
        let all = heard.batches.iter().flat_map(|batch| &batch.reports);
        all.filter(|report| report.sample.target.as_str() == target).cloned().collect()
    }

    fn last(&self, target: &str) -> Option<u32> {
        self.reports(target).last().map(figure)
    }

    fn transitions(&self, target: &str) -> Vec<u32> {
        self.reports(target).iter().flat_map(numbers).collect()
    }

    fn state(&self) -> Arc<BusState> {
        self.links.state.load_full()
    }

    fn lease(&self) -> Option<Lease> {
        self.state().homes.values().next().map(|home| home.lease.clone())
    }

    fn leads(&self) -> bool {
        matches!(self.lease(), Some(Lease::Mine { .. }))
    }

    async fn ask(&self, to: Asked) -> Result<Answer, AlertRefusal> {
        let command = Command::EndSilence(EndSilence("s1".to_owned()));
        self.bus.send(Ask { to, command }).await.expect("the bus lives")
    }

    /// Heard by all, so that what is said now is read by all.
    async fn is_up(&self, members: usize) {
        until("all members are heard", 5, || {
            let state = self.state();
            let answered = !state.links.is_empty() && state.links.values().all(|link| link.answered.is_some());
            answered && state.homes.values().all(|home| home.members.len() == members)
        })
        .await;
    }
}

/// Waits for it, at most so many seconds.
async fn until(what: &str, seconds: u64, is: impl Fn() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(seconds), wait).await.is_ok(), "never seen: {what}");
}

/// Time in which something could happen that must not.
async fn meanwhile(wait: impl Future<Output = ()>) {
    wait.await;
    tokio::time::sleep(Duration::from_millis(600)).await;
}

fn leader() -> Asked {
    Asked::Leader(REGION.into())
}

#[actix_web::test]
async fn a_report_reaches_every_node_with_its_transitions_once() {
    let bus = Bus::new();
    let (one, two, far) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2), bus.node(FAR, "us-1", 3));
    one.is_up(2).await;
    one.say(with(report("orders", Unhealthy, 1), &[1]));
    until("its own aggregator at once", 1, || one.last("orders") == Some(1)).await;
    one.say(with(report("orders", Unhealthy, 2), &[2, 3]));
    meanwhile(until("both others", 2, || two.last("orders") == Some(2) && far.last("orders") == Some(2))).await;
    for node in [&one, &two, &far] {
        assert_eq!(node.transitions("orders"), [1, 2, 3], "{}", node.links.node);
    }
    assert!(two.reports("orders").iter().all(|report| report.activity.is_some()), "details stay in the region");
    assert!(far.reports("orders").iter().all(|report| report.activity.is_none()));
    assert_eq!(one.reports("orders").len(), 2, "own messages are not read back");
}

#[actix_web::test]
async fn who_looks_at_a_region_gets_its_details_and_each_transition_once() {
    let bus = Bus::new();
    let (one, far) = (bus.node(REGION, "eu-1", 1), bus.node(FAR, "us-1", 2));
    one.is_up(1).await;
    far.bus.do_send(Interest(REGION.into()));
    far.is_up(1).await;
    for n in 1..=20 {
        one.say(with(report("orders", Healthy, n), if n % 5 == 0 { &[1] } else { &[] }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let details = |report: &Report| report.activity.is_some() && figure(report) == 20;
    meanwhile(until("the details", 2, || far.reports("orders").iter().any(details))).await;
    assert_eq!(far.transitions("orders").len(), 4);
}

#[actix_web::test]
async fn a_cut_link_heals_whoever_is_cut_off() {
    let bus = Bus::new();
    let (one, two, far) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2), bus.node(FAR, "us-1", 3));
    one.is_up(2).await;
    one.link.faults().cut(true);
    far.link.faults().cut(true);
    for n in 1..=30 {
        one.say(with(report("orders", if n % 2 == 0 { Unhealthy } else { Healthy }, n), &[n]));
    }
    until("the cut is seen", 3, || one.state().links.values().all(|link| link.trouble.is_some())).await;
    until("the dead node is off", 3, || two.state().homes.values().all(|home| home.members.len() == 1)).await;
    assert_eq!(two.last("orders"), None);
    one.link.faults().cut(false);
    until("the region heals", 5, || two.last("orders") == Some(30)).await;
    far.link.faults().cut(false);
    meanwhile(until("the far region heals", 5, || far.last("orders") == Some(30))).await;
    for node in [&two, &far] {
        assert_eq!(node.transitions("orders"), (1..=30).collect::<Vec<_>>(), "{}", node.links.node);
    }
    until("nothing is wrong", 3, || one.state().links.values().all(|link| link.trouble.is_none())).await;
}

#[actix_web::test]
async fn a_line_that_loses_answers_and_brings_messages_twice_and_in_disorder_tells_everything_once() {
    let bus = Bus::new();
    let (one, two) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2));
    two.link.faults().duplicate(true);
    two.link.faults().reorder(true);
    one.is_up(2).await;
    for n in 1..=40 {
        one.link.faults().lose_answers(n % 3 == 0);
        one.say(with(report("orders", Healthy, n), &[n]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    one.link.faults().lose_answers(false);
    meanwhile(until("the last", 5, || two.last("orders") == Some(40))).await;
    assert_eq!(two.transitions("orders"), (1..=40).collect::<Vec<_>>());
}

#[actix_web::test]
async fn questions_are_answered_by_the_leader_alone_and_once() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    until("eu-1 leads", 5, || one.leads()).await;
    let (two, far) = (bus.node(REGION, "eu-2", 2), bus.node(FAR, "us-1", 3));
    two.is_up(2).await;
    for node in [&one, &two, &far] {
        node.link.faults().duplicate(true);
    }
    let answer = Ok(Answer::Text("eu-1".to_owned()));
    assert_eq!(one.ask(leader()).await, answer, "the leader itself");
    assert_eq!(two.ask(leader()).await, answer, "its region");
    assert_eq!(far.ask(leader()).await, answer, "another region");
    assert_eq!(lock(&one.heard).asked, 3);
    assert_eq!(lock(&two.heard).asked, 0);
    assert_eq!(far.ask(Asked::Node(REGION.into(), "eu-2".into())).await, Ok(Answer::Text("eu-2".to_owned())));
    let nobody = far.ask(Asked::Node(REGION.into(), "eu-9".into())).await;
    assert!(
        matches!(&nobody, Err(AlertRefusal::Invalid(why)) if why.contains("eu-9") && why.contains("within 5 s")),
        "{nobody:?}"
    );
}

#[actix_web::test]
async fn a_call_in_anothers_place_has_its_time_and_is_made_once() {
    let bus = Bus::new();
    let (one, two) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2));
    two.is_up(2).await;
    // Longer than anybody waits for the answer to a command, and the question is put three times meanwhile.
    lock(&two.heard).slow = Duration::from_secs(6);
    let ask = Ask { to: Asked::Node(REGION.into(), "eu-2".into()), command: Command::Deliver("{}".to_owned()) };
    assert_eq!(one.bus.send(ask).await.expect("the bus lives"), Ok(Answer::Text("eu-2".to_owned())));
    assert_eq!(lock(&two.heard).asked, 1);
}

#[actix_web::test]
async fn when_the_leader_stops_or_dies_another_leads_within_five_seconds() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    until("eu-1 leads", 5, || one.leads()).await;
    let (two, three) = (bus.node(REGION, "eu-2", 2), bus.node(REGION, "eu-3", 3));
    two.is_up(3).await;
    assert_eq!(two.lease(), Some(Lease::Other("eu-1".into())));
    one.bus.send(Stop).await.expect("it ends cleanly");
    until("one of them leads soon", 2, || two.leads() != three.leads()).await;
    until("the one that ended is off", 2, || two.state().homes.values().all(|home| home.members.len() == 2)).await;
    let (dies, stays) = if two.leads() { (two, three) } else { (three, two) };
    dies.link.faults().cut(true);
    until("the other leads", 5, || stays.leads()).await;
    until("the dead one knows", 3, || !dies.leads()).await;
}

#[actix_web::test]
async fn who_leaves_gives_the_lease_to_another_and_is_marked() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    until("eu-1 leads", 5, || one.leads()).await;
    let two = bus.node(REGION, "eu-2", 2);
    two.is_up(2).await;
    one.bus.do_send(Leaving);
    until("eu-2 leads", 2, || two.leads()).await;
    until("eu-1 is marked", 2, || {
        let state = two.state();
        state.homes.values().flat_map(|home| &home.members).any(|member| member.leaving && member.node.as_str() == "eu-1")
    })
    .await;
}

#[actix_web::test]
async fn as_long_as_an_old_node_lives_its_wire_is_spoken() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    until("alone it speaks the newest", 5, || one.state().wire == 2).await;
    let old = bus.old_node(FAR, "us-1", 2, 1);
    until("the old one is heard", 3, || one.state().wire == 1).await;
    one.say(with(report("orders", Unhealthy, 1), &[1]));
    until("and understands", 2, || old.transitions("orders") == [1]).await;
    old.bus.send(Stop).await.expect("it ends cleanly");
    until("the newest again", 14, || one.state().wire == 2).await;
}

#[actix_web::test]
async fn two_nodes_with_one_name_cannot_be() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    one.is_up(1).await;
    let mut two = bus.node(REGION, "eu-1", 2);
    let error = tokio::time::timeout(Duration::from_secs(8), two.ended.recv()).await.expect("it is told").expect("an error");
    assert_eq!(error.to_string(), "another live node of region eu-west-1 is called eu-1; give this one another --node");
    assert!(!two.leads());
}

#[actix_web::test]
async fn a_node_that_died_may_come_back_under_its_name_at_once() {
    let bus = Bus::new();
    let (one, two) = (bus.node(REGION, "eu-1", 1), bus.node(REGION, "eu-2", 2));
    one.is_up(2).await;
    one.link.faults().cut(true);
    let mut again = bus.node(REGION, "eu-1", 3);
    let is_back = || {
        let state = two.state();
        state.homes.values().flat_map(|home| &home.members).any(|member| member.boot == 3)
    };
    until("it is a member", 6, is_back).await;
    again.say(with(report("orders", Unhealthy, 1), &[1]));
    until("and heard", 2, || two.transitions("orders") == [1]).await;
    assert!(again.ended.try_recv().is_err(), "it need not end");
}

#[actix_web::test]
async fn changes_of_the_shelves_reach_the_other_nodes_disks() {
    let bus = Bus::new();
    let one = bus.node(REGION, "eu-1", 1);
    until("eu-1 leads", 5, || one.leads()).await;
    let two = bus.node(REGION, "eu-2", 2);
    two.is_up(2).await;
    let Some(Lease::Mine { fence, .. }) = one.lease() else { panic!("it leads") };
    let item = Item { shelf: Shelf::Rows, id: "row".to_owned(), json: Some("{}".to_owned()) };
    let commit = Commit { fence, base: 0, version: fence << 32 | 1, anew: true, items: Arc::new(vec![item]) };
    let holder = Holder { node: one.links.node.clone(), boot: one.links.boot };
    let keeper = one.links.places.keeper(&REGION.into(), holder, 0).expect("a place");
    keeper.commit(commit.clone()).await.expect("it is kept");
    until("eu-2 has it", 2, || lock(&two.heard).replicas.iter().any(|replica| replica.commit == commit)).await;
    assert!(lock(&one.heard).replicas.is_empty(), "the leader has it already");
}
