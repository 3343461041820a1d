//! The seat of an alert actor among those of its region: what it does now, and what it must remember for that.
//!
//! ```text
//!            lease                    loaded, merged                 lease lost
//!  Follow ──────────► Gather ─────────────────────────► Lead ────────────────────────► Follow
//!    │                  ▲ lease                          │
//!    └── Redis silent ──┼───────► Apart ◄────────────────┘ Redis silent
//!                       └───────────┘──► Follow: sends what it did to whoever leads
//! ```
//! Who **follows** keeps a copy and no desk. Who **gathers** learns what the shelves hold, and after an outage what the others did
//! meanwhile. Who **leads** decides, and makes a call when its intent is on the shelves. Who is **apart** decides as well, since it may
//! have to tell; the gate of its outbox says what.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    calls::Call,
    cluster::{Cluster, Wish},
};
use crate::{
    alert::{
        journal::ADOPTED,
        lead::{Duty, Lead},
        ledger::Ledger,
        merge::{Copy, merge},
        outbox::Row,
        turn::Turn,
    },
    model::{
        NodeName, Timestamp,
        alert::DeliveryState,
        cluster::{Kept, Lease, Member, Membership},
    },
};

/// A new leader waits so long for what others did that it cannot know: after an outage for all of them, and otherwise for those who live and
/// have calls under way. Together with the lease it is within the five seconds in which another one leads.
const GATHER: Duration = Duration::from_secs(3);
/// An outage that was shorter than this let nobody act for itself.
const HARMLESS: Duration = Duration::from_secs(8);
/// What others did not hear from this node is not offered any longer: they have told it themselves by then.
const OFFERED: Duration = Duration::from_mins(2);
/// What a node brings from its time without a bus is offered for so long: its region's Redis may come later than the node.
const ADOPTION: Duration = Duration::from_hours(1);
/// Calls that outlive a term get so long to end before the new leader hears of those that did: well before it stops waiting.
const ENDINGS: Duration = Duration::from_secs(2);

/// See the module.
pub(super) enum Stage {
    Follow,
    Gather(Gather),
    Lead(Box<Ledger<Call>>),
    Apart,
}

/// A leader that does not know enough yet.
pub(super) struct Gather {
    pub(super) fence: u64,
    wiped: bool,
    /// Whether the desk decides already, since this node was apart.
    pub(super) has_desk: bool,
    /// What the shelves hold, once it is known.
    pub(super) kept: Option<(Copy, u64)>,
    until: Option<Instant>,
    /// Other nodes that live and have calls under way as far as the shelves know.
    calling: BTreeSet<NodeName>,
}

/// What a new leader goes on from.
pub(super) struct Gathered {
    pub(super) copy: Copy,
    pub(super) fence: u64,
    /// What the shelves hold.
    pub(super) version: u64,
    /// Whether they must be written anew.
    pub(super) anew: bool,
    /// Whether somebody may have acted for himself who cannot be asked.
    pub(super) is_doubtful: bool,
}

/// What this node did and the leader does not know.
pub(super) struct Offer {
    pub(super) turn: Turn,
    pub(super) until: Instant,
    pub(super) next: Instant,
    /// Until when it waits for calls that are under way.
    pub(super) ready: Instant,
    pub(super) is_asked: bool,
    /// Whether there is more since it was asked.
    pub(super) has_grown: bool,
}

impl Offer {
    pub(super) fn new(turn: Turn, now: Instant) -> Self {
        Self { turn, until: now + OFFERED, next: now, ready: now + ENDINGS, is_asked: false, has_grown: false }
    }

    /// There is more.
    pub(super) fn add(&mut self, turn: Turn, now: Instant) {
        self.turn.absorb(turn);
        (self.until, self.has_grown) = (now + OFFERED, true);
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until < now
    }
}

/// See the module.
pub(super) struct Seat {
    pub(super) cluster: Cluster,
    pub(super) lead: Lead,
    pub(super) stage: Stage,
    /// What the shelves held last, while there is no desk.
    pub(super) copy: Copy,
    pub(super) version: u64,
    /// Whether more may have happened than was heard.
    pub(super) is_stale: bool,
    pub(super) is_loading: bool,
    /// Which load counts: what the shelves held before a lease came is no ground to lead on.
    pub(super) loading: u64,
    pub(super) load_next: Option<Instant>,
    /// What is not on the shelves for sure.
    pub(super) apart: Turn,
    /// The longest silence since this node last knew all.
    pub(super) outage: Duration,
    /// The others that lived before it, who may have acted for themselves.
    pub(super) peers: BTreeSet<NodeName>,
    /// Copies of others that are to be taken in, and who waits until they are.
    pub(super) merges: Vec<Turn>,
    pub(super) merging: Vec<oneshot::Sender<()>>,
    pub(super) heard: BTreeSet<NodeName>,
    pub(super) members: Vec<Member>,
    pub(super) me: Option<NodeName>,
    pub(super) answered: Option<Instant>,
    pub(super) is_led: bool,
    /// Who led last.
    leader: Option<NodeName>,
    /// The fence that the shelves refused: a lease with it is worth nothing any more.
    pub(super) refused: Option<u64>,
    pub(super) offer: Option<Offer>,
    /// Calls that outlive the term they were made in, by key and attempt.
    pub(super) outliving: BTreeMap<(String, u32), Row>,
    /// Keys of what this node could not deliver and another one may.
    pub(super) elsewhere: BTreeSet<String>,
    /// Who waits until a version is on the shelves.
    pub(super) waiting: Vec<(u64, oneshot::Sender<()>)>,
    pub(super) is_committing: bool,
    pub(super) commit_next: Option<Instant>,
    /// Since when what this leader asks of the shelves has come to nothing, and whether it makes its calls without.
    pub(super) held: Option<Instant>,
    pub(super) is_released: bool,
    /// What people wish of a leader that gathers.
    pub(super) wishes: Vec<Wish>,
    pub(super) scoped: Option<Timestamp>,
    /// Alerts that changed and are not said yet, and when all are said again.
    pub(super) unsaid: BTreeSet<String>,
    pub(super) silences_changed: bool,
    pub(super) said: Option<Timestamp>,
    pub(super) said_all: Option<Timestamp>,
}

impl Seat {
    pub(super) fn new(cluster: Cluster, copy: Copy, version: u64, now: Instant) -> Self {
        // What nobody else can know, from the time without a bus.
        let adopted = (version == ADOPTED).then(|| Offer { until: now + ADOPTION, ..Offer::new(Turn::of(copy.clone()), now) });
        Self {
            cluster,
            lead: Lead::new(true, now),
            stage: Stage::Follow,
            copy,
            version,
            is_stale: true,
            is_loading: false,
            loading: 0,
            load_next: None,
            apart: Turn::default(),
            outage: Duration::ZERO,
            peers: BTreeSet::new(),
            merges: Vec::new(),
            merging: Vec::new(),
            heard: BTreeSet::new(),
            members: Vec::new(),
            me: None,
            answered: None,
            is_led: false,
            leader: None,
            refused: None,
            offer: adopted,
            outliving: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            waiting: Vec::new(),
            is_committing: false,
            commit_next: None,
            held: None,
            is_released: false,
            wishes: Vec::new(),
            scoped: None,
            unsaid: BTreeSet::new(),
            silences_changed: false,
            said: None,
            said_all: None,
        }
    }

    pub(super) fn hear(&mut self, membership: Membership, now: Instant) {
        self.members.clone_from(&membership.members);
        self.me = Some(membership.me.clone());
        self.answered = membership.answered;
        self.is_led = matches!(membership.lease, Lease::Other(_));
        if let Lease::Other(node) = &membership.lease
            && self.leader.as_ref() != Some(node)
        {
            self.leader = Some(node.clone());
            // Whoever comes to lead hears from everybody, if only that there is nothing to say: so it need not wait.
            if matches!(self.stage, Stage::Follow) && self.offer.is_none() {
                self.offer = Some(Offer::new(Turn::default(), now));
            }
        } else if matches!(membership.lease, Lease::Mine { .. }) {
            self.leader = None;
        }
        self.lead.hear(membership);
    }

    pub(super) fn duty(&mut self, started: Instant, now: Instant) -> Duty {
        self.lead.look(now);
        let duty = self.lead.duty(now);
        if matches!(duty, Duty::Wait | Duty::Island { .. }) {
            self.outage = self.outage.max(now.saturating_duration_since(started));
            let living: Vec<NodeName> = self.living().cloned().collect();
            self.peers.extend(living);
        }
        match duty {
            Duty::Lead { fence, .. } if self.refused == Some(fence) => Duty::Follow,
            // With a ledger it goes on, see there.
            Duty::Lead { .. } if !self.leads() => self.stuck(now).unwrap_or(duty),
            duty => duty,
        }
    }

    /// All is known again that happened in an outage, or whoever leads was told of it.
    pub(super) fn is_whole(&mut self) {
        self.outage = Duration::ZERO;
        self.peers.clear();
    }

    /// The other live nodes.
    fn living(&self) -> impl Iterator<Item = &NodeName> {
        let me = self.me.as_ref();
        self.members.iter().map(|member| &member.node).filter(move |node| Some(*node) != me)
    }

    /// Whether the desk decides.
    pub(super) fn has_desk(&self) -> bool {
        match &self.stage {
            Stage::Lead(_) | Stage::Apart => true,
            Stage::Gather(gather) => gather.has_desk,
            Stage::Follow => false,
        }
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.stage, Stage::Lead(_))
    }

    pub(super) fn ledger(&mut self) -> Option<&mut Ledger<Call>> {
        if let Stage::Lead(ledger) = &mut self.stage { Some(ledger) } else { None }
    }

    /// The other live nodes that stay.
    pub(super) fn others(&self) -> Vec<NodeName> {
        let others = self.members.iter().filter(|member| !member.leaving && Some(&member.node) != self.me.as_ref());
        others.map(|member| member.node.clone()).collect()
    }

    /// Whether the leader must still hear of what was done here.
    pub(super) fn has_something_to_say(&self) -> bool {
        self.is_led && self.offer.as_ref().is_some_and(|offer| !offer.turn.is_empty())
    }

    /// The lease came: what the shelves hold must be known first.
    pub(super) fn gather(&mut self, fence: u64, wiped: bool) {
        let has_desk = self.has_desk();
        if let Some(mut offer) = self.offer.take() {
            offer.turn.absorb(std::mem::take(&mut self.apart));
            self.apart = offer.turn;
        }
        let calling = BTreeSet::new();
        self.stage = Stage::Gather(Gather { fence, wiped, has_desk, kept: None, until: None, calling });
        self.heard.clear();
        self.load_anew();
    }

    /// What was loaded before does not count.
    pub(super) const fn load_anew(&mut self) {
        self.loading += 1;
        (self.is_stale, self.is_loading, self.load_next) = (true, false, None);
    }

    /// What the shelves held when they were asked.
    pub(super) fn loaded(&mut self, kept: &Kept, copy: Copy, now: Instant) {
        self.is_stale = false;
        let others: BTreeSet<NodeName> = self.living().cloned().collect();
        match &mut self.stage {
            Stage::Gather(gather) => {
                let under_way = copy.rows.values().filter(|row| row.state == DeliveryState::Sending);
                let nodes = under_way.flat_map(|row| row.calls.iter().filter(|(_, (_, is_known))| !is_known));
                let nodes = nodes.map(|(node, _)| NodeName::from(node.as_str()));
                gather.calling = nodes.filter(|node| others.contains(node)).collect();
                gather.until = Some(now + GATHER);
                gather.kept = Some((copy, kept.version));
            }
            // Older than what this node has: the leader will write it anew.
            Stage::Follow if kept.version >= self.version => (self.copy, self.version) = (copy, kept.version),
            _ => {}
        }
        if matches!(self.stage, Stage::Follow) && self.is_led && self.offer.is_none() {
            self.is_whole();
        }
    }

    /// Whether anybody may have acted for himself since this node last knew all.
    const fn was_apart(&self) -> bool {
        self.outage.as_millis() >= HARMLESS.as_millis()
    }

    /// Whether all is known that can be: what the others did while they were apart, and how calls ended that outlived their term.
    pub(super) fn is_gathered(&self, now: Instant) -> bool {
        let Stage::Gather(Gather { kept: Some(_), until: Some(until), wiped, calling, .. }) = &self.stage else { return false };
        let waits = self.was_apart() || *wiped;
        let all = calling.is_subset(&self.heard) && (!waits || self.all_heard());
        all || now >= *until
    }

    /// Of those who live, and those who lived before.
    fn all_heard(&self) -> bool {
        self.living().chain(&self.peers).all(|node| self.heard.contains(node))
    }

    /// What to go on from. `own` is what this node has.
    pub(super) fn gathered(&mut self, own: Copy) -> Option<Gathered> {
        let is_doubtful = self.was_apart() && !self.all_heard();
        let Stage::Gather(gather) = &mut self.stage else { return None };
        let (kept, version) = gather.kept.take()?;
        let is_older = gather.wiped || version < self.version;
        let (mut copy, mut anew) = if is_older { (own, true) } else { (kept, false) };
        let (fence, apart) = (gather.fence, std::mem::take(&mut self.apart));
        for turn in std::iter::once(apart).chain(self.merges.drain(..)).filter(|turn| !turn.is_empty()) {
            merge(&mut copy, turn.copy());
            anew = true;
        }
        self.is_whole();
        Some(Gathered { copy, fence, version, anew, is_doubtful })
    }

    /// Who brought what was just taken in hears of it when that is on the shelves.
    pub(super) fn answer_merges(&mut self) {
        let merging = std::mem::take(&mut self.merging);
        match self.ledger().and_then(|ledger| ledger.awaited()) {
            Some(version) => self.waiting.extend(merging.into_iter().map(|who| (version, who))),
            None => {
                for who in merging {
                    let _ = who.send(());
                }
            }
        }
    }
}
