//! Tinybird's Events API: the token must have the scope, the data source must be there, the bytes must be NDJSON, and each row must fit the
//! schema that `deploy/tinybird` gives to Tinybird; a row that does not is put aside and counted. It takes 100 requests in a second, of 10 MB each.
//! It can be away: refuse connections, answer 503, or hang. It notes who comes though he was told to wait.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Refusal,
    http::{Answer, Request, Server},
    log::Log,
};

const SCHEMA: &str = include_str!("../../../deploy/tinybird/datasources/database_health_metrics.datasource");
/// Of a data source, within a second.
const MOST_REQUESTS: usize = 100;
const LARGEST: usize = 10_000_000;

/// A request that came, with how it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// How it is from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// 503 with Retry-After in seconds.
    Away(u64),
    /// 429 for so many milliseconds from the first request on, with Retry-After in whole seconds or X-RateLimit-Reset alone.
    Busy {
        until: Option<Instant>,
        seconds: u64,
        by_reset: bool,
    },
    /// Of another region.
    Elsewhere,
    /// 413 above so many bytes.
    Small(usize),
    /// 422: a materialized view fails.
    Broken,
}

struct State {
    rows: Log<Value>,
    quarantine: Log<Value>,
    batches: Log<Batch>,
    mood: Mutex<Mood>,
    recent: Mutex<VecDeque<Instant>>,
    /// Who came before he was allowed to.
    too_soon: AtomicUsize,
    refused: AtomicUsize,
}

pub(crate) struct Tinybird {
    server: Server,
    state: Arc<State>,
}

impl Tinybird {
    /// The only token that may append.
    pub(crate) const TOKEN: &str = "p.append-token-secret";
    /// One that may read only.
    pub(crate) const READER: &str = "p.reader-token-secret";

    pub(crate) fn start() -> Self {
        let state = Arc::new(State {
            rows: Log::new(),
            quarantine: Log::new(),
            batches: Log::new(),
            mood: Mutex::new(Mood::Well),
            recent: Mutex::default(),
            too_soon: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        let seen = Arc::clone(&state);
        let server = Server::start(move |request| {
            let answer = seen.answer(request);
            answer.unwrap_or_else(|refusal| {
                seen.refused.fetch_add(1, Ordering::Relaxed);
                refusal
            })
        });
        Self { server, state }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("")
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }

    pub(crate) fn is_now(&self, mood: Mood) {
        *self.state.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// The rows that are there, in the order in which they came.
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.state.rows.all()
    }

    /// The rows that did not fit.
    pub(crate) fn quarantine(&self) -> Vec<Value> {
        self.state.quarantine.all()
    }

    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.state.batches.all()
    }

    /// Requests that came before they were allowed to.
    pub(crate) fn too_soon(&self) -> usize {
        self.state.too_soon.load(Ordering::Relaxed)
    }

    /// Requests that were refused.
    pub(crate) fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }
}

fn refuse(status: u16, why: &str) -> Answer {
    Answer::json(status, &json!({ "error": why, "documentation": "https://docs.tinybird.co" }))
}

impl State {
    fn answer(&self, request: &Request) -> Result<Answer, Answer> {
        let now = Instant::now();
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if path != "/v0/events" || request.method != "POST" {
            return Err(refuse(404, "no such resource"));
        }
        if request.is_authorized(Tinybird::READER) {
            return Err(refuse(403, &format!("{} lacks DATASOURCE:APPEND", Tinybird::READER)));
        }
        let mut mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        if let Mood::Busy { until, seconds, by_reset } = &mut *mood {
            let end = *until.get_or_insert_with(|| {
                // The first is the one that is told.
                now + Duration::from_secs(*seconds)
            });
            let is_told = end == now + Duration::from_secs(*seconds);
            if !is_told {
                self.too_soon.fetch_add(usize::from(now < end), Ordering::Relaxed);
            }
            if now < end {
                let (name, left) = if *by_reset { ("x-ratelimit-reset", *seconds) } else { ("retry-after", *seconds) };
                let limits = refuse(429, "too many requests").with("x-ratelimit-limit", "100").with("x-ratelimit-remaining", "0");
                return Err(limits.with(name, &left.to_string()));
            }
            *mood = Mood::Well;
        }
        let largest = if let Mood::Small(bytes) = *mood { bytes } else { LARGEST };
        match *mood {
            Mood::Elsewhere => return Err(refuse(404, "workspace not found in this region")),
            Mood::Away(seconds) => return Err(refuse(503, "unavailable").with("retry-after", &seconds.to_string())),
            _ => {}
        }
        if !request.is_authorized(Tinybird::TOKEN) {
            return Err(refuse(403, "invalid authentication token"));
        }
        let name = query.split('&').find_map(|pair| pair.strip_prefix("name="));
        if name != Some("database_health_metrics") {
            return Err(refuse(404, "data source not found"));
        }
        if request.header("content-type") != Some("application/x-ndjson") || request.header("content-encoding") != Some("gzip") {
            return Err(refuse(400, "NDJSON in gzip only"));
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|at| at.elapsed() < Duration::from_secs(1));
        if recent.len() >= MOST_REQUESTS {
            return Err(refuse(429, "too many requests").with("retry-after", "1"));
        }
        recent.push_back(now);
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut bytes).map_err(|_| refuse(400, "no gzip"))?;
        if bytes.len() > largest {
            return Err(refuse(413, "too large"));
        }
        let text = String::from_utf8(bytes).map_err(|_| refuse(400, "no UTF-8"))?;
        let rows: Result<Vec<Value>, _> = text.lines().filter(|line| !line.is_empty()).map(serde_json::from_str).collect();
        let rows = rows.map_err(|_| refuse(400, "a line is no JSON"))?;
        let all = rows.len();
        let (good, bad): (Vec<_>, Vec<_>) = rows.into_iter().partition(fits);
        let said = json!({ "successful_rows": good.len(), "quarantined_rows": bad.len() });
        self.rows.change(|kept| kept.extend(good));
        self.quarantine.change(|kept| kept.extend(bad));
        self.batches.push(Batch { rows: all, bytes: text.len() });
        if *mood == Mood::Broken {
            return Err(refuse(422, "the materialized view failed"));
        }
        let is_waited_for = query.split('&').any(|pair| pair == "wait=true");
        Ok(Answer::json(if is_waited_for { 200 } else { 202 }, &said))
    }
}

/// The columns of the data source: their names, types and paths.
fn columns() -> Vec<(&'static str, &'static str, &'static str)> {
    let column = |line: &'static str| {
        let mut parts = line.split('`');
        let (name, kind) = (parts.nth(1)?, parts.next()?.trim());
        Some((name, kind, parts.next()?.strip_prefix("json:$.")?))
    };
    SCHEMA.lines().filter_map(column).collect()
}

/// Whether a row can be stored: each column has a value of its type. What the schema does not know is left out.
fn fits(row: &Value) -> bool {
    let columns = columns();
    assert!(columns.len() > 20, "the schema is read");
    row.is_object() && columns.iter().all(|(_, kind, path)| is_of(row.get(path).unwrap_or(&Value::Null), kind))
}

fn is_of(value: &Value, kind: &str) -> bool {
    let inner = |outer: &str| kind.strip_prefix(outer).and_then(|rest| rest.strip_suffix(')'));
    if let Some(kind) = inner("Nullable(") {
        return value.is_null() || is_of(value, kind);
    }
    if let Some(kind) = inner("LowCardinality(") {
        return is_of(value, kind);
    }
    match kind {
        "String" => value.is_string(),
        "Float64" => value.is_number(),
        "UInt64" => value.as_u64().is_some(),
        "UInt32" => value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
        "UInt16" => value.as_u64().is_some_and(|number| u16::try_from(number).is_ok()),
        "DateTime64(3)" => value
            .as_str()
            .is_some_and(|text| text.len() == 23 && chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f").is_ok()),
        odd => panic!("a type that this double does not know: {odd}"),
    }
}
