//! The dead man's switch: a URL is called while all is well. Whoever answers there (Healthchecks and its like) tells people when the calls
//! stop, so that Isobar's own death is noticed, and so is a life in which it could see or tell nothing.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use super::{Now, Settings, bucket::later};
use crate::model::{Timestamp, world::World};

/// A call that takes longer has failed; the next one is not far.
const LONGEST: Duration = Duration::from_secs(8);

/// See the module.
#[derive(Debug)]
pub struct Heartbeat {
    url: Option<SecretString>,
    every: Duration,
    due: Timestamp,
    client: Option<reqwest::Client>,
    trouble: Option<String>,
}

impl Heartbeat {
    /// One that beats for the first time after a moment: not before anything was seen.
    pub fn new(settings: &Settings, now: Now) -> Self {
        let (url, every) = (settings.heartbeat_url.clone(), settings.heartbeat_every);
        let due = later(now.steady, World::KEPT_WITHIN.min(every));
        Self { url, every, due, client: None, trouble: None }
    }

    /// Other settings from now on.
    pub fn change(&mut self, settings: &Settings, now: Now) {
        self.url.clone_from(&settings.heartbeat_url);
        self.every = settings.heartbeat_every;
        self.due = self.due.min(later(now.steady, self.every));
    }

    /// Beats when it is time, unless there is trouble.
    pub fn turn(&mut self, now: Now, io: &Handle, trouble: impl FnOnce() -> Option<String>) {
        let Some(url) = self.url.as_ref().filter(|_| self.due <= now.steady) else { return };
        self.due = later(now.steady, self.every);
        let trouble = trouble();
        match (&self.trouble, &trouble) {
            (None, Some(why)) => tracing::warn!(why, "the heartbeat is held back"),
            (Some(_), None) => tracing::info!("the heartbeat goes on"),
            _ => {}
        }
        self.trouble = trouble;
        if self.trouble.is_some() {
            return;
        }
        let client = match &self.client {
            Some(client) => client.clone(),
            None => match reqwest::Client::builder().timeout(LONGEST).build() {
                Ok(client) => self.client.insert(client).clone(),
                Err(error) => return tracing::warn!(error = %error.without_url(), "the heartbeat cannot be sent"),
            },
        };
        let request = client.get(url.expose_secret());
        io.spawn(async move {
            match request.send().await.and_then(reqwest::Response::error_for_status) {
                Ok(_) => tracing::debug!("heartbeat"),
                Err(error) => tracing::warn!(error = %error.without_url(), "the heartbeat was not taken"),
            }
        });
    }
}
