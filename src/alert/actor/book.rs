//! The book as it is kept between two publications: an alert is made anew only when something about it changed, all others are shared.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    alert::{desk::Desk, outbox::Outbox},
    model::alert::{Alert, AlertBook, AlertStep},
};

/// One alert and what happened to it.
struct Page {
    alert: Arc<Alert>,
    steps: Arc<Vec<AlertStep>>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Pages {
    pages: BTreeMap<String, Page>,
    stale: BTreeSet<String>,
}

impl Pages {
    /// These are to be made anew.
    pub(super) fn stale(&mut self, ids: impl IntoIterator<Item = String>) {
        self.stale.extend(ids);
    }

    pub(super) fn alert(&self, id: &str) -> Option<Arc<Alert>> {
        self.pages.get(id).map(|page| Arc::clone(&page.alert))
    }

    /// Makes stale ones anew, takes new ones up and old ones out; gives back the latter, and tells whether anything changed.
    pub(super) fn turn(&mut self, desk: &Desk, outbox: &Outbox) -> (BTreeMap<String, Arc<Alert>>, bool) {
        let stale = std::mem::take(&mut self.stale);
        let mut before = std::mem::take(&mut self.pages);
        let mut changed = false;
        for incident in desk.incidents() {
            let known = before.remove_entry(&incident.id);
            let entry = match known {
                Some(entry) if !stale.contains(&incident.id) => entry,
                _ => {
                    changed = true;
                    let mut alert = desk.alert(incident);
                    alert.deliveries = outbox.deliveries(&incident.id);
                    (incident.id.clone(), Page { alert: Arc::new(alert), steps: Arc::new(incident.steps.clone()) })
                }
            };
            self.pages.insert(entry.0, entry.1);
        }
        changed |= !before.is_empty();
        (before.into_iter().map(|(id, page)| (id, page.alert)).collect(), changed)
    }

    /// Fills in the alerts of a book, newest first.
    pub(super) fn copy_to(&self, book: &mut AlertBook) {
        book.alerts = self.pages.values().map(|page| Arc::clone(&page.alert)).collect();
        book.alerts.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        book.steps = self.pages.iter().map(|(id, page)| (id.clone(), Arc::clone(&page.steps))).collect();
    }
}
