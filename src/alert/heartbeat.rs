//! The dead man's switch: a URL is called while all is well. Whoever answers there (Healthchecks and its like) tells people when the calls
//! stop, so that Isobar's own death is noticed, and so is a life in which it could see or tell nothing.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use super::{Now, Settings};
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
        let due = now.steady.after(World::KEPT_WITHIN.min(every));
        Self { url, every, due, client: None, trouble: None }
    }

    /// Other settings from now on.
    pub fn change(&mut self, settings: &Settings, now: Now) {
        self.url.clone_from(&settings.heartbeat_url);
        self.every = settings.heartbeat_every;
        self.due = self.due.min(now.steady.after(self.every));
    }

    /// Beats when it is time, unless there is trouble.
    pub fn turn(&mut self, now: Now, io: &Handle, trouble: impl FnOnce() -> Option<String>) {
        let Some(url) = self.url.as_ref().filter(|_| self.due <= now.steady) else { return };
        self.due = now.steady.after(self.every);
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    fn at(seconds: i64) -> Now {
        let at = Timestamp(chrono::DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("a moment"));
        Now { steady: at, wall: at }
    }

    #[test]
    fn it_beats_at_its_pace_while_all_is_well_and_not_otherwise() {
        crate::crypto::install();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/ping/S3CRET", listener.local_addr().expect("an address"));
        let (sender, beats) = mpsc::channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = [0; 1024];
                let read = stream.read(&mut head).unwrap_or(0);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _ = sender.send(String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned());
            }
        });
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let settings = Settings { heartbeat_url: Some(url.into()), ..Settings::default() };
        let mut heart = Heartbeat::new(&settings, at(0));
        let mut beats_at = |seconds: i64, trouble: Option<&str>, wait: u64| {
            heart.turn(at(seconds), io.handle(), || trouble.map(Into::into));
            beats.recv_timeout(Duration::from_millis(wait)).ok()
        };
        assert_eq!(beats_at(0, None, 50), None, "nothing was seen yet");
        assert_eq!(beats_at(5, None, 5_000).as_deref(), Some("GET /ping/S3CRET HTTP/1.1"));
        assert_eq!(beats_at(64, None, 50), None, "once a minute");
        assert_eq!(beats_at(65, Some("region r is blind"), 50), None);
        assert!(beats_at(125, None, 5_000).is_some());
        assert!(!format!("{heart:?}").contains("S3CRET"));
    }
}
