//! Asks a node for all that a report is made of: few questions at a time, each within a limit. What a node does not tell, since it is older
//! or tells no history, is named and costs nothing else.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    io::{IsTerminal, Write, stderr},
    ops::RangeInclusive,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{super::Failure, told};
use crate::{
    cli::{
        node::{Node, Trouble, read},
        terminal::clean,
    },
    model::{Sample, TargetId, Timestamp, alert::Alert, history::Series},
};

/// Questions that a node has at a time.
const AT_ONCE: usize = 4;

/// More alerts than a node keeps.
const ALL_ALERTS: &str = "10000";

/// From so many questions on it is told how far it is.
const MANY: usize = 40;

/// The figures whose past is asked for.
pub(super) const STATUS: &str = "status";
pub(super) const UTILIZATION: &str = "connectionPool.utilization";
pub(super) const WAITING: &str = "connectionPool.waitingClients";
pub(super) const WAIT: &str = "connectionPool.averageWaitTime";
pub(super) const QUERY_TIME: &str = "queryPerformance.averageQueryTime";
pub(super) const SIZE: &str = "database.sizeBytes";
pub(super) const IMPACT: &str = "probe.impact";
pub(super) const FIGURES: [&str; 7] = [STATUS, UTILIZATION, WAITING, WAIT, QUERY_TIME, SIZE, IMPACT];

/// Figures with percentiles, which are kept of five minutes and more.
const LATENCIES: [&str; 2] = [WAIT, QUERY_TIME];

/// Of so short a time a node would answer in finer buckets.
const SHORT: RangeInclusive<Duration> = Duration::from_mins(30)..=Duration::from_hours(3);

/// A node that has no time for a question is asked again so often, after a pause.
const AGAIN: usize = 2;
const PAUSE: Duration = Duration::from_millis(500);

/// What a report is to be about.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub from: Timestamp,
    pub to: Timestamp,
    pub region: Option<String>,
    pub target: Option<String>,
}

/// All that a node told.
#[derive(Debug)]
pub(super) struct Gathered {
    pub scope: Scope,
    pub samples: Vec<Sample>,
    pub alerts: Vec<Alert>,
    pub advice: told::Advice,
    /// Target by target.
    pub pasts: BTreeMap<TargetId, Past>,
    /// What the node does not tell, and why.
    pub lacks: BTreeSet<String>,
    pub tells: Tells,
}

/// What a node tells at all: older ones know less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Tells {
    /// It keeps a history.
    pub history: bool,
    /// It says what the past means: sentences and forecasts.
    pub trends: bool,
    /// It names queries that are other than they were.
    pub regressions: bool,
    /// It advises.
    pub advice: bool,
}

/// What was, of one target.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// By figure.
    pub series: BTreeMap<&'static str, Series>,
    pub trends: told::Trends,
    pub queries: told::Queries,
}

/// One question about a target.
#[derive(Debug, Clone, Copy)]
enum Ask {
    History(&'static str),
    Trends,
    Queries,
}

impl Ask {
    const fn name(self) -> &'static str {
        match self {
            Self::History(_) => "history",
            Self::Trends => "trends",
            Self::Queries => "queries",
        }
    }
}

#[derive(Deserialize)]
struct Databases {
    databases: Vec<Sample>,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Alert>,
    total: usize,
}

/// Asks for everything.
pub(super) async fn gather(node: &Node, scope: Scope) -> Result<Gathered, Failure> {
    let region: Vec<_> = scope.region.iter().map(|region| ("region", region.clone())).collect();
    let both: Vec<_> = region.iter().cloned().chain(scope.target.iter().map(|target| ("target", target.clone()))).collect();
    let Databases { databases: mut samples } = read(&node.get(&["databases"], &region).await?)?;
    samples.retain(|sample| scope.target.as_ref().is_none_or(|only| sample.target.as_str() == only));
    if let (Some(target), true) = (&scope.target, samples.is_empty()) {
        let place = scope.region.as_ref().map_or_else(|| "any region".to_owned(), |region| clean(region));
        let said =
            format!("no target named {:?} is watched in {place}; `isobar report` without --target tells all", clean(target));
        return Err(Failure::failed(said));
    }
    let all = [both.as_slice(), &[("limit", ALL_ALERTS.to_owned())]].concat();
    let Alerts { alerts, total } = read(&node.get(&["alerts"], &all).await?)?;
    let asker = Asker { node, scope: &scope, lacks: RefCell::default(), has_history: Cell::new(true), done: Cell::new(0) };
    if total > alerts.len() {
        asker
            .lacks
            .borrow_mut()
            .insert(format!("{} older incidents: the node does not list more than {ALL_ALERTS}", total - alerts.len()));
    }
    let advice = asker.optional("advice", node.get(&["recommendations"], &both).await)?;
    let pasts = asker.pasts(&samples).await?;
    let tells = Tells {
        history: asker.has_history.get() && (samples.is_empty() || pasts.values().any(|past| !past.series.is_empty())),
        trends: pasts.values().any(|past| past.trends.looked_at.is_some()),
        regressions: pasts.values().any(|past| past.trends.looked_at.is_some() && past.queries.regressions.is_some()),
        advice: advice.is_some(),
    };
    let mut lacks = asker.lacks.take();
    for (is_told, what) in [(tells.trends, "trends and forecasts"), (tells.regressions, "queries that became slower")] {
        let is_explained = lacks.iter().any(|lack| what.starts_with(lack.split(':').next().unwrap_or_default()));
        if !is_told && !is_explained && !samples.is_empty() {
            let is_new = !tells.trends && pasts.values().any(|past| past.trends.sentence.is_some());
            let why = if is_new { "the node has not looked at the past yet, or keeps none" } else { OLDER };
            lacks.insert(format!("{what}: {why}"));
        }
    }
    let advice = told::leniently(&advice.unwrap_or_default());
    Ok(Gathered { scope, samples, alerts, advice, pasts, lacks, tells })
}

/// Why a node does not tell something that it does not know of.
const OLDER: &str = "this node is of a version that does not tell";

struct Asker<'a> {
    node: &'a Node,
    scope: &'a Scope,
    lacks: RefCell<BTreeSet<String>>,
    has_history: Cell<bool>,
    done: Cell<usize>,
}

impl Asker<'_> {
    /// Of every target all that was.
    async fn pasts(&self, samples: &[Sample]) -> Result<BTreeMap<TargetId, Past>, Failure> {
        let targets = samples.iter().map(|sample| TargetId { region: sample.region.clone(), target: sample.target.clone() });
        let kinds = || FIGURES.into_iter().map(Ask::History).chain([Ask::Trends, Ask::Queries]);
        let asks: Vec<(TargetId, Ask)> = targets.flat_map(|id| kinds().map(move |ask| (id.clone(), ask))).collect();
        let many = asks.len();
        let answers = stream::iter(asks).map(|(id, ask)| async move {
            let answer = self.one(&id, ask).await;
            self.progress(many);
            answer.map(|answer| (id, ask, answer))
        });
        let answers: Result<Vec<_>, Failure> = answers.buffer_unordered(AT_ONCE).try_collect().await;
        Self::clear(many);
        let mut pasts: BTreeMap<TargetId, Past> = BTreeMap::new();
        for (id, ask, answer) in answers? {
            let past = pasts.entry(id).or_default();
            let Some(answer) = answer else { continue };
            match ask {
                Ask::History(figure) => drop(past.series.insert(figure, read(&answer)?)),
                Ask::Trends => past.trends = told::leniently(&answer),
                Ask::Queries => past.queries = told::leniently(&answer),
            }
        }
        Ok(pasts)
    }

    async fn one(&self, id: &TargetId, ask: Ask) -> Result<Option<Value>, Failure> {
        if matches!(ask, Ask::History(_)) && !self.has_history.get() {
            return Ok(None);
        }
        let path = ["databases", id.region.as_str(), id.target.as_str(), ask.name()];
        let query = match ask {
            Ask::History(figure) => {
                let mut query = vec![("metric", figure.to_owned())];
                query.extend([("from", self.scope.from.to_string()), ("to", self.scope.to.to_string())]);
                let span = self.scope.to.since(self.scope.from);
                query.extend((LATENCIES.contains(&figure) && SHORT.contains(&span)).then(|| ("step", "5m".to_owned())));
                query
            }
            Ask::Trends | Ask::Queries => Vec::new(),
        };
        for _ in 0..AGAIN {
            match self.node.get(&path, &query).await {
                // Others ask about the past too.
                Err(Trouble::Refused { status: 503, .. }) => tokio::time::sleep(PAUSE).await,
                answer => return self.optional(ask.name(), answer),
            }
        }
        self.optional(ask.name(), self.node.get(&path, &query).await)
    }

    /// An answer that a report can do without. Nobody there and a wrong token end the whole.
    fn optional(&self, what: &str, answer: Result<Value, Trouble>) -> Result<Option<Value>, Failure> {
        let (status, code, message) = match answer {
            Ok(answer) => return Ok(Some(answer)),
            // It is not watched any more; what is known of it is told.
            Err(Trouble::Refused { code, .. }) if code == "no_such_target" || code == "no_such_region" => return Ok(None),
            Err(Trouble::Refused { status, code, message }) if !matches!(status, 401 | 403) => (status, code, message),
            Err(trouble) => return Err(trouble.into()),
        };
        if what == "history" && (code == "not_found" || status == 503) {
            self.has_history.set(false);
        }
        let why = if code == "not_found" { OLDER.to_owned() } else { message };
        self.lacks.borrow_mut().insert(format!("{what}: {why}"));
        Ok(None)
    }

    fn progress(&self, many: usize) {
        self.done.set(self.done.get() + 1);
        if many >= MANY && stderr().is_terminal() {
            let _ = write!(stderr(), "\rasked {} of {many} ", self.done.get());
        }
    }

    fn clear(many: usize) {
        if many >= MANY && stderr().is_terminal() {
            let _ = write!(stderr(), "\r{:40}\r", "");
        }
    }
}
