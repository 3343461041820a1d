//! An actor on threads of its own.

use actix::{Actor, Addr, ArbiterHandle};

/// See the module.
pub(super) struct Running<A: Actor> {
    pub(super) addr: Addr<A>,
    /// Its own thread, and those of what it started.
    pub(super) arbiters: Vec<ArbiterHandle>,
}

impl<A: Actor> Running<A> {
    /// Ends the threads, whatever the actor does there; one that is blocked ends when it is no more.
    pub(super) fn end(&self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}
