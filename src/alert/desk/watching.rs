//! From what is seen to incidents: what is in breach, what is clear, what is dark.

use std::time::Duration;

use super::super::{
    Now,
    inhibit::{self, Together},
    lifecycle,
};
use super::{AlertState, Desk, File, Incident, Subject, View, escalate};
use crate::model::{
    Reason, RegionName, Report, Rule, Status, TargetId, Timestamp,
    alert::{AlertMetrics, Chart},
    health::TransitionKind,
    world::World,
};

/// After the start a rule that does not fire may just not have been judged: so long the target must be seen before it counts as clear.
const JUDGED_WITHIN: Duration = Duration::from_mins(1);
/// The same for what two failed attempts tell: a database that is down is found to be so in a fraction of this.
const SOON_JUDGED_WITHIN: Duration = Duration::from_secs(10);
/// The same for rules that look back far.
const LONG_JUDGED_WITHIN: Duration = Duration::from_mins(15);
/// After the start a target that nobody reports while its region is seen is not watched any more.
pub(super) const REPORTED_WITHIN: Duration = Duration::from_mins(5);

/// What an incident's target is like now.
#[derive(Debug, Clone, Default)]
pub(super) struct About<'a> {
    server: Option<&'a str>,
    important: bool,
    metrics: AlertMetrics,
}

impl Desk {
    pub(super) fn look_at_regions(&mut self, now: Now, world: &World) {
        for (name, region) in &world.regions {
            let blind = region.reasons.iter().any(|reason| reason.rule == Rule::RegionBlind);
            let seen = region.heard.is_some() && !blind;
            if !self.regions.contains_key(name) {
                self.regions.insert(name.clone(), View::default());
            }
            let Some(view) = self.regions.get_mut(name) else { continue };
            view.seen_since = view.seen_since.filter(|_| seen).or(seen.then_some(now.steady));
            let turned_dark = !std::mem::replace(&mut view.dark, !seen) && !seen;
            let open = view.open.clone();
            if turned_dark {
                self.darken_targets(now, name);
            }
            // Who looks is not blind: that its own probes are silent is told by the other regions.
            let reasons = if self.scope.home.as_ref() == Some(name) { &[][..] } else { &region.reasons };
            let reasons: Vec<Reason> = reasons.iter().map(|reason| self.seen_here(name, reason, now.steady)).collect();
            if !reasons.is_empty() || !open.is_empty() {
                self.judge(now, name, None, &reasons, &open, &About::default());
            }
        }
        if self.regions.len() > world.regions.len() {
            let gone: Vec<RegionName> = self.regions.keys().filter(|name| !world.regions.contains_key(*name)).cloned().collect();
            for region in &gone {
                self.unwatch_region(now, region);
            }
        }
    }

    fn darken_targets(&mut self, now: Now, region: &RegionName) {
        let mut open = Vec::new();
        for (_, watch) in self.watches.iter_mut().filter(|(id, _)| id.region == *region) {
            (watch.view.dark, watch.view.seen_since) = (true, None);
            open.extend_from_slice(&watch.view.open);
        }
        for id in open {
            self.incidents.get_mut(&id).into_iter().for_each(|incident| incident.darken(now));
            self.touched.insert(id);
        }
    }

    pub(super) fn observe(&mut self, now: Now, report: &Report) {
        let sample = &*report.sample;
        let id = report.id();
        let dark = sample.status == Status::Unknown;
        let watch = self.watches.entry(id.clone()).or_default();
        watch.figures.add(now.steady, sample);
        let view = &mut watch.view;
        view.reported = true;
        let was_dark = std::mem::replace(&mut view.dark, dark);
        view.seen_since = view.seen_since.filter(|_| !dark).or((!dark).then_some(now.steady));
        for transition in &report.transitions {
            match transition.kind {
                TransitionKind::Pending => view.pending.insert(transition.reason.rule, now.steady),
                _ => view.pending.remove(&transition.reason.rule),
            };
        }
        view.pending.retain(|rule, _| !sample.reasons.iter().any(|reason| reason.rule == *rule));
        if report.transitions.is_empty() && sample.reasons.is_empty() && view.open.is_empty() {
            return;
        }
        if was_dark != dark || !report.transitions.is_empty() {
            self.touched.extend(view.open.iter().cloned());
        }
        let open = view.open.clone();
        let pending = view.pending.clone();
        let about = About {
            server: Some(&report.server),
            important: report.critical,
            metrics: AlertMetrics {
                connection_pool: Some(sample.connection_pool.clone()),
                query_performance: Some(sample.query_performance.clone()),
                database: Some(sample.database.clone()),
            },
        };
        for transition in &report.transitions {
            let reason = &transition.reason;
            if transition.kind == TransitionKind::Pending && pending.contains_key(&reason.rule) {
                self.expect(now, &id, reason, &about);
            }
        }
        self.judge(now, &id.region, Some(&id), &sample.reasons, &open, &about);
    }

    fn judge(
        &mut self,
        now: Now,
        region: &RegionName,
        target: Option<&TargetId>,
        reasons: &[Reason],
        open: &[String],
        about: &About<'_>,
    ) {
        for reason in reasons {
            let target = target.map(|id| id.target.clone());
            let subject = Subject { region: region.clone(), target, rule: reason.rule, scope: String::new() };
            self.raise(now, subject, reason, about);
        }
        for id in open {
            let Some(incident) = self.incidents.get(id) else { continue };
            if !reasons.iter().any(|reason| reason.rule == incident.subject.rule) {
                self.miss(now, id);
            }
        }
    }

    /// Its `for` runs: people see it, and nobody is told.
    fn expect(&mut self, now: Now, id: &TargetId, reason: &Reason, about: &About<'_>) {
        let target = Some(id.target.clone());
        let subject = Subject { region: id.region.clone(), target, rule: reason.rule, scope: String::new() };
        if self.subjects.contains_key(&subject) {
            return;
        }
        let id = self.open(now, subject, reason);
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.record(now.wall, "pending", "holds; nobody is told before it has held for long enough");
            about.fill(incident);
        }
        self.changes.events.push(("pending", id));
    }

    fn open(&mut self, now: Now, subject: Subject, reason: &Reason) -> String {
        let id = self.name_episode(now, &subject);
        let incident = Incident::begin(id.clone(), subject, reason.clone(), now);
        self.files.insert(id.clone(), File::default());
        self.enlist(&incident);
        self.incidents.insert(id.clone(), incident);
        id
    }

    /// It is in breach: opens its incident, or goes on with it.
    pub(super) fn raise(&mut self, now: Now, subject: Subject, reason: &Reason, about: &About<'_>) {
        let id = match self.subjects.get(&subject) {
            Some(id) => id.clone(),
            None => self.open(now, subject, reason),
        };
        let (Some(incident), Some(file)) = (self.incidents.get_mut(&id), self.files.get_mut(&id)) else { return };
        file.restored = false;
        about.fill(incident);
        let moved = incident.renew(now, reason);
        let event = match incident.state {
            AlertState::Pending => {
                incident.fire(now, escalate::freeze(&self.settings.escalations, &self.ways));
                "firing"
            }
            AlertState::Recovering => {
                incident.flap(now);
                file.released = Some(now.steady);
                "firing"
            }
            _ if moved => "severity",
            _ => {
                if file.shown.as_ref().is_some_and(|shown| !shown.still_holds(incident)) {
                    self.touched.insert(id);
                }
                return;
            }
        };
        file.silenced = self.silences.holds(incident);
        if file.common.is_none() {
            file.common = inhibit::common(incident);
            if let Some(common) = &file.common {
                self.together.entry(common.clone()).or_default().members.push(id.clone());
            }
        }
        self.changes.events.push((event, id.clone()));
        self.ripple(&id);
        self.changed.insert(id.clone());
        self.touched.insert(id);
    }

    /// Its rule is not among the reasons: clear when that can be seen.
    fn miss(&mut self, now: Now, id: &str) {
        let Some(incident) = self.incidents.get(id) else { return };
        let Some(view) = self.view(&incident.subject) else { return };
        let rule = incident.subject.rule;
        let is_pending = view.expects(rule, now.steady);
        if incident.state == AlertState::Pending {
            if !is_pending {
                self.withdraw(now, id);
            }
            return;
        }
        let (dark, seen_since) = (view.dark, view.seen_since);
        let hold = self.hold(now, incident);
        let (Some(incident), Some(file)) = (self.incidents.get_mut(id), self.files.get_mut(id)) else { return };
        if dark {
            incident.darken(now);
            return;
        }
        let judged_within = match rule {
            Rule::DatabaseDown | Rule::DatabaseUnresponsive | Rule::DatabaseRejecting | Rule::PoolerDown => SOON_JUDGED_WITHIN,
            rule if looks_back(rule) => LONG_JUDGED_WITHIN,
            _ => JUDGED_WITHIN,
        };
        let is_judged = seen_since.is_some_and(|at| now.steady.since(at) >= judged_within);
        if file.restored && (is_pending || !is_judged) {
            return;
        }
        file.restored = false;
        let was_in_breach = incident.in_breach();
        let clear_for = incident.clear(now, hold);
        if was_in_breach {
            self.changes.events.push(("recovering", id.to_owned()));
            self.changed.insert(id.to_owned());
            self.touched.insert(id.to_owned());
            self.ripple(id);
        } else if clear_for >= hold && !is_pending {
            self.finish(now, id, "resolved", "over: clear for long enough");
        }
    }

    /// How long it must be clear to be over.
    pub(super) fn hold(&self, now: Now, incident: &Incident) -> Duration {
        let lately = |at: &&Timestamp| now.steady.since(**at) < self.settings.flap_window;
        let episodes = self.episodes.get(&incident.subject).map_or(0, |ends| ends.iter().filter(lately).count());
        lifecycle::hold(self.settings.resolve_after, incident.flaps, u32::try_from(episodes).unwrap_or(u32::MAX))
    }

    fn withdraw(&mut self, now: Now, id: &str) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.end(now, "withdrawn", "ended before it had held for long enough");
        self.delist(id);
        self.withdrawn.push(id.to_owned());
        self.changes.events.push(("withdrawn", id.to_owned()));
    }

    /// The configuration does not have it any more.
    pub(super) fn unwatch(&mut self, now: Now, id: &TargetId) {
        let open = self.watches.get(id).map(|watch| watch.view.open.clone()).unwrap_or_default();
        for id in &open {
            self.give_up(now, id);
        }
        self.watches.remove(id);
    }

    fn unwatch_region(&mut self, now: Now, region: &RegionName) {
        let Some(view) = self.regions.remove(region) else { return };
        view.open.iter().for_each(|id| self.give_up(now, id));
        let targets: Vec<TargetId> = self.watches.keys().filter(|id| id.region == *region).cloned().collect();
        for id in &targets {
            self.unwatch(now, id);
        }
    }

    pub(super) fn give_up(&mut self, now: Now, id: &str) {
        match self.incidents.get(id).map(|incident| incident.state) {
            Some(AlertState::Pending) => self.withdraw(now, id),
            Some(_) => self.finish(now, id, "resolved", "no longer watched: the configuration does not have it any more"),
            None => {}
        }
    }

    /// Enters one that is not over where it will be looked for.
    pub(super) fn enlist(&mut self, incident: &Incident) {
        let (subject, id) = (&incident.subject, &incident.id);
        self.subjects.insert(subject.clone(), id.clone());
        if subject.rule != Rule::DeliveryFailing {
            let view = match &subject.target {
                None => self.regions.entry(subject.region.clone()).or_default(),
                Some(target) => {
                    self.regions.entry(subject.region.clone()).or_default();
                    let id = TargetId { region: subject.region.clone(), target: target.clone() };
                    &mut self.watches.entry(id).or_default().view
                }
            };
            view.open.push(id.clone());
        }
        if incident.is_open()
            && let Some(common) = inhibit::common(incident)
            && let Some(file) = self.files.get_mut(id)
        {
            let together: &mut Together = self.together.entry(common.clone()).or_default();
            together.members.push(id.clone());
            self.stale.insert(common.clone());
            file.common = Some(common);
        }
    }

    /// Takes it out of all of them.
    pub(super) fn delist(&mut self, id: &str) {
        let Some(incident) = self.incidents.get(id) else { return };
        let subject = incident.subject.clone();
        self.subjects.remove(&subject);
        if let Some(view) = self.view_mut(&subject) {
            view.open.retain(|open| open != id);
        }
        let Some(file) = self.files.remove(id) else { return };
        if let Some(wake) = file.wake {
            self.agenda.remove(&(wake, id.to_owned()));
        }
        if let Some(common) = file.common {
            if let Some(together) = self.together.get_mut(&common) {
                together.members.retain(|member| member != id);
            }
            self.stale.insert(common);
        }
    }

    /// Keeps in mind that it is over.
    pub(super) fn remember(&mut self, at: Timestamp, incident: &Incident) {
        self.resolved.insert((at, incident.id.clone()));
        let ends = self.episodes.entry(incident.subject.clone()).or_default();
        ends.retain(|end| at.since(*end) < self.settings.flap_window);
        ends.push_back(at);
    }

    pub(super) fn view(&self, subject: &Subject) -> Option<&View> {
        match &subject.target {
            None => self.regions.get(&subject.region),
            Some(target) => {
                let id = TargetId { region: subject.region.clone(), target: target.clone() };
                self.watches.get(&id).map(|watch| &watch.view)
            }
        }
    }

    fn view_mut(&mut self, subject: &Subject) -> Option<&mut View> {
        match &subject.target {
            None => self.regions.get_mut(&subject.region),
            Some(target) => {
                let id = TargetId { region: subject.region.clone(), target: target.clone() };
                self.watches.get_mut(&id).map(|watch| &mut watch.view)
            }
        }
    }

    /// The figure its rule judges, as it is now; as it was at the end for one that is over.
    pub(super) fn chart(&self, incident: &Incident) -> Chart {
        let live = incident.subject.target.as_ref().filter(|_| incident.state != AlertState::Resolved).and_then(|target| {
            let id = TargetId { region: incident.subject.region.clone(), target: target.clone() };
            Some(self.watches.get(&id)?.figures.chart(incident.subject.rule, self.now))
        });
        live.filter(|chart| !chart.points.is_empty()).unwrap_or_else(|| incident.chart.clone())
    }
}

impl About<'_> {
    fn fill(&self, incident: &mut Incident) {
        if incident.server.as_deref() != self.server {
            incident.server = self.server.map(Into::into);
        }
        incident.important = self.important;
        incident.metrics.clone_from(&self.metrics);
    }
}

const fn looks_back(rule: Rule) -> bool {
    matches!(rule, Rule::CacheHitLow | Rule::SizeGrowth | Rule::XidWraparound | Rule::ReplicationLag | Rule::Anomaly)
}
