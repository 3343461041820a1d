//! A dead man's switch that is called while all is well, and remembers when.

use std::time::{Duration, Instant};

use super::{
    http::{Answer, Server},
    log::Log,
};

pub(crate) struct Heartbeat {
    server: Server,
    log: Log<Instant>,
}

impl Heartbeat {
    pub(crate) fn start() -> Self {
        let log = Log::new();
        let taken = log.clone();
        let server = Server::start(move |request| {
            if request.method != "GET" || request.path != "/ping/heartbeat-path-secret" {
                return Answer::new(404, "");
            }
            taken.push(Instant::now());
            Answer::new(200, "OK")
        });
        Self { server, log }
    }

    /// Where it listens; the path counts as a secret.
    pub(crate) fn url(&self) -> String {
        self.server.url("/ping/heartbeat-path-secret")
    }

    /// When it was called.
    pub(crate) fn beats(&self) -> Vec<Instant> {
        self.log.all()
    }

    #[track_caller]
    pub(crate) fn expect(&self, beats: usize, within: Duration) -> Vec<Instant> {
        self.log.expect(beats, within)
    }
}
