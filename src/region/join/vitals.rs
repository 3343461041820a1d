//! The slow signals of a target as they came last. A stale part is as good as none, as with the fast ones.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Latest,
    applications::Applications,
    disk::{Disk, Paces},
    renew, signal,
};
use crate::{
    model::{
        reading::Body,
        sample::Missing,
        vitals::{ApplicationPool, Errors, Follows, Host, Replication, Role, Service, Upkeep, Upstream, Vitals},
    },
    probe::Sampling,
    region::seen::Signal,
};

/// Providers measure by the minute, and are asked as often.
const PROVIDER_EVERY: Duration = Duration::from_mins(1);
/// Failures change with every transaction; whoever reads them by cause does not mind so little.
const ERRORS_EVERY: Duration = Duration::from_secs(2);

/// The governor may make a lane so much slower from one reading to the next. One that fails says so at once.
const SLOWEST: u32 = 8;

type Part<T> = Option<Latest<Result<T, Missing>>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slow {
    replication: Part<Arc<Replication>>,
    upkeep: Part<Arc<Upkeep>>,
    host: Part<Arc<Host>>,
    disk: Disk,
    services: Part<Vec<Service>>,
    applications: Applications,
    errors: Option<Errors>,
    errors_at: Option<Instant>,
    is_new: bool,
}

impl Slow {
    /// Takes what is its own.
    pub(super) fn take(&mut self, at: Instant, body: &Body, sampling: &Sampling) {
        match body {
            Body::Replication(read) => renew(&mut self.replication, at, sampling.replication * SLOWEST, read.clone()),
            Body::Upkeep(read) => renew(&mut self.upkeep, at, sampling.upkeep * SLOWEST, read.clone()),
            Body::Host(read) => {
                if let Ok(host) = read {
                    self.disk.take(at, host);
                }
                renew(&mut self.host, at, sampling.provider, read.clone());
            }
            Body::Services(read) => renew(&mut self.services, at, PROVIDER_EVERY, read.clone()),
            _ => return,
        }
        self.is_new = true;
    }

    /// Whether it is time to say again what fails.
    pub(super) fn wants_errors(&self, now: Instant) -> bool {
        self.errors_at.is_none_or(|at| now.saturating_duration_since(at) >= ERRORS_EVERY)
    }

    /// What fails; news when it is not the same as before.
    pub(super) fn errors(&mut self, now: Instant, errors: Option<Errors>) {
        if errors.is_some() {
            self.errors_at = Some(now);
        }
        self.is_new |= errors != self.errors;
        self.errors = errors;
    }

    /// Takes what applications told of their pools.
    pub(super) fn tell(&mut self, now: Instant, pools: Vec<ApplicationPool>) {
        self.applications.tell(now, pools);
        self.is_new = true;
    }

    /// All of it, when something came since this was asked.
    pub(super) fn news(&mut self, now: Instant) -> Option<Arc<Vitals>> {
        self.is_new |= self.applications.forget(now);
        std::mem::take(&mut self.is_new).then(|| Arc::new(self.vitals(now)))
    }

    /// It was not delivered.
    pub(super) const fn again(&mut self) {
        self.is_new = true;
    }

    fn vitals(&self, now: Instant) -> Vitals {
        Vitals {
            replication: self.replication(now).fresh().cloned(),
            upkeep: self.upkeep(now).fresh().cloned(),
            host: self.host(now).fresh().cloned(),
            services: self.services(now).fresh().cloned().unwrap_or_default(),
            applications: self.applications(now).fresh().cloned().unwrap_or_default(),
            errors: self.errors.clone(),
        }
    }

    pub(super) fn replication(&self, now: Instant) -> Signal<Arc<Replication>> {
        let host = self.host.as_ref().filter(|latest| latest.is_fresh(now)).and_then(|latest| latest.value.as_ref().ok());
        let Some(follows) = host.and_then(|host| host.follows) else { return signal(self.replication.as_ref(), now, known) };
        match signal(self.replication.as_ref(), now, known) {
            Signal::Fresh(own) => Signal::Fresh(completed(own, follows)),
            Signal::Stale | Signal::Absent => Signal::Fresh(completed(Arc::default(), follows)),
        }
    }

    pub(super) fn upkeep(&self, now: Instant) -> Signal<Arc<Upkeep>> {
        signal(self.upkeep.as_ref(), now, known)
    }

    pub(super) fn host(&self, now: Instant) -> Signal<Arc<Host>> {
        signal(self.host.as_ref(), now, known)
    }

    /// How its disk fills.
    pub(super) const fn paces(&self) -> Paces {
        self.disk.paces()
    }

    pub(super) fn applications(&self, now: Instant) -> Signal<Vec<ApplicationPool>> {
        self.applications.signal(now)
    }

    pub(super) fn services(&self, now: Instant) -> Signal<Vec<Service>> {
        signal(self.services.as_ref(), now, known)
    }

    /// Why parts cannot be known.
    pub(super) fn missing(&self, now: Instant) -> impl Iterator<Item = Missing> {
        let hidden = |replication: &Arc<Replication>| replication.missing.clone();
        let parts = [
            cause(self.replication.as_ref(), now).or_else(|| self.replication(now).fresh().and_then(hidden)),
            cause(self.upkeep.as_ref(), now),
            cause(self.host.as_ref(), now),
            cause(self.services.as_ref(), now),
        ];
        let upkeep = self.upkeep.as_ref().filter(|latest| latest.is_fresh(now)).and_then(|latest| latest.value.as_ref().ok());
        parts.into_iter().flatten().chain(upkeep.into_iter().flat_map(|upkeep| upkeep.missing.clone()))
    }
}

/// What the server does not tell of a replica's lag, its provider may: only that is taken from it, since it comes late.
fn completed(own: Arc<Replication>, follows: Follows) -> Arc<Replication> {
    if own.upstream.as_ref().is_some_and(|upstream| upstream.lag_seconds.is_some()) {
        return own;
    }
    let told = Upstream {
        streaming: follows.connected.unwrap_or_default(),
        paused: follows.paused.unwrap_or_default(),
        ..Upstream::default()
    };
    let upstream = own.upstream.clone().unwrap_or(told);
    let upstream = Upstream { lag_seconds: follows.lag_seconds, ..upstream };
    Arc::new(Replication { role: Role::Replica, upstream: Some(upstream), ..(*own).clone() })
}

fn known<T: Clone>(read: &Result<T, Missing>) -> Option<T> {
    read.as_ref().ok().cloned()
}

fn cause<T>(latest: Option<&Latest<Result<T, Missing>>>, now: Instant) -> Option<Missing> {
    latest.filter(|latest| latest.is_fresh(now)).and_then(|latest| latest.value.as_ref().err()).cloned()
}
