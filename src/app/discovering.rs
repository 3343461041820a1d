//! Asks, on behalf of each `[[target]]` that stands for many, what there is, and tells the node when that changed.
//!
//! Every node asks for itself, also for targets that another one probes: the nodes of a region share targets by name, and the same list
//! gives the same names. While their lists differ for a moment, a new target waits for its owner (and is probed by whoever knows it when
//! the owner does not come), and one that is gone is told as removed by whoever probed it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};

use crate::{
    clock,
    config::Config,
    model::TargetId,
    probe::{
        Sampling,
        discovery::{
            Discovery, EVERY, Found, Patterns, Source,
            patroni::{self, Cluster, Roll},
        },
        session::Registry,
    },
};

/// How often it is looked whether the slow lane saw a database come or go.
const GLANCE: Duration = Duration::from_millis(250);
/// However much comes and goes, the server is not asked more often.
const REST: Duration = Duration::from_secs(1);
/// News that wait for the node; each task says only what changed.
const QUEUE: usize = 64;

/// What one of them stands for now.
type News = (TargetId, Known);

/// What one of them stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    found: Vec<Found>,
    /// Whether a list says so; otherwise it stands in until there is one.
    listed: bool,
}

/// See the module.
pub(super) struct Discovering {
    registry: Arc<Registry>,
    sampling: Sampling,
    io: Handle,
    tasks: BTreeMap<TargetId, (Discovery, AbortHandle)>,
    known: BTreeMap<TargetId, Known>,
    sender: mpsc::Sender<News>,
    news: mpsc::Receiver<News>,
}

impl Discovering {
    pub(super) fn new(registry: Arc<Registry>, sampling: Sampling, io: Handle) -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        Self { registry, sampling, io, tasks: BTreeMap::new(), known: BTreeMap::new(), sender, news }
    }

    /// Looks for what this configuration names, and for nothing else; what is looked for already goes on.
    pub(super) fn follow(&mut self, config: &Config) {
        let wanted = config.regions.iter().flat_map(|region| &region.discoveries);
        let wanted: BTreeMap<&TargetId, &Discovery> =
            wanted.map(|config| (&config.discovery.template.id, &config.discovery)).collect();
        self.tasks.retain(|id, (discovery, task)| {
            let same = wanted.get(id).is_some_and(|wanted| is_same_place(wanted, discovery));
            if !same {
                task.abort();
            }
            same
        });
        self.known.retain(|id, _| wanted.contains_key(id));
        for (id, discovery) in wanted {
            if !self.tasks.contains_key(id) {
                let task = self.start(discovery);
                self.tasks.insert(id.clone(), (discovery.clone(), task));
            }
        }
    }

    /// It goes on from what the one before it found: whoever is asked may be away just now, which takes no target away.
    fn start(&self, discovery: &Discovery) -> AbortHandle {
        let before = self.known.get(&discovery.template.id).filter(|known| known.listed);
        let before = before.filter(|known| known.found.iter().all(|found| discovery.source.finds(found)));
        let before = before.map(|known| known.found.clone());
        let looking = look_on(discovery.clone(), before, Arc::clone(&self.registry), self.sampling.clone(), self.sender.clone());
        self.io.spawn(looking).abort_handle()
    }

    /// Starts those anew that ended, which none does unless it panics; what it found stays.
    pub(super) fn revive(&mut self) {
        let ended: Vec<Discovery> =
            self.tasks.values().filter(|(_, task)| task.is_finished()).map(|(discovery, _)| discovery.clone()).collect();
        for discovery in ended {
            let id = discovery.template.id.clone();
            tracing::error!(target = %id, "discovery panicked and is started again");
            let task = self.start(&discovery);
            self.tasks.insert(id, (discovery, task));
        }
    }

    /// Notes and tells that something is to be done; pending until then.
    pub(super) async fn heard(&mut self) {
        let Some((id, known)) = self.news.recv().await else { return std::future::pending().await };
        if self.tasks.contains_key(&id) {
            self.known.insert(id, known);
        }
    }

    /// The configuration with what was found.
    pub(super) fn resolve(&self, declared: &Config) -> Config {
        let (config, nameless) = declared.with(|id| self.known.get(id).map(|known| known.found.clone()).unwrap_or_default());
        for name in nameless {
            tracing::warn!(name, "found, but not watched: every name for it is taken by another target");
        }
        config
    }

    /// Asks no more.
    pub(super) fn stop(&mut self) {
        self.tasks.values().for_each(|(_, task)| task.abort());
        self.tasks.clear();
    }
}

/// Whether the same is asked in the same way: what the found ones have in common beside that may change.
fn is_same_place(one: &Discovery, other: &Discovery) -> bool {
    one.source == other.source && one.template.url == other.template.url
}

async fn look_on(
    discovery: Discovery,
    before: Option<Vec<Found>>,
    registry: Arc<Registry>,
    sampling: Sampling,
    to: mpsc::Sender<News>,
) {
    let teller = Teller::new(&discovery.template.id, &to, before);
    match &discovery.source {
        Source::Databases(patterns) => databases(&discovery, patterns, &registry, &sampling, teller).await,
        Source::Patroni(settings) => members(&discovery, settings, teller).await,
    }
}

async fn databases(discovery: &Discovery, patterns: &Patterns, registry: &Registry, sampling: &Sampling, mut teller: Teller<'_>) {
    let (id, url) = (&discovery.template.id, &discovery.template.url);
    loop {
        let server = registry.server(url, sampling);
        let (asked, seen) = (clock::now(), server.seen_databases());
        match server.look_for_databases(url, patterns).await {
            Ok(looked) => {
                if looked.left_out > 0 {
                    tracing::warn!(target = %id, left_out = looked.left_out, "more databases than one target may stand for");
                }
                teller.found(looked.found).await;
            }
            // Until the first list its own database stands for all, so that a server that is down from the start is seen to be.
            Err(failure) => teller.failed(&failure.to_string(), Some(Found::Database(url.dbname.clone()))).await,
        }
        // Held any longer, it would look as if somebody watched it.
        drop(server);
        wait(asked, || {
            let now = registry.server(url, sampling).seen_databases();
            !now.is_empty() && now != seen
        })
        .await;
    }
}

async fn members(discovery: &Discovery, settings: &patroni::Settings, mut teller: Teller<'_>) {
    let id = &discovery.template.id;
    let mut roll = Roll::new(settings.forget_after);
    roll.go_on(clock::now(), &teller.before);
    let mut cluster = loop {
        match Cluster::new(settings) {
            Ok(cluster) => break cluster,
            Err(why) => teller.failed(&why, None).await,
        }
        wait(clock::now(), || false).await;
    };
    loop {
        let asked = clock::now();
        match cluster.members().await {
            Ok(members) => {
                for change in roll.hear(clock::now(), members) {
                    tracing::info!(target = %id, member = change.member, from = change.from, to = change.to, "role changed");
                }
                teller.found(roll.found()).await;
            }
            Err(why) => teller.failed(&why, None).await,
        }
        wait(asked, || false).await;
    }
}

/// Until it is time to ask again, or a hint says so.
async fn wait(asked: Instant, hint: impl Fn() -> bool) {
    loop {
        tokio::time::sleep(GLANCE).await;
        let since = clock::now().saturating_duration_since(asked);
        if since >= EVERY || since >= REST && hint() {
            return;
        }
    }
}

/// Says what is new, once.
struct Teller<'a> {
    id: &'a TargetId,
    to: &'a mpsc::Sender<News>,
    /// What whoever looked before had found.
    before: Vec<Found>,
    told: Option<Known>,
    listed: bool,
    failure: Option<String>,
}

impl<'a> Teller<'a> {
    fn new(id: &'a TargetId, to: &'a mpsc::Sender<News>, before: Option<Vec<Found>>) -> Self {
        let listed = before.is_some();
        Self { id, to, before: before.unwrap_or_default(), told: None, listed, failure: None }
    }

    async fn found(&mut self, found: Vec<Found>) {
        if self.failure.take().is_some() {
            tracing::info!(target = %self.id, "discovery is answered again");
        }
        self.listed = true;
        self.tell(found).await;
    }

    /// Nobody answered: that changes nothing, beside what stands in until the first list.
    async fn failed(&mut self, why: &str, stand_in: Option<Found>) {
        if self.failure.as_deref() != Some(why) {
            tracing::warn!(target = %self.id, "discovery is not answered, what was found stays: {why}");
            self.failure = Some(why.to_owned());
        }
        if !self.listed
            && let Some(stand_in) = stand_in
        {
            self.tell(vec![stand_in]).await;
        }
    }

    async fn tell(&mut self, found: Vec<Found>) {
        let known = Known { found, listed: self.listed };
        if self.told.as_ref() == Some(&known) {
            return;
        }
        let found = &known.found;
        let before = self.told.take().map_or_else(|| std::mem::take(&mut self.before), |told| told.found);
        let named = |some: &[Found], others: &[Found]| {
            let new = some.iter().filter(|one| !others.iter().any(|other| other.name() == one.name()));
            new.map(Found::name).map(str::to_owned).collect::<Vec<_>>().join(", ")
        };
        let (came, left) = (named(found, &before), named(&before, found));
        if !came.is_empty() || !left.is_empty() {
            tracing::info!(target = %self.id, came, left, all = found.len(), "discovered");
        }
        let _ = self.to.send((self.id.clone(), known.clone())).await;
        self.told = Some(known);
    }
}

#[cfg(test)]
mod tests;
