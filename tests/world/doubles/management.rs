//! Supabase's Management API, as far as it is documented: it insists on its token, on well-formed references and parameters, on the rights
//! of the token's owner, and on its limit of questions a minute, of which every answer tells.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    http::{Answer, Request, Server},
    log::Log,
};

const MINUTE: Duration = Duration::from_mins(1);
const KNOWN: [&str; 8] = ["auth", "db", "db_postgres_user", "pooler", "realtime", "rest", "storage", "pg_bouncer"];

struct State {
    /// Questions that a minute allows.
    limit: u32,
    window: Option<(Instant, u32)>,
    projects: Vec<Value>,
    ways: Vec<(String, Value)>,
    unhealthy: Vec<(String, String)>,
}

pub(crate) struct Management {
    server: Server,
    log: Log<String>,
    state: Arc<Mutex<State>>,
}

impl Management {
    /// The only token that it takes.
    pub(crate) const TOKEN: &str = "sbp_0123456789abcdef0123456789abcdef01234567";

    pub(crate) fn start() -> Self {
        Self::limited_to(120)
    }

    /// One that answers so many questions a minute.
    pub(crate) fn limited_to(limit: u32) -> Self {
        let state = State { limit, window: None, projects: vec![], ways: vec![], unhealthy: vec![] };
        let (state, log) = (Arc::new(Mutex::new(state)), Log::new());
        let (kept, taken) = (Arc::clone(&state), log.clone());
        let server = Server::start(move |request| {
            let mut state = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = state.answer(request);
            taken.push(request.path.clone());
            answer
        });
        Self { server, log, state }
    }

    /// What `api_url` is for.
    pub(crate) fn url(&self) -> String {
        self.server.url("")
    }

    /// Adds a project that the token's owner may see, with the ways to its databases.
    pub(crate) fn add(&self, reference: &str, name: &str, ways: &[(&str, &str)]) {
        let way = |(kind, identifier): &(&str, &str)| {
            json!({
                "identifier": identifier, "database_type": kind, "is_using_scram_auth": true, "db_user": format!("postgres.{identifier}"),
                "db_host": "aws-0-eu-central-1.pooler.supabase.com", "db_port": 6543, "db_name": "postgres",
                "connection_string": format!("postgres://postgres.{identifier}:[YOUR-PASSWORD]@aws-0-eu-central-1.pooler.supabase.com:6543/postgres"),
                "default_pool_size": 15, "max_client_conn": 200, "pool_mode": "transaction",
            })
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.projects.push(json!({
            "id": reference, "organization_id": "org", "name": name, "region": "eu-central-1", "created_at": "2026-01-01T00:00:00Z",
            "status": "ACTIVE_HEALTHY", "database": { "host": format!("db.{reference}.supabase.co"), "version": "15.1", "postgres_engine": "15", "release_channel": "ga" },
        }));
        state.ways.push((reference.to_owned(), ways.iter().map(way).collect()));
    }

    /// From now on that service is in trouble.
    pub(crate) fn break_service(&self, service: &str, error: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unhealthy.push((service.to_owned(), error.to_owned()));
    }

    /// The paths that were asked for, refused ones too.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.all()
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let now = Instant::now();
        let (began, asked) = self.window.filter(|(began, _)| now.duration_since(*began) < MINUTE).unwrap_or((now, 0));
        self.window = Some((began, asked + 1));
        let left = self.limit.saturating_sub(asked + 1);
        let reset = (MINUTE.saturating_sub(now.duration_since(began))).as_secs() + 1;
        let answer =
            if asked >= self.limit { problem(429, "ThrottlerException: Too Many Requests") } else { self.route(request) };
        answer
            .with("x-ratelimit-limit", &self.limit.to_string())
            .with("x-ratelimit-remaining", &left.to_string())
            .with("x-ratelimit-reset", &reset.to_string())
    }

    fn route(&self, request: &Request) -> Answer {
        if !request.is_authorized(Management::TOKEN) {
            return problem(401, "Unauthorized");
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["v1", "projects"]) => Answer::json(200, &Value::Array(self.projects.clone())),
            ("GET", ["v1", "projects", reference, rest @ ..]) => match self.find(reference) {
                Err(refusal) => refusal,
                Ok(ways) => match rest {
                    ["health"] => self.health(query),
                    ["config", "database", "pooler"] => Answer::json(200, ways),
                    _ => problem(404, "Cannot GET"),
                },
            },
            _ => problem(404, "Cannot do that"),
        }
    }

    fn find(&self, reference: &str) -> Result<&Value, Answer> {
        if reference.len() != 20 || !reference.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(problem(400, "ref must match ^[a-z]{20}$"));
        }
        let found = self.ways.iter().find(|(known, _)| known == reference).map(|(_, ways)| ways);
        found.ok_or_else(|| problem(403, "Forbidden resource"))
    }

    fn health(&self, query: &str) -> Answer {
        let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let services: Vec<_> =
            pairs.iter().filter(|(name, _)| *name == "services").flat_map(|(_, list)| list.split(',')).collect();
        let timeout = pairs.iter().find(|(name, _)| *name == "timeout_ms").map(|(_, value)| value.parse::<u32>());
        if services.is_empty() || services.iter().any(|service| !KNOWN.contains(service)) {
            return problem(400, "services must be some of the known ones");
        }
        if timeout.is_some_and(|timeout| timeout.is_err() || timeout.is_ok_and(|timeout| timeout > 10_000)) {
            return problem(400, "timeout_ms must be from 0 to 10000");
        }
        let one = |service: &&str| match self.unhealthy.iter().find(|(broken, _)| broken == service) {
            None => json!({ "name": service, "healthy": true, "status": "ACTIVE_HEALTHY" }),
            Some((_, error)) => json!({ "name": service, "healthy": false, "status": "UNHEALTHY", "error": error }),
        };
        Answer::json(200, &services.iter().map(one).collect())
    }
}

fn problem(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}
