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

use super::{calls::Call, cluster::Cluster};
use crate::{
    alert::{
        lead::{Duty, Lead},
        ledger::Ledger,
        merge::{Copy, merge},
        outbox::Row,
        turn::Turn,
    },
    model::{
        NodeName, Timestamp,
        cluster::{Kept, Lease, Member, Membership},
    },
};

/// After an outage a new leader waits so long for what the others did meanwhile.
const GATHER: Duration = Duration::from_secs(3);
/// An outage that was shorter than this let nobody act for itself.
const HARMLESS: Duration = Duration::from_secs(8);
/// Calls of this node that are under way when it comes to lead again end in this time.
const CALLS_END: Duration = Duration::from_secs(21);
/// What others did not hear from this node is not offered any longer: they have told it themselves by then.
pub(super) const OFFERED: Duration = Duration::from_mins(2);

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
}

/// What this node did and the leader does not know.
pub(super) struct Offer {
    pub(super) turn: Turn,
    pub(super) until: Instant,
    pub(super) next: Instant,
    pub(super) is_asked: bool,
    /// Whether there is more since it was asked.
    pub(super) has_grown: bool,
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
    pub(super) load_next: Option<Instant>,
    /// What is not on the shelves for sure.
    pub(super) apart: Turn,
    /// The longest silence since this node last knew all.
    outage: Duration,
    /// Copies of others that are to be taken in.
    pub(super) merges: Vec<Turn>,
    pub(super) heard: BTreeSet<NodeName>,
    pub(super) members: Vec<Member>,
    pub(super) me: Option<NodeName>,
    pub(super) answered: Option<Instant>,
    pub(super) is_led: bool,
    pub(super) offer: Option<Offer>,
    /// Calls that outlive the term they were made in.
    pub(super) outliving: BTreeMap<(u64, u32), Row>,
    /// Rows that this node could not deliver and another one may.
    pub(super) elsewhere: BTreeSet<u64>,
    /// Who waits until a version is on the shelves.
    pub(super) waiting: Vec<(u64, oneshot::Sender<()>)>,
    pub(super) is_committing: bool,
    pub(super) commit_next: Option<Instant>,
    pub(super) scoped: Option<Timestamp>,
    /// Alerts that changed and are not said yet, and when all are said again.
    pub(super) unsaid: BTreeSet<String>,
    pub(super) silences_changed: bool,
    pub(super) said: Option<Timestamp>,
    pub(super) said_all: Option<Timestamp>,
}

impl Seat {
    pub(super) fn new(cluster: Cluster, copy: Copy, version: u64, now: Instant) -> Self {
        Self {
            cluster,
            lead: Lead::new(true, now),
            stage: Stage::Follow,
            copy,
            version,
            is_stale: true,
            is_loading: false,
            load_next: None,
            apart: Turn::default(),
            outage: Duration::ZERO,
            merges: Vec::new(),
            heard: BTreeSet::new(),
            members: Vec::new(),
            me: None,
            answered: None,
            is_led: false,
            offer: None,
            outliving: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            waiting: Vec::new(),
            is_committing: false,
            commit_next: None,
            scoped: None,
            unsaid: BTreeSet::new(),
            silences_changed: false,
            said: None,
            said_all: None,
        }
    }

    pub(super) fn hear(&mut self, membership: Membership) {
        self.members.clone_from(&membership.members);
        self.me = Some(membership.me.clone());
        self.answered = membership.answered;
        self.is_led = matches!(membership.lease, Lease::Other(_));
        self.lead.hear(membership);
    }

    pub(super) fn duty(&mut self, started: Instant, now: Instant) -> Duty {
        let duty = self.lead.duty(now);
        if matches!(duty, Duty::Wait | Duty::Island { .. }) {
            self.outage = self.outage.max(now.saturating_duration_since(started));
        }
        duty
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

    /// The lease came: what the shelves hold must be known first.
    pub(super) fn gather(&mut self, fence: u64, wiped: bool) {
        let has_desk = self.has_desk();
        self.merges.extend(self.offer.take().map(|offer| offer.turn));
        self.stage = Stage::Gather(Gather { fence, wiped, has_desk, kept: None, until: None });
        (self.is_stale, self.load_next) = (true, None);
        self.heard.clear();
    }

    /// What the shelves held when they were asked.
    pub(super) fn loaded(&mut self, kept: &Kept, copy: Copy, now: Instant) {
        self.is_stale = false;
        match &mut self.stage {
            Stage::Gather(gather) => {
                gather.kept = Some((copy, kept.version));
                gather.until = Some(if self.outage >= HARMLESS || gather.wiped { now + GATHER } else { now });
            }
            // Older than what this node has: the leader will write it anew.
            Stage::Follow if kept.version >= self.version => (self.copy, self.version) = (copy, kept.version),
            _ => {}
        }
        // Whoever leads has asked the others by now.
        if matches!(self.stage, Stage::Follow) && self.is_led {
            self.outage = Duration::ZERO;
        }
    }

    /// Whether all is known that can be: what the others did while they were apart, and how this node's own calls ended.
    pub(super) fn is_gathered(&self, under_way: usize, now: Instant) -> bool {
        let Stage::Gather(Gather { kept: Some(_), until: Some(until), .. }) = &self.stage else { return false };
        let all = self.others().iter().all(|node| self.heard.contains(node));
        (all || now >= *until) && (under_way == 0 || now >= *until + CALLS_END)
    }

    /// The copy to go on from: its fence, the version that the shelves hold, and whether they must be written anew. `own` is what this
    /// node has.
    pub(super) fn gathered(&mut self, own: Copy) -> Option<(Copy, u64, u64, bool)> {
        let Stage::Gather(gather) = &mut self.stage else { return None };
        let (kept, version) = gather.kept.take()?;
        let is_older = gather.wiped || version < self.version;
        let (mut copy, mut anew) = if is_older { (own, true) } else { (kept, false) };
        let apart = std::mem::take(&mut self.apart);
        for turn in std::iter::once(apart).chain(self.merges.drain(..)).filter(|turn| !turn.is_empty()) {
            merge(&mut copy, turn.copy());
            anew = true;
        }
        self.outage = Duration::ZERO;
        Some((copy, gather.fence, version, anew))
    }
}
