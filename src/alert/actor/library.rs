//! The library of a clustered node: the books of its own leaders and the news of all others, as the one book that the web reads. Shared, so
//! that whoever asked for a change finds it when the answer is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Recipient};
use arc_swap::ArcSwap;

use super::Stream;
use crate::{
    alert::books::Books,
    clock::Steady,
    model::{
        RegionName,
        alert::{AlertBook, AlertChange},
        cluster::AlertNews,
    },
};

/// What was heard is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// What nobody says any more is looked for at this many of them.
const FORGET_EVERY: u32 = 50;

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub struct Library {
    books: Arc<Mutex<Books>>,
    whole: Arc<ArcSwap<AlertBook>>,
    steady: Steady,
}

impl Library {
    /// An empty one, whose book is published there.
    pub fn new(whole: Arc<ArcSwap<AlertBook>>, steady: Steady) -> Self {
        Self { books: Arc::default(), whole, steady }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the book of one of this node's alert actors.
    pub(super) fn keep(&self, region: &RegionName, book: AlertBook, leads: bool) {
        let mut books = self.books();
        books.keep(region, book, leads, self.steady.now());
        self.whole.store(Arc::new(books.whole()));
    }

    /// See [`Books::told_elsewhere`].
    pub(super) fn told_elsewhere(&self, home: &RegionName, is_seen: impl Fn(&RegionName) -> bool) -> BTreeSet<String> {
        self.books().told_elsewhere(home, is_seen)
    }

    /// See [`Books::blind_from`].
    pub(super) fn blind_from(
        &self,
        home: &RegionName,
        is_seen: impl Fn(&RegionName) -> bool,
    ) -> BTreeMap<String, BTreeSet<RegionName>> {
        self.books().blind_from(home, is_seen)
    }

    pub(super) fn region_of(&self, id: &str) -> Option<RegionName> {
        self.books().region_of(id)
    }

    fn hear(&self, news: AlertNews) {
        self.books().hear(news, self.steady.now());
    }

    fn publish(&self) {
        let books = self.books();
        self.whole.store(Arc::new(books.whole()));
    }
}

/// Takes the news of other nodes into the library, and tells them to the stream. Its mail: [`AlertNews`], [`Stream`].
#[derive(Debug)]
pub struct Librarian {
    library: Library,
    stream: Option<Recipient<AlertChange>>,
    changed: bool,
    ticks: u32,
}

impl Librarian {
    /// Of this library.
    pub fn new(library: Library, stream: Option<Recipient<AlertChange>>) -> Self {
        Self { library, stream, changed: false, ticks: 0 }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(PUBLISH_EVERY, Self::tick);
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(FORGET_EVERY) {
            self.changed |= self.library.books().forget(self.library.steady.now());
        }
        if std::mem::take(&mut self.changed) {
            self.library.publish();
        }
    }
}

impl Actor for Librarian {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }
}

impl Handler<AlertNews> for Librarian {
    type Result = ();

    fn handle(&mut self, news: AlertNews, _: &mut Self::Context) {
        let told = news.items.iter().filter_map(|item| Some((word(&item.event)?, Arc::clone(&item.alert)))).collect::<Vec<_>>();
        self.library.hear(news);
        self.changed = true;
        if let (Some(stream), false) = (&self.stream, told.is_empty()) {
            let _ = stream.try_send(AlertChange(told));
        }
    }
}

impl Handler<Stream> for Librarian {
    type Result = ();

    fn handle(&mut self, new: Stream, _: &mut Self::Context) {
        self.stream = new.0;
    }
}

/// The event as the stream knows it; none when it is only said again, or a newer node's.
fn word(event: &str) -> Option<&'static str> {
    const WORDS: [&str; 9] =
        ["pending", "withdrawn", "firing", "severity", "suppressed", "released", "acknowledged", "recovering", "resolved"];
    WORDS.into_iter().find(|word| *word == event)
}
