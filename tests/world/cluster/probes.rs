//! How long nobody probes: a watch over the time stamps of a region's samples, from another node.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::world::{TARGETS, TOKEN, World};
use crate::support::{client, secs};

/// A watch that goes on until it is asked.
pub(super) struct Watch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<String, Duration>>,
}

impl Watch {
    /// Over the targets of the region, as the node sees them.
    pub(super) fn over(world: &World, region: &str, seen_by: &str) -> Self {
        let (base, region) = (world.node(seen_by).base().to_owned(), region.to_owned());
        let ended = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let http = client().timeout(secs(2)).build().expect("a client");
            let began = Instant::now();
            let mut last: BTreeMap<String, (String, Instant)> = BTreeMap::new();
            let mut longest: BTreeMap<String, Duration> = BTreeMap::new();
            while !ends.load(Ordering::Relaxed) {
                for target in TARGETS {
                    let url = format!("{base}/api/databases/{region}/{target}");
                    let answer = http.get(url).bearer_auth(TOKEN).send();
                    let sample: Value = answer.ok().and_then(|answer| answer.json().ok()).unwrap_or_default();
                    let stamp = sample["timestamp"].as_str().unwrap_or_default().to_owned();
                    let (known, since) = last.entry(target.into()).or_insert_with(|| (stamp.clone(), began));
                    let longest = longest.entry(target.into()).or_default();
                    *longest = since.elapsed().max(*longest);
                    if *known != stamp {
                        (*known, *since) = (stamp, Instant::now());
                    }
                }
                thread::park_timeout(Duration::from_millis(20));
            }
            longest
        });
        Self { ended, thread }
    }

    /// The longest time without a new sample of any of them, until now.
    pub(super) fn longest(self) -> Duration {
        self.ended.store(true, Ordering::Relaxed);
        let longest = self.thread.join().expect("no panic");
        longest.into_values().max().unwrap_or_default()
    }
}
