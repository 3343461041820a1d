//! What several regions say of one target together: whether it is down, or only a way to it. Pure.
//!
//! A target's own region judges it; others only try to get in. Nobody outvotes the own region: a view that gets in makes a page less
//! urgent and tells where to look, and one that does not get in changes no status. A view counts against the own region's word only
//! when it was heard a moment after that word: the last success before a crash proves nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::model::{
    Outcome, Reason, RegionName, Rule, Severity, TargetName,
    cluster::View,
    sample::{Verdict, VerdictKind},
};

/// How long a view holds: three turns of the slowest schedule.
const FRESH: Duration = Duration::from_secs(30);
/// A view that was heard sooner after the own region's word may have been tried before it: the way over the bus, and some more.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// A view, and when it was heard.
#[derive(Debug)]
pub(super) struct Looked {
    pub view: View,
    pub at: Instant,
}

/// The newest views of a region's targets, one for each region that looks.
#[derive(Debug, Default)]
pub(super) struct Views(BTreeMap<TargetName, BTreeMap<RegionName, Looked>>);

impl Views {
    pub(super) fn take(&mut self, target: &TargetName, looked: Looked) {
        self.0.entry(target.clone()).or_default().insert(looked.view.from.clone(), looked);
    }

    pub(super) fn of(&self, target: &TargetName) -> Vec<&Looked> {
        self.0.get(target).into_iter().flat_map(BTreeMap::values).collect()
    }

    pub(super) fn forget(&mut self, target: &TargetName) {
        self.0.remove(target);
    }

    /// Drops the old ones; tells whose they were.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<TargetName> {
        let mut expired = Vec::new();
        self.0.retain(|target, views| {
            let all = views.len();
            views.retain(|_, looked| now.saturating_duration_since(looked.at) < FRESH);
            if views.len() != all {
                expired.push(target.clone());
            }
            !views.is_empty()
        });
        expired
    }
}

/// What a target's own region says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// It answers.
    Up,
    /// It does not, first heard then.
    Down { since: Instant },
    /// Nothing, of this target or of any.
    Silent { is_blind: bool },
}

/// What they say together.
#[derive(Debug)]
pub(super) struct Judged {
    pub verdict: Verdict,
    pub views: Vec<View>,
    /// Who gets in although the own region does not: what makes its word less urgent.
    pub soften: Option<String>,
}

/// Whether a rule says that nobody gets an answer.
pub(super) const fn is_down(rule: Rule) -> bool {
    matches!(rule, Rule::DatabaseDown | Rule::DatabaseUnresponsive)
}

/// Whether somebody came as far as the server, who may have sent them away.
const fn got_there(outcome: Outcome) -> bool {
    use Outcome::{DnsFailed, Lost, QueryTimeout, TcpRefused, TcpTimeout, TlsFailed, Unresponsive};
    !matches!(outcome, DnsFailed | Lost | QueryTimeout | TcpRefused | TcpTimeout | TlsFailed | Unresponsive)
}

/// The verdict on a target; none when no other region looks.
pub(super) fn judge(region: &RegionName, own: Own, looked: &[&Looked]) -> Option<Judged> {
    if looked.is_empty() {
        return None;
    }
    let names = |takes: &dyn Fn(&Looked) -> bool| -> Vec<&str> {
        looked.iter().filter(|looked| takes(looked)).map(|looked| looked.view.from.as_str()).collect()
    };
    let got_in = |looked: &Looked| looked.view.outcome == Outcome::Ok;
    let (kind, message, soften) = match own {
        Own::Up => {
            let (can, cannot) =
                (names(&|looked| got_there(looked.view.outcome)), names(&|looked| !got_there(looked.view.outcome)));
            let can = [&[region.as_str()], &*can].concat();
            if cannot.is_empty() {
                (VerdictKind::Up, format!("{} it", does(&can, "reaches", "reach")), None)
            } else {
                let message = format!(
                    "{} it, and {}: a way there is broken, not the database",
                    does(&can, "reaches", "reach"),
                    does(&cannot, "does not", "do not")
                );
                (VerdictKind::Path, message, None)
            }
        }
        Own::Down { since } => {
            let counts = |looked: &Looked| looked.at >= since + ON_ITS_WAY;
            let (can, cannot) =
                (names(&|looked| counts(looked) && got_in(looked)), names(&|looked| counts(looked) && !got_in(looked)));
            let late = names(&|looked| !counts(looked));
            if can.is_empty() {
                let cannot = [&[region.as_str()], &*cannot].concat();
                let late =
                    if late.is_empty() { String::new() } else { format!("; {} not looked since", does(&late, "has", "have")) };
                (VerdictKind::Down, format!("{} it{late}", does(&cannot, "does not reach", "do not reach")), None)
            } else {
                let cannot = [&[region.as_str()], &*cannot].concat();
                let who = does(&can, "reaches", "reach");
                let message =
                    format!("{who} it, and {}: a way there is broken, not the database", does(&cannot, "does not", "do not"));
                (VerdictKind::Path, message, Some(format!("{who} it: a way there is broken, not the database")))
            }
        }
        Own::Silent { is_blind } => {
            let (can, cannot) = (names(&got_in), names(&|looked| !got_in(looked)));
            let said = [(can, "reaches it", "reach it"), (cannot, "does not reach it", "do not reach it")];
            let said: Vec<String> =
                said.iter().filter(|(names, ..)| !names.is_empty()).map(|(names, one, many)| does(names, one, many)).collect();
            let how = if is_blind { "is silent" } else { "does not report it" };
            (VerdictKind::Blind, format!("its own region {region} {how}; {}", said.join(", and ")), None)
        }
    };
    let views = looked.iter().map(|looked| looked.view.clone()).collect();
    Some(Judged { verdict: Verdict { kind, message }, views, soften })
}

/// Makes a reason less urgent for which somebody else gets in, and says who.
pub(super) fn soften(reason: &mut Reason, who: &str) {
    if is_down(reason.rule) {
        reason.severity = reason.severity.min(Severity::High);
        reason.message = format!("{}; {who}", reason.message);
    }
}

/// Adds to a silent region's reason what others see of its databases; when they reach none of them, it is more than silence.
pub(super) fn add_sights(reason: &mut Reason, views: &Views, silent_since: Instant) {
    #[derive(Default)]
    struct Sight {
        all: usize,
        looked: usize,
        reached: usize,
    }
    let mut sights: BTreeMap<&RegionName, Sight> = BTreeMap::new();
    for (from, looked) in views.0.values().flatten() {
        let sight = sights.entry(from).or_default();
        let counts = looked.at >= silent_since + ON_ITS_WAY;
        sight.all += 1;
        sight.looked += usize::from(counts);
        sight.reached += usize::from(counts && looked.view.outcome == Outcome::Ok);
    }
    let says = |(from, sight): (&&RegionName, &Sight)| match (sight.looked, sight.reached) {
        (0, _) => None,
        (looked, 0) if looked < sight.all => None,
        (_, 0) => Some(format!("{from} reaches none of the {} that it looks at", databases(sight.all))),
        (_, reached) => Some(format!("{from} still reaches {reached} of the {} that it looks at", databases(sight.all))),
    };
    let said: Vec<String> = sights.iter().filter_map(says).collect();
    if said.is_empty() {
        return;
    }
    reason.message = format!("{}; {}", reason.message, said.join(", and "));
    if sights.values().all(|sight| sight.looked == sight.all && sight.reached == 0) {
        reason.severity = Severity::Critical;
    }
}

fn databases(count: usize) -> String {
    if count == 1 { "1 database".to_owned() } else { format!("{count} databases") }
}

/// "a and b reach".
fn does(names: &[&str], one: &str, many: &str) -> String {
    match names {
        [] => String::new(),
        [name] => format!("{name} {one}"),
        [first @ .., last] => format!("{} and {last} {many}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
