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

    pub(super) fn steps(&self, id: &str) -> Arc<Vec<AlertStep>> {
        self.pages.get(id).map(|page| Arc::clone(&page.steps)).unwrap_or_default()
    }

    /// Those that will be made anew.
    pub(super) const fn are_stale(&self) -> &BTreeSet<String> {
        &self.stale
    }

    /// Makes stale ones anew, takes new ones up and old ones out; gives back the latter, and tells whether anything changed. Whatever
    /// is new is stale too, or there is one more or less than before; a turn in which nothing happened looks at none of them.
    pub(super) fn turn(&mut self, desk: &Desk, outbox: &Outbox) -> (BTreeMap<String, Arc<Alert>>, bool) {
        let stale = std::mem::take(&mut self.stale);
        if stale.is_empty() && desk.incidents().size_hint() == (self.pages.len(), Some(self.pages.len())) {
            return (BTreeMap::new(), false);
        }
        let (mut found, mut changed) = (0, false);
        for incident in desk.incidents() {
            let known = self.pages.contains_key(&incident.id);
            found += usize::from(known);
            if known && !stale.contains(&incident.id) {
                continue;
            }
            (changed, found) = (true, found + usize::from(!known));
            let mut alert = desk.alert(incident);
            alert.deliveries = outbox.deliveries(&incident.id);
            self.pages.insert(incident.id.clone(), Page { alert: Arc::new(alert), steps: Arc::new(incident.steps.clone()) });
        }
        let mut gone = BTreeMap::new();
        if found < self.pages.len() {
            let known: BTreeSet<&str> = desk.incidents().map(|incident| incident.id.as_str()).collect();
            gone.extend(self.pages.extract_if(.., |id, _| !known.contains(id.as_str())).map(|(id, page)| (id, page.alert)));
        }
        changed |= !gone.is_empty();
        (gone, changed)
    }

    /// Fills in the alerts of a book, newest first.
    pub(super) fn copy_to(&self, book: &mut AlertBook) {
        book.alerts = self.pages.values().map(|page| Arc::clone(&page.alert)).collect();
        book.alerts.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        book.steps = self.pages.iter().map(|(id, page)| (id.clone(), Arc::clone(&page.steps))).collect();
    }
}
