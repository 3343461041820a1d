//! A small cluster for random histories: nodes made of the real parts (duty, desk, outbox with its gate, merged copies), a Redis with a
//! lease and a fence, and two providers that write down what arrives: `hook`, which knows a key that it had, and `slack`, which does not.

mod hands;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use rand::{SeedableRng, rngs::SmallRng};

use super::super::{Duty, Lead, SILENT};
use crate::{
    alert::{
        channels::{Failure, Receipt},
        desk::tests::room::Room,
        merge::{Copy, merge},
        outbox::{Consignment, Ended, Gate},
    },
    clock,
    model::{
        Severity,
        alert::AlertEvent,
        cluster::{Lease, Member, Membership},
        world::WorldChange,
    },
};
use hands::Hands;
use store::Redis;

pub(super) const NODES: [&str; 3] = ["a", "b", "c"];
pub(super) const CHANNELS: [(&str, bool); 2] = [("hook", true), ("slack", false)];
/// A leader waits so long for what others did before it tells.
const WAITS_FOR_OTHERS: u64 = 3_000;
pub(super) const TICK: u64 = 1_000;

/// What a provider took.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) channel: String,
    pub(super) about: String,
    pub(super) event: AlertEvent,
    pub(super) level: String,
    pub(super) key: String,
    pub(super) marked: bool,
    pub(super) both: bool,
    pub(super) critical: bool,
    #[expect(dead_code, reason = "what a failure prints")]
    pub(super) by: String,
    #[expect(dead_code, reason = "what a failure prints")]
    pub(super) at: u64,
}

struct Live {
    lead: Lead,
    hands: Option<Hands>,
    calls: Vec<(Consignment, u64)>,
    term: Option<u64>,
    /// The term in which all of it was kept.
    kept: Option<u64>,
    waits_until: u64,
    inbox: BTreeMap<&'static str, Copy>,
    sent_to: Option<u64>,
    seen: u64,
    /// Whether others may have told something that this one has not heard of.
    was_silent: bool,
}

#[derive(Default)]
struct Node {
    live: Option<Live>,
    disk: Copy,
    cut: bool,
}

pub(super) struct Cluster {
    pub(super) room: Room,
    pub(super) arrivals: Vec<Arrival>,
    /// Keys of calls of which nobody knew how they ended, and how often.
    pub(super) doubts: BTreeMap<String, usize>,
    /// And whose.
    pub(super) doubted: BTreeSet<(String, String)>,
    redis: Redis,
    nodes: Vec<Node>,
    start: Instant,
    outcomes: Vec<u8>,
    drawn: usize,
    rng: SmallRng,
}

impl Cluster {
    pub(super) fn new(nodes: usize, outcomes: Vec<u8>) -> Self {
        let mut cluster = Self {
            room: Room::new(),
            arrivals: Vec::new(),
            doubts: BTreeMap::new(),
            doubted: BTreeSet::new(),
            redis: Redis::default(),
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            start: clock::now(),
            outcomes,
            drawn: 0,
            rng: SmallRng::seed_from_u64(1),
        };
        (0..nodes).for_each(|node| cluster.start(node));
        cluster
    }

    pub(super) fn ms(&self) -> u64 {
        self.room.elapsed.as_millis() as u64
    }

    pub(super) fn start(&mut self, node: usize) {
        let lead = Lead::new(true, self.start + self.room.elapsed);
        let node = &mut self.nodes[node];
        node.live.get_or_insert(Live {
            lead,
            hands: None,
            calls: Vec::new(),
            term: None,
            kept: None,
            waits_until: 0,
            inbox: BTreeMap::new(),
            sent_to: None,
            seen: 0,
            was_silent: false,
        });
    }

    /// The node ends at once; each of its calls has arrived or not.
    pub(super) fn crash(&mut self, node: usize, arrives: u8) {
        let Some(live) = self.nodes[node].live.take() else { return };
        for (bit, (call, _)) in live.calls.into_iter().enumerate() {
            self.doubt(&call);
            if arrives >> (bit % 8) & 1 == 1 {
                self.arrive(node, &call);
            }
        }
    }

    pub(super) fn cut(&mut self, node: usize, cut: bool) {
        self.nodes[node].cut = cut;
    }

    pub(super) fn is_partly_cut(&self) -> bool {
        self.nodes.iter().any(|node| node.cut) && self.nodes.iter().any(|node| !node.cut)
    }

    /// It is there again, and empty.
    pub(super) fn wipe(&mut self) {
        self.redis = Redis::default();
        self.keep_anew();
    }

    /// Redis holds another version than was written last, which whoever leads finds out.
    fn keep_anew(&mut self) {
        for live in self.nodes.iter_mut().filter_map(|node| node.live.as_mut()) {
            (live.kept, live.sent_to) = (None, None);
        }
    }

    /// A replica takes over that did not get the last writes.
    pub(super) fn fail_over(&mut self, lost: usize) {
        for _ in 0..lost {
            if let Some(before) = self.redis.before.pop() {
                self.redis.kept = before;
            }
        }
        self.redis.version += 1;
        self.keep_anew();
    }

    /// From here on every call is taken.
    pub(super) fn recover(&mut self) {
        self.outcomes.clear();
        for node in 0..self.nodes.len() {
            self.cut(node, false);
            self.start(node);
        }
    }

    pub(super) fn run(&mut self, ms: u64) {
        for _ in 0..ms / TICK {
            self.room.elapsed += std::time::Duration::from_millis(TICK);
            let change = self.room.change();
            for node in 0..self.nodes.len() {
                if self.nodes[node].live.is_some() {
                    self.end_calls(node);
                    self.turn(node, &change);
                }
            }
        }
    }

    /// What the last leader holds.
    pub(super) fn kept(&self) -> &Copy {
        &self.redis.kept
    }

    fn arrive(&mut self, node: usize, call: &Consignment) {
        let (parcel, order) = (&call.parcel, &call.parcel.order);
        self.arrivals.push(Arrival {
            channel: order.lane.channel.clone(),
            about: order.lane.about.clone(),
            event: order.event,
            level: order.level.clone(),
            key: parcel.key.clone(),
            marked: parcel.possible_repeat,
            both: parcel.fired_and_recovered,
            critical: order.severity == Severity::Critical,
            by: NODES[node].to_owned(),
            at: self.ms(),
        });
    }

    fn doubt(&mut self, call: &Consignment) {
        let lane = &call.parcel.order.lane;
        *self.doubts.entry(call.parcel.key.clone()).or_default() += 1;
        self.doubted.insert((lane.channel.clone(), lane.about.clone()));
    }

    fn draw(&mut self) -> u8 {
        self.drawn += 1;
        if self.outcomes.is_empty() { 0 } else { self.outcomes[self.drawn % self.outcomes.len()] }
    }

    fn end_calls(&mut self, at: usize) {
        let (ms, now) = (self.ms(), self.room.now());
        let Some(live) = &mut self.nodes[at].live else { return };
        let calls = std::mem::take(&mut live.calls);
        let (ended, going): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(_, until)| *until <= ms);
        live.calls = going;
        for (call, _) in ended {
            let outcome = self.draw();
            if outcome <= 3 {
                self.arrive(at, &call);
            }
            let ended = match outcome {
                0..=2 => Ended::Answered(Ok(Receipt { answer: "ok".into(), reference: None })),
                3 | 4 => {
                    self.doubt(&call);
                    Ended::Unknown("no answer".into())
                }
                _ => Ended::Answered(Err(Failure::Retry { why: "503".into(), after: None })),
            };
            let node = &mut self.nodes[at];
            let Some(hands) = node.live.as_mut().and_then(|live| live.hands.as_mut()) else { continue };
            hands.outbox.settle(call.seq, call.attempt, ended, now, &mut self.rng);
            node.disk = hands.copy();
        }
    }

    /// What Redis tells a node that reaches it.
    fn beat(&mut self, at: usize) {
        let (ms, now) = (self.ms(), self.start + self.room.elapsed);
        let Some(live) = self.nodes[at].live.as_mut() else { return };
        let lease = match self.redis.tend(NODES[at], ms) {
            Lease::Mine { fence, wiped, .. } => Lease::Mine { fence, until: now + SILENT, wiped },
            other => other,
        };
        let member = |name: &&str| Member { node: (*name).into(), boot: 1, leaving: false, wire: 2 };
        let members = self.redis.members.keys().map(member).collect();
        live.lead.hear(Membership { region: "us".into(), me: NODES[at].into(), members, answered: Some(now), lease });
    }

    fn turn(&mut self, at: usize, change: &WorldChange) {
        let (ms, now, moment) = (self.ms(), self.room.now(), self.start + self.room.elapsed);
        if !self.nodes[at].cut {
            self.beat(at);
        }
        let cut = self.nodes[at].cut;
        let node = &mut self.nodes[at];
        let Some(live) = &mut node.live else { return };
        let duty = live.lead.duty(moment);
        match duty {
            Duty::Follow => {
                live.term = None;
                if let Some(hands) = live.hands.take_if(|_| live.calls.is_empty()) {
                    node.disk = hands.copy();
                    live.sent_to = None;
                }
                if cut || live.hands.is_some() {
                    return;
                }
                let copy = node.disk.clone();
                if live.seen != self.redis.version {
                    live.seen = self.redis.version;
                    merge(&mut node.disk, self.redis.kept.clone());
                }
                let Some((leader, fence, _)) = self.redis.lease else { return };
                if live.sent_to != Some(fence)
                    && let Some(other) = NODES.iter().position(|name| *name == leader).filter(|_| leader != NODES[at])
                    && let Some(leader) = self.nodes[other].live.as_mut().filter(|leader| leader.term == Some(fence))
                {
                    leader.inbox.insert(NODES[at], copy);
                    self.nodes[at].live.iter_mut().for_each(|live| live.sent_to = Some(fence));
                }
            }
            Duty::Lead { fence, .. } => {
                if live.term != Some(fence) {
                    (live.term, live.waits_until) = (Some(fence), ms + WAITS_FOR_OTHERS);
                    live.inbox = [("redis", self.redis.kept.clone())].into();
                }
                if !live.inbox.is_empty() {
                    if ms < live.waits_until || !live.calls.is_empty() {
                        return;
                    }
                    for (_, copy) in std::mem::take(&mut live.inbox) {
                        merge(&mut node.disk, copy);
                    }
                    let mut hands = Hands::new(NODES[at], &mut node.disk, now);
                    if std::mem::take(&mut live.was_silent) {
                        hands.outbox.suspect();
                    }
                    live.hands = Some(hands);
                    live.kept = None;
                }
                self.act(at, change, Gate::Open, Some(fence));
            }
            Duty::Wait | Duty::Island { .. } | Duty::Alone => {
                (live.term, live.sent_to) = (None, None);
                live.was_silent |= matches!(duty, Duty::Island { .. });
                if live.hands.is_none() {
                    live.hands = Some(Hands::new(NODES[at], &mut node.disk, now));
                }
                self.act(at, change, duty.gate(), None);
            }
        }
    }

    /// One turn of the actor: decide, keep on disk, keep in Redis, and only then call.
    fn act(&mut self, at: usize, change: &WorldChange, gate: Gate, fence: Option<u64>) {
        let (ms, now) = (self.ms(), self.room.now());
        let delay = u64::from(self.draw() % 3) * TICK;
        let node = &mut self.nodes[at];
        let Some(live) = &mut node.live else { return };
        let Some(Hands { desk, outbox }) = &mut live.hands else { return };
        desk.see(now, change);
        desk.tick(now);
        outbox.set_gate(gate);
        let mut offered = Vec::new();
        let mut is_same = true;
        for _ in 0..3 {
            let changes = desk.take();
            is_same &= changes.incidents.is_empty();
            outbox.take(&changes, now);
            offered.extend(outbox.offer(now));
            let news = outbox.news();
            news.notes.into_iter().for_each(|(about, step)| desk.note(&about, step));
            news.undeliverable.iter().for_each(|(order, why)| desk.undeliverable(now, order, why));
            news.delivered.iter().for_each(|(channel, to)| desk.delivered(now, channel, to.as_deref()));
        }
        if outbox.changes().is_empty() && is_same && fence == live.kept {
            return;
        }
        live.kept = None;
        node.disk = live.hands.as_ref().map(Hands::copy).unwrap_or_default();
        if let Some(fence) = fence
            && (node.cut || !self.redis.commit(NODES[at], fence, &node.disk))
        {
            // Not kept: no call is made.
            let Some(Hands { outbox, .. }) = &mut live.hands else { return };
            for call in offered {
                let not_made = Ended::Answered(Err(Failure::Retry { why: "not kept".into(), after: None }));
                outbox.settle(call.seq, call.attempt, not_made, now, &mut self.rng);
            }
            node.disk = live.hands.as_ref().map(Hands::copy).unwrap_or_default();
            return;
        }
        live.kept = fence;
        live.calls.extend(offered.into_iter().map(|call| (call, ms + delay)));
    }
}
