//! Alertmanager's API v2: an alert is its labels; it ends when it says so, or five minutes after it was last sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    http::{Answer, Refusal, Request, Server},
    log::Log,
};

/// One alert of one call.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
}

pub(crate) struct Alertmanager {
    server: Server,
    log: Log<Posted>,
    alerts: Arc<Mutex<BTreeMap<BTreeMap<String, String>, Posted>>>,
}

impl Alertmanager {
    pub(crate) const TOKEN: &str = "alertmanager-bearer-secret";

    /// With a token, only who has it is answered.
    pub(crate) fn start(token: Option<&'static str>) -> Self {
        let (log, alerts) = (Log::new(), Arc::default());
        let (seen, known) = (log.clone(), Arc::clone(&alerts));
        let server = Server::start(move |request| answer(request, token, &seen, &known));
        Self { server, log, alerts }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("/am-path-prefix-secret")
    }

    /// Everything that was sent, in order.
    pub(crate) fn messages(&self) -> Vec<Posted> {
        self.log.all()
    }

    /// What fires at this moment.
    pub(crate) fn firing(&self, at: DateTime<Utc>) -> Vec<Posted> {
        self.alerts.lock().expect("alerts").values().filter(|alert| alert.ends_at > at).cloned().collect()
    }

    #[track_caller]
    pub(crate) fn expect(&self, alerts: usize, within: Duration) -> Vec<Posted> {
        self.log.expect(alerts, within)
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }
}

fn answer(
    request: &Request,
    token: Option<&str>,
    log: &Log<Posted>,
    alerts: &Mutex<BTreeMap<BTreeMap<String, String>, Posted>>,
) -> Answer {
    if token.is_some_and(|token| !request.is_authorized(token)) {
        return Answer::new(401, "Unauthorized");
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/am-path-prefix-secret/api/v2/status") => Answer::json(200, &json!({ "cluster": { "status": "ready" } })),
        ("POST", "/am-path-prefix-secret/api/v2/alerts") => {
            let Some(Value::Array(all)) = request.json() else { return Answer::new(400, "\"parsing body failed\"") };
            let read: Vec<Option<Posted>> = all.iter().map(posted).collect();
            let is_good = read.iter().all(Option::is_some);
            for alert in read.into_iter().flatten() {
                alerts.lock().expect("alerts").insert(alert.labels.clone(), alert.clone());
                log.push(alert);
            }
            if is_good { Answer::new(200, "") } else { Answer::new(400, "\"invalid alert\"") }
        }
        _ => Answer::new(404, "404 page not found"),
    }
}

fn posted(alert: &Value) -> Option<Posted> {
    let texts = |key: &str| -> Option<BTreeMap<String, String>> {
        let of = |(name, text): (&String, &Value)| Some((name.clone(), text.as_str()?.to_owned()));
        alert[key].as_object().map_or(Some(BTreeMap::new()), |all| all.iter().map(of).collect())
    };
    let time = |key: &str| DateTime::parse_from_rfc3339(alert[key].as_str()?).ok().map(|at| at.to_utc());
    let (labels, annotations) = (texts("labels")?, texts("annotations")?);
    let is_name = |name: &String| {
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
    };
    let now = Utc::now();
    let starts_at = time("startsAt").unwrap_or(now);
    let ends_at = time("endsAt").unwrap_or_else(|| now + Duration::from_mins(5));
    let is_good = !labels.is_empty() && labels.keys().chain(annotations.keys()).all(is_name) && starts_at <= ends_at;
    is_good.then_some(Posted { labels, annotations, starts_at, ends_at })
}
