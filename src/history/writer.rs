//! The thread that keeps: a second after the other, until it is told to end.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::keeper::{Keeper, second_of};
use crate::{clock, model::world::World};

/// How often it is looked whether the thread has ended.
const GLANCE: Duration = Duration::from_millis(5);
/// A second is looked at this long after it has begun: what came in its first moments is in it.
const AFTER_MS: i64 = 50;

/// The thread.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
    end: mpsc::Sender<()>,
}

impl Writer {
    /// Starts it.
    pub fn start(mut keeper: Keeper, world: Arc<ArcSwap<World>>) -> std::io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("history-writer".to_owned()).spawn(move || {
            loop {
                let into = (clock::wall().unix_ms() - AFTER_MS).rem_euclid(1_000);
                let rest = Duration::from_millis((1_000 - into).unsigned_abs());
                if ended.recv_timeout(rest) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
                keeper.look(&world.load(), second_of(clock::wall()));
            }
        })?;
        Ok(Self { thread, end })
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends it; what it is writing is written. Whether it ended in time.
    pub fn stop(self, within: Duration) -> bool {
        let deadline: Instant = clock::now() + within;
        drop(self.end);
        while !self.thread.is_finished() && clock::now() < deadline {
            thread::sleep(GLANCE);
        }
        self.thread.is_finished()
    }
}
