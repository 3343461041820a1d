//! What the actor and its tasks share. Locks are held for moments, never over a wait.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{Doors, Links, letters::Letters};
use crate::{
    bus::{
        cache::Cache,
        contact::{Contact, Line, Word},
        inbox::Reading,
        lease,
        message::{Message, Sender},
        outbox::Outbox,
        wire,
    },
    clock,
    model::{
        NodeName, RegionName,
        cluster::{BusState, Lease, Link, Membership},
    },
};

/// How long somebody who looks at a region is taken to go on looking.
const INTEREST: Duration = Duration::from_secs(30);
/// A node that was not heard for so long does not hold the others to an old wire.
const READS_FOR: Duration = Duration::from_secs(10);
/// After the start the oldest wire is written until all others could be heard: they beat once a second.
const LISTEN: Duration = Duration::from_millis(2_500);

/// See the module.
pub(super) struct Room {
    pub(super) links: Links,
    pub(super) doors: ArcSwap<Doors>,
    pub(super) homes: BTreeMap<RegionName, Home>,
    pub(super) letters: Letters,
    pub(super) started: Instant,
    /// What is left is written once, and then no more.
    pub(super) ending: AtomicBool,
    tally: Mutex<Tally>,
    interest: Mutex<BTreeMap<RegionName, Instant>>,
}

/// A region of this node.
pub(super) struct Home {
    pub(super) outbox: Mutex<Outbox>,
    pub(super) cache: Mutex<Cache>,
    pub(super) membership: Mutex<Membership>,
    pub(super) leaving: AtomicBool,
    /// Something is to be written at once.
    pub(super) write: Notify,
    /// A beat is wanted at once.
    pub(super) beat: Notify,
}

/// Counters and links.
#[derive(Default)]
struct Tally {
    links: BTreeMap<RegionName, Link>,
    contacts: BTreeMap<RegionName, Contact>,
    written: u64,
    dropped: u64,
    cache: Option<String>,
    reads: HashMap<(RegionName, NodeName), (u16, Instant)>,
}

/// A lock whose holder panicked holds nothing that is half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    pub(super) fn new(links: Links, doors: Doors) -> Self {
        let (now, settings) = (clock::now(), &links.settings);
        let home = |region: &RegionName| {
            let outbox = Outbox::new(region.clone(), settings.wire, settings.raw, now);
            let home = Home {
                outbox: Mutex::new(outbox),
                cache: Mutex::new(Cache::new(settings.cache)),
                membership: Mutex::new(lease::unheard(region.clone(), links.node.clone())),
                leaving: AtomicBool::new(false),
                write: Notify::new(),
                beat: Notify::new(),
            };
            (region.clone(), home)
        };
        let homes = links.homes.iter().map(home).collect();
        let link = |region: &RegionName| {
            let unheard = Link {
                region: region.clone(),
                answered: None,
                trouble: None,
                round_trip_ms: None,
                read: 0,
                missed: 0,
                skipped: 0,
                lag_ms: None,
            };
            (region.clone(), unheard)
        };
        let tally = Tally { links: links.places.regions().map(link).collect(), ..Tally::default() };
        Self {
            letters: Letters::new(links.boot),
            links,
            doors: ArcSwap::from_pointee(doors),
            homes,
            started: now,
            ending: AtomicBool::new(false),
            tally: Mutex::new(tally),
            interest: Mutex::default(),
        }
    }

    /// Whether a message is this node's own, of this life or an earlier one.
    pub(super) fn is_own(&self, from: &Sender) -> bool {
        from.node == self.links.node && self.homes.contains_key(&from.region)
    }

    pub(super) fn look_at(&self, region: RegionName) {
        lock(&self.interest).insert(region, clock::now() + INTEREST);
    }

    pub(super) fn reading(&self, region: &RegionName, now: Instant) -> Reading {
        if self.homes.contains_key(region) {
            Reading::Home
        } else if lock(&self.interest).get(region).is_some_and(|until| now < *until) {
            Reading::Watched
        } else {
            Reading::Far
        }
    }

    /// Puts a question or an answer where all nodes read it.
    pub(super) fn post(&self, home: &RegionName, letter: Message) {
        if let Some(home) = self.homes.get(home) {
            lock(&home.outbox).post(letter, clock::now());
            home.write.notify_one();
        }
    }

    /// Whether this node leads that region now.
    pub(super) fn leads(&self, region: &RegionName) -> bool {
        self.homes.get(region).is_some_and(|home| lease::leads(&lock(&home.membership), clock::now()))
    }

    /// The fence that this node last led that region with, as long as nobody else does.
    pub(super) fn fence(&self, region: &RegionName) -> Option<u64> {
        match lock(&self.homes.get(region)?.membership).lease {
            Lease::Mine { fence, .. } => Some(fence),
            Lease::Free | Lease::Other(_) => None,
        }
    }

    /// The newest wire that all live nodes read.
    pub(super) fn wire(&self, now: Instant) -> u16 {
        if now.saturating_duration_since(self.started) < LISTEN {
            return wire::OLDEST;
        }
        let mut reads: BTreeSet<u16> = BTreeSet::from([self.links.settings.wire.min(wire::NEWEST)]);
        let tally = lock(&self.tally);
        let live = tally.reads.values().filter(|(_, at)| now.saturating_duration_since(*at) < READS_FOR);
        reads.extend(live.map(|(reads, _)| *reads));
        for home in self.homes.values() {
            reads.extend(lock(&home.membership).members.iter().map(|member| member.wire));
        }
        reads.first().copied().unwrap_or(wire::OLDEST).max(wire::OLDEST)
    }

    pub(super) fn heard_beat(&self, from: Sender, reads: u16, now: Instant) {
        lock(&self.tally).reads.insert((from.region, from.node), (reads, now));
    }

    /// The Redis of these regions answered.
    pub(super) fn answered<'a>(&self, by: Line, regions: impl IntoIterator<Item = &'a RegionName>) {
        let (now, mut tally) = (clock::now(), lock(&self.tally));
        for region in regions {
            let Some(link) = tally.links.get_mut(region) else { continue };
            (link.answered, link.trouble) = (Some(now), None);
            tally.contacts.entry(region.clone()).or_default().hear(by, true, now);
        }
    }

    /// It did not, and why.
    pub(super) fn silent<'a>(&self, by: Line, regions: impl IntoIterator<Item = &'a RegionName>, why: &str) {
        let (now, mut tally) = (clock::now(), lock(&self.tally));
        for region in regions {
            let Some(link) = tally.links.get_mut(region) else { continue };
            link.trouble = Some(why.to_owned());
            let contact = tally.contacts.entry(region.clone()).or_default();
            contact.hear(by, false, now);
            why.clone_into(&mut contact.why);
        }
    }

    pub(super) fn on_link(&self, region: &RegionName, change: impl FnOnce(&mut Link)) {
        if let Some(link) = lock(&self.tally).links.get_mut(region) {
            change(link);
        }
    }

    /// So many messages were written, and whether keys of the cache were too.
    pub(super) fn wrote(&self, messages: usize, is_cached: bool) {
        let mut tally = lock(&self.tally);
        tally.written += messages as u64;
        if is_cached {
            tally.cache = None;
        }
    }

    pub(super) fn not_written(&self, why: &str) {
        lock(&self.tally).cache = Some(format!("health is not written to the cache: {why}"));
    }

    pub(super) fn dropped(&self, mails: u64) {
        lock(&self.tally).dropped += mails;
    }

    /// Says what changed for longer than a moment.
    fn say(tally: &mut Tally, now: Instant) {
        for (region, contact) in &mut tally.contacts {
            match contact.look(now) {
                Some(Word { answers: true, moments }) => tracing::info!(%region, moments, "the region's bus answers again"),
                Some(Word { answers: false, moments }) => {
                    tracing::warn!(%region, why = contact.why, moments, "the region's bus does not answer");
                }
                None => {}
            }
        }
    }

    /// All of it, for readers.
    pub(super) fn publish(&self) {
        let (now, wire) = (clock::now(), self.wire(clock::now()));
        let homes: BTreeMap<_, _> =
            self.homes.iter().map(|(region, home)| (region.clone(), lock(&home.membership).clone())).collect();
        let overtaken = self.homes.values().map(|home| lock(&home.outbox).overtaken()).sum();
        let mut tally = lock(&self.tally);
        Self::say(&mut tally, now);
        tally.reads.retain(|_, (_, at)| now.saturating_duration_since(*at) < READS_FOR);
        let (links, written, dropped, cache) = (tally.links.clone(), tally.written, tally.dropped, tally.cache.clone());
        self.links.state.store(Arc::new(BusState { links, homes, written, overtaken, dropped, wire, cache }));
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}
