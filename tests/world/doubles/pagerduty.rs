//! PagerDuty's Events API v2: the routing key, required fields and sizes; a trigger opens an incident or adds to the open one, after a
//! resolve it opens a new one, and an end of what is not open is dropped without a word.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    http::{Answer, Refusal, Request, Server},
    log::Log,
};

/// An incident as the person on call sees it.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) key: String,
    pub(crate) summary: String,
    pub(crate) severity: String,
    /// `triggered`, `acknowledged` or `resolved`.
    pub(crate) state: &'static str,
    /// Triggers it got.
    pub(crate) triggers: usize,
}

pub(crate) struct Pagerduty {
    server: Server,
    events: Log<Value>,
    incidents: Log<Incident>,
}

impl Pagerduty {
    pub(crate) const ROUTING_KEY: &str = "R0double7xkq2m4n8p6s1t3v5w9y0z2a";

    pub(crate) fn start() -> Self {
        let (events, incidents) = (Log::new(), Log::new());
        let (taken, open) = (events.clone(), incidents.clone());
        let turn = Arc::new(std::sync::Mutex::new(()));
        let server = Server::start(move |request| {
            let _turn = turn.lock();
            answer(request, &taken, &open)
        });
        Self { server, events, incidents }
    }

    pub(crate) fn events_url(&self) -> String {
        self.server.url("/v2/enqueue")
    }

    /// Every event that was taken.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.events.all()
    }

    /// Every incident, open or not.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        self.incidents.all()
    }

    #[track_caller]
    pub(crate) fn expect(&self, events: usize, within: Duration) -> Vec<Value> {
        self.events.expect(events, within)
    }

    #[track_caller]
    pub(crate) fn stays(&self, events: usize, during: Duration) {
        self.events.stays(events, during);
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }
}

fn wrong(what: &str) -> Answer {
    Answer::json(400, &json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [what] }))
}

fn answer(request: &Request, events: &Log<Value>, incidents: &Log<Incident>) -> Answer {
    if request.method != "POST" || request.path != "/v2/enqueue" {
        return Answer::new(404, "");
    }
    if request.body.len() > 512 * 1024 {
        return Answer::new(413, "");
    }
    let Some(event) = request.json() else { return wrong("not JSON") };
    if event["routing_key"] != Pagerduty::ROUTING_KEY {
        return wrong("'routing_key' is invalid");
    }
    let text = |at: &str| event.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let (action, key) = (text("/event_action"), text("/dedup_key"));
    if !matches!(action, "trigger" | "acknowledge" | "resolve") {
        return wrong("'event_action' is invalid");
    }
    if key.len() > 255 || (key.is_empty() && action != "trigger") {
        return wrong("'dedup_key' is missing or too long");
    }
    let summary = text("/payload/summary");
    if action == "trigger" {
        let length = summary.chars().count();
        if !(1..=1_024).contains(&length) || text("/payload/source").is_empty() {
            return wrong("'payload' lacks a summary or source");
        }
        if !matches!(text("/payload/severity"), "critical" | "error" | "warning" | "info") {
            return wrong("'payload.severity' is invalid");
        }
        let links = event["links"].as_array();
        if links.is_some_and(|links| links.iter().any(|link| link["href"].as_str().is_none_or(|href| !href.contains("://")))) {
            return wrong("'links' is invalid");
        }
    }
    incidents.change(|all| {
        let open = all.iter_mut().rfind(|incident| incident.key == key && incident.state != "resolved");
        match (action, open) {
            ("trigger", Some(open)) => {
                (open.summary, open.severity) = (summary.into(), text("/payload/severity").into());
                open.triggers += 1;
            }
            ("trigger", None) => {
                let severity = text("/payload/severity").into();
                all.push(Incident { key: key.into(), summary: summary.into(), severity, state: "triggered", triggers: 1 });
            }
            ("acknowledge", Some(open)) => open.state = "acknowledged",
            ("resolve", Some(open)) => open.state = "resolved",
            _ => {} // late: dropped
        }
    });
    let answer = Answer::json(202, &json!({ "status": "success", "message": "Event processed", "dedup_key": key }));
    events.push(event);
    answer
}
