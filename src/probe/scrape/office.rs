//! One page of metrics, shared by all targets that it tells of: whoever asks first reads it, the others share the answer. It keeps the page
//! before, since counters tell by what they grew, and knows since when nothing on the page has changed, since providers write it anew once a
//! minute and say nothing of its age.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Source,
    client::{Heard, Reader, lack},
    text::Figures,
};
use crate::{clock, model::sample::Missing, probe::management::pace::Pace};

/// Counters of a page that is older than that tell nothing of now.
const OLDEST_BEFORE: Duration = Duration::from_mins(10);

/// A page as it was read.
#[derive(Debug, Clone)]
pub struct Page {
    /// What it says.
    pub figures: Arc<Figures>,
    /// What it said before its newest change.
    pub before: Option<Arc<Figures>>,
    /// For how long it has said the same.
    pub age: Duration,
    /// What a pooler's own health check finds wrong.
    pub unwell: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Office {
    /// What to ask with from the next question on.
    wanted: std::sync::Mutex<Source>,
    inner: tokio::sync::Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reader: Option<Reader>,
    pace: Pace,
    /// The newest page and when it was first read.
    current: Option<(Instant, Arc<Figures>)>,
    before: Option<(Instant, Arc<Figures>)>,
    unwell: Option<String>,
    /// When it was asked last, and what is wrong if anything is.
    latest: Option<(Instant, Result<(), Missing>)>,
}

impl Office {
    /// One that has asked nothing yet.
    pub fn new(source: Source) -> Self {
        Self { wanted: std::sync::Mutex::new(source), inner: tokio::sync::Mutex::default() }
    }

    /// Takes another secret.
    pub fn ask_with(&self, source: &Source) {
        self.wanted.lock().expect("no panic while held").clone_from(source);
    }

    /// The page, no older than `newer_than` unless its server has had enough of us.
    pub async fn read(&self, newer_than: Instant) -> Result<Page, Missing> {
        let mut inner = self.inner.lock().await;
        let now = clock::now();
        if let Some((_, answer)) = inner.latest.as_ref().filter(|(at, _)| *at >= newer_than) {
            return answer.clone().and_then(|()| inner.page(now));
        }
        let wanted = self.wanted.lock().expect("no panic while held").clone();
        if let Some(left) = inner.pace.wait(now) {
            let cause = format!("have been asked for too often, and are asked for again in {} s", left.as_secs() + 1);
            return inner.page(now).map_err(|_| lack(&wanted, &cause, None));
        }
        if inner.reader.as_ref().is_none_or(|reader| *reader.source() != wanted) {
            inner.reader = Some(Reader::new(wanted)?);
        }
        let Some(reader) = &inner.reader else { return Err(unread()) };
        let (heard, unwell) = tokio::join!(reader.read(), reader.unwell());
        inner.unwell = unwell;
        let now = clock::now();
        let answer = heard.and_then(|Heard { status, said, figures }| {
            inner.pace.heard(now, status, said);
            figures
        });
        let answer = answer.map(|figures| inner.turn(now, figures));
        // What was known before the limit was used up stays known for as long as that takes.
        let answer = if inner.pace.wait(now).is_some() && inner.current.is_some() { Ok(()) } else { answer };
        inner.latest = Some((now, answer.clone()));
        answer.and_then(|()| inner.page(now))
    }
}

impl Inner {
    fn turn(&mut self, now: Instant, figures: Figures) {
        if self.current.as_ref().is_some_and(|(_, known)| **known == figures) {
            return;
        }
        self.before = self.current.replace((now, Arc::new(figures)));
    }

    fn page(&self, now: Instant) -> Result<Page, Missing> {
        let (since, figures) = self.current.as_ref().ok_or_else(unread)?;
        let before = self.before.as_ref().filter(|(at, _)| since.saturating_duration_since(*at) <= OLDEST_BEFORE);
        Ok(Page {
            figures: Arc::clone(figures),
            before: before.map(|(_, figures)| Arc::clone(figures)),
            age: now.saturating_duration_since(*since),
            unwell: self.unwell.clone(),
        })
    }
}

fn unread() -> Missing {
    Missing { field: String::new(), cause: "the metrics have not been read yet".to_owned(), fix: None }
}
