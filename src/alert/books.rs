//! One book out of many: of the regions whose alert stage this node leads the whole book, of the others what their leaders tell. Leaders say
//! an alert when it changes, and all open ones again every ten seconds; so a lost message heals, and what nobody says again is let go. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::model::{
    RegionName, Rule, Timestamp,
    alert::{Alert, AlertBook, AlertStep, ChannelState, DeliveryState, Silence, SilenceKind},
    cluster::{AlertNews, NewsItem},
};

/// An open alert of another region that was not said again for so long is not shown any more: its leader is gone or cut off, and says it
/// again when it is back.
const STALE: Duration = Duration::from_mins(1);
/// What is over is shown for so long, and so many of a region.
const SHOWN: Duration = Duration::from_hours(24);
const MOST_SHOWN: usize = 2_000;

/// What another node's leader told of one region.
#[derive(Debug, Default)]
struct Far {
    /// By id, with the moment they were last said.
    items: BTreeMap<String, (Timestamp, NewsItem)>,
    silences: Vec<Silence>,
}

/// One alert actor of this node.
#[derive(Debug, Default)]
struct Own {
    book: AlertBook,
    /// Whether its book is the region's; otherwise only its channels count.
    leads: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Books {
    own: BTreeMap<RegionName, Own>,
    far: BTreeMap<RegionName, Far>,
}

impl Books {
    /// The book of an alert actor on this node. When it leads no longer, what it knew stands until the new leader speaks.
    pub(super) fn keep(&mut self, region: &RegionName, book: AlertBook, leads: bool, now: Timestamp) {
        let before = self.own.insert(region.clone(), Own { book, leads });
        if leads {
            self.far.remove(region);
        } else if let Some(before) = before.filter(|before| before.leads) {
            let items = before.book.alerts.iter().map(|alert| {
                let steps = before.book.steps.get(&alert.id).cloned().unwrap_or_default();
                (alert.id.clone(), (now, NewsItem { event: String::new(), alert: Arc::clone(alert), steps }))
            });
            let silences = before.book.silences.iter().filter(|silence| silence.kind == SilenceKind::Api).cloned().collect();
            self.far.insert(region.clone(), Far { items: items.collect(), silences });
        }
    }

    /// What a leader on another node tells.
    pub(super) fn hear(&mut self, news: AlertNews, now: Timestamp) {
        let Some(region) = news.region.filter(|region| !self.leads(region)) else { return };
        let far = self.far.entry(region).or_default();
        for item in news.items {
            // Ended before anybody was told: nothing to show.
            if item.event == "withdrawn" {
                far.items.remove(&item.alert.id);
            } else {
                far.items.insert(item.alert.id.clone(), (now, item));
            }
        }
        if let Some(silences) = news.silences {
            far.silences = silences;
        }
    }

    fn leads(&self, region: &RegionName) -> bool {
        self.own.get(region).is_some_and(|own| own.leads)
    }

    /// Lets go of what nobody says again, and of what was over long ago; tells whether there was any.
    pub(super) fn forget(&mut self, now: Timestamp) -> bool {
        let mut gone = 0;
        for far in self.far.values_mut() {
            let before = far.items.len();
            far.items.retain(|_, (said, item)| {
                let ends =
                    if item.alert.resolved { item.alert.resolved_at.unwrap_or(*said).after(SHOWN) } else { said.after(STALE) };
                ends > now
            });
            let mut over: Vec<(Timestamp, String)> = far
                .items
                .iter()
                .filter(|(_, (_, item))| item.alert.resolved)
                .map(|(id, (said, _))| (*said, id.clone()))
                .collect();
            over.sort();
            for (_, id) in over.iter().take(over.len().saturating_sub(MOST_SHOWN)) {
                far.items.remove(id);
            }
            gone += before - far.items.len();
        }
        gone > 0
    }

    /// Fingerprints of incidents about whole regions that were told by a leader other than this region's, and are not over. Only of those
    /// regions that are seen now: who is gone does not tell the end either.
    pub(super) fn told_elsewhere(&self, home: &RegionName, is_seen: impl Fn(&RegionName) -> bool) -> BTreeSet<String> {
        let is_told = |state| !matches!(state, DeliveryState::Failed | DeliveryState::Cancelled);
        let told = |(_, alert): &(_, &Arc<Alert>)| alert.deliveries.iter().any(|delivery| is_told(delivery.state));
        self.of_regions(home, is_seen).filter(told).map(|(_, alert)| alert.fingerprint.clone()).collect()
    }

    /// The same of all that are open, told or not, and which regions' leaders say so.
    pub(super) fn blind_from(
        &self,
        home: &RegionName,
        is_seen: impl Fn(&RegionName) -> bool,
    ) -> BTreeMap<String, BTreeSet<RegionName>> {
        let mut blind: BTreeMap<String, BTreeSet<RegionName>> = BTreeMap::new();
        for (region, alert) in self.of_regions(home, is_seen).filter(|(_, alert)| alert.rule == Rule::RegionBlind) {
            blind.entry(alert.fingerprint.clone()).or_default().insert(region.clone());
        }
        blind
    }

    /// What the leaders of other regions that are seen say of whole regions, as long as it is not over.
    fn of_regions(
        &self,
        home: &RegionName,
        is_seen: impl Fn(&RegionName) -> bool,
    ) -> impl Iterator<Item = (&RegionName, &Arc<Alert>)> {
        let own = self.own.iter().filter(move |(region, own)| *region != home && own.leads);
        let own = own.flat_map(|(region, own)| own.book.alerts.iter().map(move |alert| (region, alert)));
        let far = self.far.iter().filter(move |(region, _)| *region != home && is_seen(region));
        let far = far.flat_map(|(region, far)| far.items.values().map(move |(_, item)| (region, &item.alert)));
        own.chain(far).filter(|(_, alert)| alert.target.is_none() && !alert.resolved)
    }

    /// Whose an alert is.
    pub(super) fn region_of(&self, id: &str) -> Option<RegionName> {
        let own = self.own.iter().find(|(_, own)| own.leads && own.book.alert(id).is_some()).map(|(region, _)| region);
        let far = || self.far.iter().find(|(_, far)| far.items.contains_key(id)).map(|(region, _)| region);
        own.or_else(far).cloned()
    }

    /// All of it as one book, newest first. An alert that two regions have, as one about a third region, is shown once: as the one that
    /// tells it has it.
    pub(super) fn whole(&self) -> AlertBook {
        let mut whole = AlertBook::default();
        let mut alerts: BTreeMap<String, Arc<_>> = BTreeMap::new();
        let mut take = |alert: &Arc<Alert>, steps: &Arc<Vec<AlertStep>>, book: &mut AlertBook| {
            let rank = |alert: &Alert| (!alert.deliveries.is_empty(), alert.suppressed_by.is_none(), alert.timestamp);
            if alerts.get(&alert.id).is_some_and(|known: &Arc<Alert>| rank(known) >= rank(alert)) {
                return;
            }
            alerts.insert(alert.id.clone(), Arc::clone(alert));
            book.steps.insert(alert.id.clone(), Arc::clone(steps));
        };
        let none = Arc::default();
        for own in self.own.values() {
            if own.leads {
                for alert in &own.book.alerts {
                    take(alert, own.book.steps.get(&alert.id).unwrap_or(&none), &mut whole);
                }
            }
            add_channels(&mut whole.channels, &own.book.channels);
            whole.late_steps += own.book.late_steps;
            whole.not_kept = whole.not_kept.or_else(|| own.book.not_kept.clone());
            // Those of the configuration are every node's own.
            add_silences(&mut whole.silences, own.book.silences.iter().filter(|it| own.leads || it.kind != SilenceKind::Api));
        }
        for far in self.far.values() {
            for (_, item) in far.items.values() {
                take(&item.alert, &item.steps, &mut whole);
            }
            add_silences(&mut whole.silences, far.silences.iter());
        }
        whole.alerts = alerts.into_values().collect();
        whole.alerts.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        whole
    }
}

/// The same channels of several regions count together.
fn add_channels(into: &mut Vec<ChannelState>, channels: &[ChannelState]) {
    for channel in channels {
        let Some(known) = into.iter_mut().find(|known| known.name == channel.name) else {
            into.push(channel.clone());
            continue;
        };
        known.queued += channel.queued;
        known.sent += channel.sent;
        known.failures += channel.failures;
        known.dead += channel.dead;
        known.last_sent_at = known.last_sent_at.max(channel.last_sent_at);
        known.last_error = known.last_error.take().or_else(|| channel.last_error.clone());
    }
}

/// One silence may stand in several regions.
fn add_silences<'a>(into: &mut Vec<Silence>, silences: impl Iterator<Item = &'a Silence>) {
    for silence in silences {
        if !into.iter().any(|known| known.id == silence.id) {
            into.push(silence.clone());
        }
    }
}

#[cfg(test)]
mod tests;
