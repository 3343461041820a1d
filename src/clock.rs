//! The only reader of wall time. Everything else is handed an [`Instant`] or a [`Timestamp`], so that a decision can be
//! replayed in a test without waiting. Durations come from the monotonic clock; a jump of the wall clock moves only what people read.

use std::time::Instant;

use arc_swap::ArcSwapOption;

use crate::model::Timestamp;

/// The wall time that the region's nodes agreed on, and when: its Redis told it.
static AGREED: ArcSwapOption<(Timestamp, Instant)> = ArcSwapOption::const_empty();

/// The wall clock now, for people to read; never for measuring how long something took. With a bus it is the time of the region's Redis,
/// so that a node whose clock is wrong agrees with the others.
pub fn wall() -> Timestamp {
    match AGREED.load().as_deref() {
        Some((then, at)) => shown(*then, *at, now()),
        None => own(),
    }
}

/// What this machine's clock shows, whatever the others say.
#[allow(clippy::disallowed_methods)]
pub fn own() -> Timestamp {
    Timestamp(chrono::Utc::now())
}

/// Differences below this come from the way and not from the clocks: they are made up for bit by bit.
const JITTER_MS: i64 = 250;

/// From now on the wall clock shows this, which was so at that moment; nearly, when it showed nearly that.
pub fn agree(wall: Timestamp, at: Instant) {
    let known = AGREED.load().as_deref().map(|(then, since)| shown(*then, *since, at));
    let wall = known.map_or(wall, |known| eased(known, wall));
    AGREED.store(Some(std::sync::Arc::new((wall, at))));
}

fn shown(then: Timestamp, since: Instant, at: Instant) -> Timestamp {
    then.after(at.saturating_duration_since(since))
}

/// A small step towards what was told; all of it when it is far.
fn eased(known: Timestamp, told: Timestamp) -> Timestamp {
    let by = told.0 - known.0;
    if by.num_milliseconds().abs() < JITTER_MS { Timestamp(known.0 + by / 8) } else { told }
}

/// The monotonic clock now, for measuring and scheduling.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Instant {
    Instant::now()
}

/// A clock that goes on evenly: the wall clock when it was made, and what has passed since by the monotonic one. It gives
/// moments that can be written to disk, and whoever sets the wall clock does not move it.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    wall: Timestamp,
    began: Instant,
}

impl Steady {
    /// A steady clock that starts now, at the wall's time.
    pub fn start() -> Self {
        Self { wall: wall(), began: now() }
    }

    /// What it shows now.
    pub fn now(&self) -> Timestamp {
        self.at(now())
    }

    /// What it shows at that moment.
    fn at(&self, moment: Instant) -> Timestamp {
        shown(self.wall, self.began, moment)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_redis_tells_is_approached_when_it_is_near_and_taken_when_it_is_far() {
        let at = |ms: i64| Timestamp(chrono::DateTime::from_timestamp_millis(ms).expect("a moment"));
        let eased = |told| eased(at(10_000), at(told)).unix_ms();
        assert_eq!((eased(10_080), eased(9_920)), (10_010, 9_990));
        assert_eq!((eased(10_250), eased(9_000)), (10_250, 9_000));
    }

    #[test]
    fn a_steady_clock_moves_by_what_passed_and_by_nothing_else() {
        let clock = Steady::start();
        assert_eq!(clock.at(clock.began + Duration::from_millis(1500)).unix_ms(), clock.wall.unix_ms() + 1500);
        assert_eq!(clock.at(clock.began), clock.wall);
    }
}
