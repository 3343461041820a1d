//! One target's view of the snapshots: pure, with the memory that a single snapshot lacks.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{Backend, Snapshot, State, count};
use crate::model::activity::{Activity, Holder, QueryActivity, Server, Session, States, WaitCount};

/// Over which active sessions are averaged.
const WINDOW: Duration = Duration::from_secs(1);

/// What one snapshot adds to the averages.
#[derive(Debug)]
struct Active {
    at: Instant,
    waits: HashMap<(String, String), u32>,
    queries: HashMap<Option<i64>, u32>,
    sessions: u32,
}

/// The windows of one target.
#[derive(Debug, Default)]
pub struct View {
    active: VecDeque<Active>,
    /// Sessions that have been seen waiting for a lock without pause.
    waiting: HashMap<i32, Wait>,
}

/// A wait for a lock. A session that waits at every look, but in another statement each time, has not waited since the first.
#[derive(Debug, Clone, Copy)]
struct Wait {
    since: Instant,
    statement_began: Option<SystemTime>,
}

impl View {
    /// The sessions of one database, with the windows of this and the previous snapshots.
    pub fn see(&mut self, now: Instant, snapshot: &Snapshot, database: &str, server: Server) -> Activity {
        let backends = snapshot.databases.get(database).map_or(&[][..], Vec::as_slice);
        self.remember(now, backends);
        let mut states = States::default();
        for backend in backends {
            count(&mut states, backend);
        }
        let mut sessions: Vec<Session> = backends.iter().filter(|backend| backend.pid != 0).map(session).collect();
        sessions.sort_by(|a, b| age(b).total_cmp(&age(a)));
        let left_out = sessions.len().saturating_sub(Activity::MOST_SESSIONS);
        sessions.truncate(Activity::MOST_SESSIONS);
        let oldest = |of: &dyn Fn(&Backend) -> Option<f64>| backends.iter().filter_map(of).reduce(f64::max);
        Activity {
            server: Server { client_backends: snapshot.client_backends, ..server },
            states,
            average_active_sessions: self.mean(|active| active.sessions),
            waits: self.waits(),
            running: self.running(),
            holders: holders(backends),
            sessions,
            sessions_left_out: left_out as u32,
            blocked: self.waiting.len() as u32,
            longest_blocked_ms: self
                .waiting
                .values()
                .map(|wait| millis(now.saturating_duration_since(wait.since)))
                .reduce(f64::max),
            oldest_transaction_ms: oldest(&|backend| backend.transaction_ms),
            oldest_idle_in_transaction_ms: oldest(&|backend| {
                backend.state.filter(|state| state.is_idle_in_transaction()).and(backend.state_ms)
            }),
        }
    }

    /// Forgets everything: the sessions could not be seen for a while.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn remember(&mut self, now: Instant, backends: &[Backend]) {
        let waits = backends.iter().filter(|backend| backend.waits_for_lock()).map(|backend| {
            // By the server's clock: an age is as inexact as the way is slow, and a way that slows down would begin the wait anew.
            let statement_began = backend.waiting_statement;
            let same = |wait: &&Wait| wait.statement_began == statement_began;
            let since = self.waiting.get(&backend.pid).filter(same).map_or(now, |wait| wait.since);
            (backend.pid, Wait { since, statement_began })
        });
        self.waiting = waits.collect();
        let mut active = Active { at: now, waits: HashMap::new(), queries: HashMap::new(), sessions: 0 };
        for backend in backends.iter().filter(|backend| backend.state.is_some_and(State::is_active)) {
            active.sessions += 1;
            let kind = backend.wait_event_type.clone().unwrap_or_else(|| "CPU".into());
            *active.waits.entry((kind, backend.wait_event.clone().unwrap_or_default())).or_default() += 1;
            *active.queries.entry(backend.query_id).or_default() += 1;
        }
        self.active.push_back(active);
        while self.active.front().is_some_and(|oldest| now.saturating_duration_since(oldest.at) >= WINDOW) {
            self.active.pop_front();
        }
    }

    fn mean(&self, of: impl Fn(&Active) -> u32) -> f64 {
        let sum: u32 = self.active.iter().map(of).sum();
        f64::from(sum) / self.active.len().max(1) as f64
    }

    fn waits(&self) -> Vec<WaitCount> {
        let keys: HashSet<_> = self.active.iter().flat_map(|active| active.waits.keys()).collect();
        let mut waits: Vec<_> = keys
            .into_iter()
            .map(|key| WaitCount {
                wait_event_type: key.0.clone(),
                wait_event: key.1.clone(),
                sessions: self.mean(|active| active.waits.get(key).copied().unwrap_or_default()),
            })
            .collect();
        waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions).then_with(|| a.wait_event.cmp(&b.wait_event)));
        waits
    }

    fn running(&self) -> Vec<QueryActivity> {
        let keys: HashSet<_> = self.active.iter().flat_map(|active| active.queries.keys().copied()).collect();
        let mut running: Vec<_> = keys
            .into_iter()
            .map(|key| QueryActivity {
                query_id: key.map(|id| id.to_string()),
                sessions: self.mean(|active| active.queries.get(&key).copied().unwrap_or_default()),
            })
            .collect();
        running.sort_by(|a, b| b.sessions.total_cmp(&a.sessions).then_with(|| a.query_id.cmp(&b.query_id)));
        running
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn age(session: &Session) -> f64 {
    session.transaction_ms.or(session.query_ms).unwrap_or_default()
}

fn session(backend: &Backend) -> Session {
    Session {
        pid: backend.pid,
        user: backend.user.to_string(),
        application: backend.application.to_string(),
        state: backend.state.map_or("hidden", State::as_str).to_owned(),
        wait_event_type: backend.wait_event_type.clone(),
        wait_event: backend.wait_event.clone(),
        query_id: backend.query_id.map(|id| id.to_string()),
        transaction_ms: backend.transaction_ms,
        query_ms: backend.query_ms,
        state_ms: backend.state_ms,
        blocked_by: backend.blocked_by.clone(),
    }
}

fn holders(backends: &[Backend]) -> Vec<Holder> {
    let mut holders: HashMap<(&Arc<str>, &Arc<str>), Holder> = HashMap::new();
    for backend in backends {
        let holder = holders.entry((&backend.application, &backend.user)).or_insert_with(|| Holder {
            application: backend.application.to_string(),
            user: backend.user.to_string(),
            states: States::default(),
            oldest_transaction_ms: None,
        });
        count(&mut holder.states, backend);
        holder.oldest_transaction_ms =
            [holder.oldest_transaction_ms, backend.transaction_ms].into_iter().flatten().reduce(f64::max);
    }
    let mut holders: Vec<_> = holders.into_values().collect();
    holders.sort_by(|a, b| b.states.total.cmp(&a.states.total).then_with(|| a.application.cmp(&b.application)));
    holders.truncate(Activity::MOST_HOLDERS);
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(pid: i32, state: State, wait: Option<(&str, &str)>) -> Backend {
        Backend {
            pid,
            application: "shop".into(),
            user: "app".into(),
            state: Some(state),
            wait_event_type: wait.map(|wait| wait.0.into()),
            wait_event: wait.map(|wait| wait.1.into()),
            state_ms: Some(f64::from(pid)),
            count: 1,
            ..Backend::default()
        }
    }

    fn snapshot(backends: Vec<Backend>) -> Snapshot {
        Snapshot { client_backends: 9, databases: HashMap::from([("shop".into(), backends)]), ..Snapshot::default() }
    }

    #[test]
    fn idle_groups_count_as_many_sessions_but_are_not_listed() {
        let idle = Backend { count: 40, pid: 0, ..backend(0, State::Idle, None) };
        let seen = View::default().see(
            crate::clock::now(),
            &snapshot(vec![idle, backend(7, State::Active, None), backend(8, State::IdleInTransaction, None)]),
            "shop",
            Server::default(),
        );
        assert_eq!(seen.states, States { total: 42, active: 1, idle: 40, idle_in_transaction: 1, hidden: 0 });
        assert_eq!(seen.sessions.len(), 2);
        assert_eq!(seen.holders[0].states.total, 42);
        assert_eq!(seen.oldest_idle_in_transaction_ms, Some(8.0));
        assert_eq!(seen.server.client_backends, 9);
    }

    #[test]
    fn active_sessions_are_averaged_over_the_last_second_only() {
        let mut view = View::default();
        let start = crate::clock::now();
        let mut see = |ms, backends| view.see(start + Duration::from_millis(ms), &snapshot(backends), "shop", Server::default());
        see(0, vec![backend(1, State::Active, None); 8]);
        see(250, vec![backend(1, State::Active, Some(("Lock", "tuple")))]);
        see(500, vec![]);
        let seen = see(750, vec![backend(1, State::Active, None)]);
        assert!((seen.average_active_sessions - 10.0 / 4.0).abs() < 1e-9);
        assert_eq!(seen.waits[0].wait_event_type, "CPU");
        let seen = see(1_000, vec![]);
        assert!((seen.average_active_sessions - 2.0 / 4.0).abs() < 1e-9, "the first snapshot left the window");
    }

    #[test]
    fn a_lock_wait_ages_from_when_it_was_first_seen_and_ends_with_the_wait() {
        let mut view = View::default();
        let start = crate::clock::now();
        let mut see = |ms, backends| view.see(start + Duration::from_millis(ms), &snapshot(backends), "shop", Server::default());
        let waits = |began: u64, ran: f64| Backend {
            query_ms: Some(ran),
            waiting_statement: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(began)),
            ..backend(5, State::Active, Some(("Lock", "transactionid")))
        };
        assert_eq!(see(0, vec![waits(1, 100.0)]).blocked, 1);
        assert_eq!(see(3_000, vec![waits(1, 3_100.0)]).longest_blocked_ms, Some(3_000.0));
        assert_eq!(see(3_200, vec![waits(1, 1_900.0)]).longest_blocked_ms, Some(3_200.0), "the answer took its time");
        assert_eq!(see(3_250, vec![backend(5, State::Active, None)]).longest_blocked_ms, None);
        assert_eq!(see(3_500, vec![waits(1, 3_600.0)]).longest_blocked_ms, Some(0.0));
        assert_eq!(see(6_500, vec![waits(2, 20.0)]).longest_blocked_ms, Some(0.0), "another statement, another wait");
    }
}
