//! Rolling up: targets to a region, regions to the world. Pure.

use crate::model::Status;

/// A region's status from its targets, each with whether it is critical; unknown without any.
///
/// Unhealthy when a critical target is, or more than half of all are; degraded when any is not healthy.
pub fn region<'a>(targets: impl IntoIterator<Item = (Status, bool)> + 'a) -> Status {
    let (mut all, mut unhealthy, mut healthy, mut unknown, mut critical) = (0_usize, 0, 0, 0, false);
    for (status, is_critical) in targets {
        all += 1;
        healthy += usize::from(status == Status::Healthy);
        unknown += usize::from(status == Status::Unknown);
        unhealthy += usize::from(status == Status::Unhealthy);
        critical |= is_critical && status == Status::Unhealthy;
    }
    roll_up(all, healthy, unknown, critical || unhealthy * 2 > all)
}

/// The world's status from its regions: unhealthy when more than half are, degraded when any is not healthy, unknown when nothing
/// is seen at all.
pub fn world(regions: impl IntoIterator<Item = Status>) -> Status {
    let (mut all, mut unhealthy, mut healthy, mut unknown) = (0_usize, 0, 0, 0);
    for status in regions {
        all += 1;
        healthy += usize::from(status == Status::Healthy);
        unknown += usize::from(status == Status::Unknown);
        unhealthy += usize::from(status == Status::Unhealthy);
    }
    roll_up(all, healthy, unknown, unhealthy * 2 > all)
}

const fn roll_up(all: usize, healthy: usize, unknown: usize, unhealthy: bool) -> Status {
    if unknown == all {
        Status::Unknown
    } else if unhealthy {
        Status::Unhealthy
    } else if healthy == all {
        Status::Healthy
    } else {
        Status::Degraded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `h`, `d`, `u` and `?`; a capital letter is a critical target.
    fn statuses(text: &str) -> Vec<(Status, bool)> {
        let status = |c: char| match c.to_ascii_lowercase() {
            'h' => Status::Healthy,
            'd' => Status::Degraded,
            'u' => Status::Unhealthy,
            _ => Status::Unknown,
        };
        text.chars().map(|c| (status(c), c.is_ascii_uppercase())).collect()
    }

    #[test]
    fn a_region_is_as_bad_as_its_critical_target_or_its_majority() {
        use Status::{Degraded, Healthy, Unhealthy, Unknown};
        for (targets, expected) in [
            ("", Unknown),
            ("???", Unknown),
            ("hhh", Healthy),
            ("HHH", Healthy),
            ("hhd", Degraded),
            ("hhD", Degraded),
            ("hhu", Degraded),
            ("hhU", Unhealthy),
            ("hu", Degraded),
            ("huu", Unhealthy),
            ("u", Unhealthy),
            ("hh?", Degraded),
            ("??u", Degraded),
            ("??h", Degraded),
        ] {
            assert_eq!(region(statuses(targets)), expected, "{targets:?}");
        }
    }

    #[test]
    fn the_world_is_unhealthy_when_more_than_half_of_its_regions_are_and_a_blind_one_degrades_it() {
        use Status::{Degraded, Healthy, Unhealthy, Unknown};
        for (regions, expected) in [
            ("", Unknown),
            ("?", Unknown),
            ("hhh", Healthy),
            ("hh?", Degraded),
            ("hhu", Degraded),
            ("hu", Degraded),
            ("huu", Unhealthy),
        ] {
            assert_eq!(world(statuses(regions).into_iter().map(|(status, _)| status)), expected, "{regions:?}");
        }
    }
}
