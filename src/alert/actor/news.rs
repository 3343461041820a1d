//! What a leader tells the other nodes of its alerts: what happened at once, what else changed once a second, and all that is open again and
//! again, since a message may be lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{AlertActor, seat::Seat};
use crate::{
    alert::{
        Now,
        scope::{self, Scope},
    },
    model::{
        RegionName, Timestamp,
        alert::{Alert, Chart, SilenceKind},
        cluster::{AlertNews, NewsItem},
    },
};

/// What is no event is said this often.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// And everything that is open, this often.
const SAY_ALL_EVERY: Duration = Duration::from_secs(10);
/// More alerts at once would hold up what else crosses regions.
const MOST_AT_ONCE: usize = 200;

impl AlertActor {
    /// Tells what happened, and what changed.
    pub(super) fn say(&mut self, events: &[(&'static str, Arc<Alert>)], changed: BTreeSet<String>, now: Now) {
        let Some(seat) = self.seat.as_mut().filter(|seat| seat.leads()) else { return };
        let item = |event: &str, alert: &Arc<Alert>| NewsItem {
            event: event.to_owned(),
            alert: Arc::new(Alert { chart: Chart::default(), ..Alert::clone(alert) }),
            steps: self.pages.steps(&alert.id),
        };
        let mut items: Vec<NewsItem> = events.iter().map(|(event, alert)| item(event, alert)).collect();
        seat.unsaid.extend(changed);
        for (_, alert) in events {
            seat.unsaid.remove(&alert.id);
        }
        let is_due = |last: Option<Timestamp>, every| last.is_none_or(|last| last.after(every) <= now.steady);
        let (some, all) = (is_due(seat.said, SAY_EVERY), is_due(seat.said_all, SAY_ALL_EVERY));
        if all {
            seat.unsaid.extend(self.desk.incidents().filter(|incident| incident.is_open()).map(|it| it.id.clone()));
            seat.said_all = Some(now.steady);
        }
        if some || all {
            seat.said = Some(now.steady);
            let ids: Vec<String> = seat.unsaid.iter().take(MOST_AT_ONCE).cloned().collect();
            for id in ids {
                seat.unsaid.remove(&id);
                items.extend(self.pages.alert(&id).map(|alert| item("", &alert)));
            }
        }
        let made =
            |of: Vec<crate::model::alert::Silence>| of.into_iter().filter(|silence| silence.kind == SilenceKind::Api).collect();
        let silences = (all || std::mem::take(&mut seat.silences_changed)).then(|| made(self.desk.silences(now)));
        if !items.is_empty() || silences.is_some() {
            seat.tell(items, silences);
        }
    }

    /// Tells the desk what others tell.
    pub(super) fn rescope(&mut self) {
        let now = self.now();
        let Some(seat) = self.seat.as_mut().filter(|seat| seat.has_desk()) else { return };
        if seat.scoped.is_some_and(|scoped| scoped.after(SAY_EVERY) > now.steady) {
            return;
        }
        seat.scoped = Some(now.steady);
        let world = self.links.world.load();
        let (home, library) = (&seat.cluster.home, &seat.cluster.library);
        let is_seen = |region: &RegionName| scope::is_seen(&world, region);
        let told_elsewhere = library.told_elsewhere(home, is_seen);
        let blind_from = library.blind_from(home, is_seen);
        self.desk.set_scope(Scope { home: Some(home.clone()), told_elsewhere, blind_from }, now);
    }
}

impl Seat {
    fn tell(&self, items: Vec<NewsItem>, silences: Option<Vec<crate::model::alert::Silence>>) {
        self.cluster.news.do_send(AlertNews { region: Some(self.cluster.home.clone()), items, silences });
    }
}
