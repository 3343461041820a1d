//! Pages of metrics: Supabase's of a project, behind basic auth, and Supavisor's, behind a token whose signature, `exp` and `typ` it checks
//! (403 without a word otherwise). What they say changes only with each refresh. They allow so many questions a minute, and lie on demand.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    http::{Answer, Request, Server},
    log::Log,
};

/// What a page that lies says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lie {
    /// A page for people.
    Html,
    /// A hundred megabytes, in their right form.
    Endless,
    /// The body never ends.
    Hang,
    /// It says that it is packed, and is not.
    Gzip,
    /// No figure is a number.
    Nothing,
    /// 500.
    Trouble,
}

struct State {
    /// How it authorizes.
    basic: bool,
    refresh: Duration,
    limit: usize,
    write: Box<dyn FnMut(u64) -> String + Send>,
    /// When it was written, for which time, and what.
    shown: Option<(Instant, u64, String)>,
    lie: Option<Lie>,
    failed_checks: Vec<String>,
}

pub(crate) struct Pages {
    server: Server,
    log: Log<String>,
    state: Arc<Mutex<State>>,
}

impl Pages {
    pub(crate) const KEY: &str = "sb_secret_S3CRETS3CRET";
    pub(crate) const JWT_SECRET: &str = "metrics-S3CRET-of-supavisor";

    /// A project's, written anew so often.
    pub(crate) fn supabase(refresh: Duration, write: impl FnMut(u64) -> String + Send + 'static) -> Self {
        Self::start(true, refresh, usize::MAX, Box::new(write))
    }

    /// The same, that answers so many questions in all.
    pub(crate) fn limited_to(limit: usize, write: impl FnMut(u64) -> String + Send + 'static) -> Self {
        Self::start(true, Duration::ZERO, limit, Box::new(write))
    }

    /// A Supavisor's.
    pub(crate) fn supavisor(refresh: Duration, write: impl FnMut(u64) -> String + Send + 'static) -> Self {
        Self::start(false, refresh, usize::MAX, Box::new(write))
    }

    fn start(basic: bool, refresh: Duration, limit: usize, write: Box<dyn FnMut(u64) -> String + Send>) -> Self {
        let state = State { basic, refresh, limit, write, shown: None, lie: None, failed_checks: Vec::new() };
        let (state, log) = (Arc::new(Mutex::new(state)), Log::new());
        let (kept, taken) = (Arc::clone(&state), log.clone());
        let server = Server::start(move |request| {
            if request.path != "/api/health" {
                taken.push(request.path.clone());
            }
            let asked = taken.all().len();
            kept.lock().unwrap_or_else(PoisonError::into_inner).answer(request, asked)
        });
        Self { server, log, state }
    }

    /// What `metrics_url` is for.
    pub(crate) fn url(&self) -> String {
        self.server.url("")
    }

    /// From now on it lies like that, or not any more.
    pub(crate) fn lie(&self, lie: Option<Lie>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lie = lie;
    }

    /// From now on its own health check finds that.
    pub(crate) fn fail_check(&self, check: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed_checks.push(check.to_owned());
    }

    /// The paths that were asked for, refused ones too.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.all()
    }
}

impl State {
    fn answer(&mut self, request: &Request, asked: usize) -> Answer {
        let path = request.path.as_str();
        if !self.basic && path == "/api/health" {
            return match self.failed_checks.as_slice() {
                [] => Answer::new(204, ""),
                failed => Answer::json(503, &json!({ "status": "unhealthy", "timestamp": "now", "failed_checks": failed })),
            };
        }
        if asked > self.limit {
            return Answer::new(429, "");
        }
        let known = if self.basic { path == "/customer/v1/privileged/metrics" } else { path.starts_with("/metrics") };
        if !known {
            return Answer::new(404, "");
        }
        let header = request.header("authorization").unwrap_or_default();
        if self.basic {
            let expected = BASE64_STANDARD.encode(format!("service_role:{}", Pages::KEY));
            if header != format!("Basic {expected}") {
                return Answer::new(401, "{\"message\":\"Unauthorized\"}");
            }
        } else if !header.strip_prefix("Bearer ").is_some_and(is_valid) {
            return Answer::new(403, "");
        }
        match self.lie {
            None => Answer::new(200, self.text()).with("content-type", "text/plain; version=0.0.4"),
            Some(Lie::Html) => Answer::new(200, "<!doctype html><html><p>up 1</p></html>").with("content-type", "text/html"),
            Some(Lie::Endless) => Answer::new(200, "node_memory_MemTotal_bytes{a=\"b\"} 1\n".repeat(100 << 20 >> 5)),
            Some(Lie::Hang) => Answer::new(200, self.text()).hanging(),
            Some(Lie::Gzip) => Answer::new(200, self.text()).with("content-encoding", "gzip"),
            Some(Lie::Nothing) => Answer::new(200, nothing(&self.text())),
            Some(Lie::Trouble) => Answer::new(500, "oops"),
        }
    }

    /// Written once for each refresh.
    fn text(&mut self) -> String {
        let next = match &self.shown {
            Some((at, _, text)) if at.elapsed() < self.refresh => return text.clone(),
            Some((_, times, _)) => times + 1,
            None => 0,
        };
        let text = (self.write)(next);
        self.shown = Some((Instant::now(), next, text.clone()));
        text
    }
}

fn nothing(text: &str) -> String {
    text.lines().map(|line| format!("{} NaN\n", line.rsplit_once(' ').map_or(line, |(series, _)| series))).collect()
}

fn is_valid(token: &str) -> bool {
    let Some((said, signature)) = token.rsplit_once('.') else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(Pages::JWT_SECRET.as_bytes()) else { return false };
    mac.update(said.as_bytes());
    let signed = BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok());
    let part = |nth: usize| -> Option<Value> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(said.split('.').nth(nth)?).ok()?).ok()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let typed = part(0).is_some_and(|header| header["typ"] == "JWT" && header["alg"] == "HS256");
    signed && typed && part(1).and_then(|claims| claims["exp"].as_u64()).is_some_and(|exp| exp > now && exp < now + 600)
}
