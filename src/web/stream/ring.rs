//! The recent events of the stream, as they go over the wire, for those who are behind and for those who come back. Pure.

use std::{collections::VecDeque, fmt::Write, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::super::{alerts, views::Filter};
use crate::model::{RegionName, TargetName, alert::Alert};

/// Recent frames kept for those who come back: some seconds of 250 targets at 4/s, or minutes of a few.
pub(super) const MOST_FRAMES: usize = 4_096;

/// The same in bytes, for worlds with much to tell.
pub(super) const MOST_BYTES: usize = 4 << 20;

/// Whom a frame concerns.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Those who watch all regions.
    World,
    /// Those who watch this one only.
    Region(RegionName),
    /// Those who watch this target.
    Target(RegionName, TargetName),
    /// Those who see this alert.
    Alert(Arc<Alert>),
}

impl Scope {
    fn concerns(&self, filter: &Filter) -> bool {
        match self {
            Self::World => filter.region.is_none(),
            Self::Region(region) => filter.region.as_ref() == Some(region),
            Self::Target(region, target) => filter.takes(region, target),
            Self::Alert(alert) => alerts::concerns(alert, filter),
        }
    }
}

/// One event, as it goes over the wire.
#[derive(Debug)]
pub(super) struct Frame {
    id: u64,
    scope: Scope,
    pub(super) bytes: Bytes,
}

/// Frames in order, numbered.
#[derive(Debug)]
pub(super) struct Ring {
    /// Tells this process's events from those of the one before.
    boot: i64,
    /// The newest frame's number.
    pub(super) newest: u64,
    /// Whoever has seen this or later can resume.
    resumable: u64,
    pub(super) frames: VecDeque<Frame>,
    pub(super) bytes: usize,
}

impl Ring {
    /// One that holds nothing yet.
    pub(super) fn new(boot: i64) -> Self {
        Self { boot, newest: 0, resumable: 0, frames: VecDeque::new(), bytes: 0 }
    }

    /// One more.
    pub(super) fn push(&mut self, scope: Scope, event: &str, data: &Value) {
        self.newest += 1;
        let bytes = Bytes::from(self.event(event, data));
        self.bytes += bytes.len();
        self.frames.push_back(Frame { id: self.newest, scope, bytes });
    }

    /// An event as of the newest frame. JSON holds no raw line break, so one `data:` line carries it all.
    pub(super) fn event(&self, event: &str, data: &Value) -> String {
        let mut text = String::with_capacity(512);
        let _ = write!(text, "event: {event}\nid: {:x}-{}\ndata: {data}\n\n", self.boot, self.newest);
        text
    }

    /// Lets go of what is more than may be kept.
    pub(super) fn trim(&mut self) {
        while self.frames.len() > MOST_FRAMES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            self.resumable = oldest.id;
        }
    }

    /// Changes go by untold from now on, so what was seen before cannot be resumed from.
    pub(super) fn forget(&mut self) {
        self.frames.clear();
        self.bytes = 0;
        self.newest += 1;
        self.resumable = self.newest;
    }

    /// All frames after an event that concern a filter, in one piece; shared when it is just one frame.
    pub(super) fn chunk(&self, filter: &Filter, after: u64) -> Option<Bytes> {
        let start = self.frames.partition_point(|frame| frame.id <= after);
        let mut concerned = self.frames.range(start..).filter(|frame| frame.scope.concerns(filter));
        let first = concerned.next()?;
        let Some(second) = concerned.next() else { return Some(first.bytes.clone()) };
        let mut all = [&*first.bytes, &*second.bytes].concat();
        concerned.for_each(|frame| all.extend_from_slice(&frame.bytes));
        Some(all.into())
    }

    /// What whoever saw an event last has missed; none when that is not known any more.
    pub(super) fn missed(&self, filter: &Filter, last_event: &str) -> Option<Bytes> {
        let (boot, id) = last_event.split_once('-')?;
        let id: u64 = id.parse().ok()?;
        let known = boot == format!("{:x}", self.boot) && (self.resumable..=self.newest).contains(&id);
        known.then(|| self.chunk(filter, id).unwrap_or_else(|| Bytes::from_static(b": nothing missed\n\n")))
    }
}
