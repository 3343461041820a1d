//! One project's asker, shared by all targets of the project: whoever asks first asks the provider, the others share the answer.

use std::time::Instant;

use super::{Project, answer::missing, client::Asker, pace::Pace};
use crate::{
    clock,
    model::{sample::Missing, vitals::Service},
};

/// See the module.
#[derive(Debug)]
pub struct Office {
    /// What to ask with from the next question on.
    wanted: std::sync::Mutex<Project>,
    inner: tokio::sync::Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    asker: Option<Asker>,
    pace: Pace,
    latest: Option<(Instant, Result<Vec<Service>, Missing>)>,
}

impl Office {
    /// One that has asked nothing yet.
    pub fn new(project: Project) -> Self {
        Self { wanted: std::sync::Mutex::new(project), inner: tokio::sync::Mutex::default() }
    }

    /// Takes another token.
    pub fn ask_with(&self, project: &Project) {
        self.wanted.lock().expect("no panic while held").clone_from(project);
    }

    /// How the project's services are, no older than `newer_than` unless the provider has had enough of us.
    pub async fn services(&self, newer_than: Instant) -> Result<Vec<Service>, Missing> {
        let mut inner = self.inner.lock().await;
        if let Some((_, answer)) = inner.latest.as_ref().filter(|(at, _)| *at >= newer_than) {
            return answer.clone();
        }
        if let Some(left) = inner.pace.wait(clock::now()) {
            let known = inner.latest.as_ref().and_then(|(_, answer)| answer.clone().ok());
            let cause = || format!("the Management API's limit is used up, it is asked again in {} s", left.as_secs() + 1);
            return known.ok_or_else(|| missing(cause(), None));
        }
        let wanted = self.wanted.lock().expect("no panic while held").clone();
        if inner.asker.as_ref().is_none_or(|asker| *asker.project() != wanted) {
            inner.asker = Some(Asker::new(wanted)?);
        }
        let heard = match &inner.asker {
            Some(asker) => asker.health().await,
            None => return Err(missing("there is nobody to ask".to_owned(), None)),
        };
        let now = clock::now();
        let answer = heard.and_then(|(said, status, services)| {
            inner.pace.heard(now, status, said);
            services
        });
        // What was known before the limit was used up stays known for as long as that takes.
        let known = inner.latest.as_ref().filter(|_| inner.pace.wait(now).is_some()).and_then(|(_, answer)| answer.clone().ok());
        let answer = answer.or_else(|refused| known.ok_or(refused));
        inner.latest = Some((now, answer.clone()));
        answer
    }
}
