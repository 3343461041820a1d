//! PagerDuty, Events API v2. The deduplication key is the fingerprint, without the episode, so that nodes which cannot hear each other
//! agree on it; a trigger with a known key changes the incident there, after a resolve it opens a new one.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    Channel, Checked, Failure, Nature, Parcel, Receipt,
    http::{self, Http},
    webhook,
};
use crate::{
    alert::message::{Notice, Templates, Worded, compose},
    model::{
        Severity,
        alert::{Alert, AlertEvent},
    },
};

/// Of a summary, characters.
const SUMMARY: usize = 1_024;

/// Of the whole event, bytes: PagerDuty takes 512 KB.
const EVENT: usize = 500_000;

/// Of one text within it, characters.
const TEXT: usize = 4_000;

/// PagerDuty asks for minutes of rest, and seldom says how many.
const REST: Duration = Duration::from_mins(1);

/// One integration.
pub(super) struct Pagerduty {
    http: Http,
    url: Url,
    key: SecretString,
    templates: Templates,
}

impl Pagerduty {
    /// The integration with this key.
    pub(super) fn new(routing_key: &SecretString, events_url: &str, templates: Templates) -> Result<Self, String> {
        let key = routing_key.expose_secret().trim();
        if key.len() != 32 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("`routing_key` is not an integration key of Events API v2: 32 letters and digits".into());
        }
        let url = http::address("events_url", events_url)?;
        let http = Http::new(&[&http::root(&url)], &[routing_key])?;
        Ok(Self { http, url, key: key.into(), templates })
    }

    async fn tell(&self, parcel: &Parcel) -> Result<Receipt, Failure> {
        if let Some(receipt) = webhook::nothing_to_tell(parcel) {
            return Ok(receipt);
        }
        let notice = compose(parcel);
        let worded = self.templates.apply(&notice);
        let mut answers = Vec::new();
        for action in actions(parcel) {
            answers.push(format!("{action}: {}", self.enqueue(action, parcel, &notice, &worded).await?));
        }
        Ok(Receipt { answer: answers.join(", "), reference: None })
    }

    async fn enqueue(&self, action: &str, parcel: &Parcel, notice: &Notice, worded: &Worded) -> Result<String, Failure> {
        let mut event = event(action, parcel, notice, worded);
        event["routing_key"] = self.key.expose_secret().into();
        let answer = self.http.call(self.http.post(&self.url).json(&event)).await?;
        if answer.is_success() {
            return Ok(self.http.said(&answer));
        }
        Err(match self.http.refusal(&answer, parcel.now) {
            Failure::Retry { why, after: None } if answer.status == 429 => Failure::Retry { why, after: Some(REST) },
            failure => failure,
        })
    }
}

/// What is to be done there, in order.
fn actions(parcel: &Parcel) -> &'static [&'static str] {
    match parcel.order.event {
        AlertEvent::Resolved if parcel.fired_and_recovered => &["trigger", "resolve"],
        AlertEvent::Resolved => &["resolve"],
        AlertEvent::Acknowledged => &["acknowledge"],
        AlertEvent::Digest if !parcel.order.alerts.is_empty() && parcel.order.alerts.iter().all(|alert| alert.resolved) => {
            &["resolve"]
        }
        _ => &["trigger"],
    }
}

/// What both sides call the incident.
fn dedup_key(parcel: &Parcel) -> String {
    let order = &parcel.order;
    match order.alert() {
        Some(alert) if !matches!(order.event, AlertEvent::Digest | AlertEvent::Test) => alert.fingerprint.clone(),
        _ => order.lane.about.chars().take(255).collect(),
    }
}

const fn severity(ours: Severity) -> &'static str {
    match ours {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

/// The event, but for its routing key.
fn event(action: &str, parcel: &Parcel, notice: &Notice, worded: &Worded) -> Value {
    let mut event = json!({ "event_action": action, "dedup_key": dedup_key(parcel) });
    if action != "trigger" {
        return event;
    }
    let order = &parcel.order;
    let alert = order.alert();
    let source = alert.map_or_else(|| "isobar".to_owned(), |alert| place(alert));
    let is_own_title = worded.title != notice.title;
    let summary = if is_own_title { worded.title.clone() } else { format!("{}: {}", notice.title, notice.summary) };
    let details = json!({
        "value": alert.and_then(|alert| alert.value),
        "threshold": alert.and_then(|alert| alert.threshold),
        "description": short(worded.body.as_ref().unwrap_or(&notice.summary), TEXT),
        "notes": texts(&notice.notes, 20),
        "fields": notice.fields.iter().map(|field| (field.name.clone(), short(&field.value, TEXT).into()))
            .collect::<serde_json::Map<String, Value>>(),
        "causes": texts(&notice.causes, 20),
        "commands": notice.commands.iter().take(20)
            .map(|command| json!({ "purpose": short(&command.purpose, TEXT), "command": short(&command.command, TEXT) }))
            .collect::<Vec<_>>(),
        "digest": texts(&notice.digest, 60),
        "evidence": alert.map(|alert| &alert.evidence),
        "id": alert.map(|alert| &alert.id),
    });
    event["payload"] = json!({
        "summary": short(&summary, SUMMARY),
        "source": short(&source, SUMMARY),
        "severity": severity(order.severity),
        "timestamp": alert.map_or(parcel.now, |alert| alert.started_at),
        "component": alert.and_then(|alert| alert.target.as_ref()),
        "group": alert.map(|alert| &alert.region),
        "class": alert.map(|alert| alert.rule),
        "custom_details": details,
    });
    let links = [("Runbook", Some(&notice.runbook)), ("Dashboard", notice.dashboard.as_ref())];
    let links = links.into_iter().filter_map(|(text, href)| Some(json!({ "href": href?, "text": text })));
    event["links"] = links.filter(|link| link["href"].as_str().is_some_and(|href| href.starts_with("http"))).collect();
    event["client"] = "Isobar".into();
    if let Some(dashboard) = &notice.dashboard {
        event["client_url"] = dashboard.as_str().into();
    }
    if event.to_string().len() > EVENT {
        event["payload"]["custom_details"]["evidence"] = Value::Null; // all else in it is bounded
    }
    event
}

fn place(alert: &Alert) -> String {
    match &alert.target {
        Some(target) => format!("{}/{target}", alert.region),
        None => alert.region.to_string(),
    }
}

fn texts(all: &[String], most: usize) -> Vec<String> {
    all.iter().take(most).map(|text| short(text, TEXT)).collect()
}

fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

impl Channel for Pagerduty {
    fn nature(&self) -> Nature {
        http::keyed(10, Duration::from_millis(500))
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(http::bounded(self.tell(parcel)))
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async { vec![self.http.reach(reqwest::Method::HEAD, &http::root(&self.url)).await] })
    }
}
