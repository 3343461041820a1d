//! Prometheus Alertmanager, API v2. Every message goes to all peers, as their documentation asks; one that takes it is enough. An alert
//! there ends by itself, so one that fires is sent again each minute with an end four minutes ahead: when Isobar dies it ends.
//!
//! Alertmanager knows an alert by its labels. `severity` is one of them, since people route by it; so when it changes the alert with the
//! old one is ended in the same call. The lane's reference is the severity told last. `fingerprint` tells two alerts of one
//! rule and target apart. An alert that was over before its first notice got through is told as over, which Alertmanager keeps to itself.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use reqwest::{
    Method, RequestBuilder, Url,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{
    Channel, Checked, Failure, Nature, Parcel, Receipt,
    http::{self, Http},
};
use crate::{
    alert::message::{Notice, Templates, Worded, compose},
    model::{
        Severity, Timestamp,
        alert::{Alert, AlertEvent},
    },
};

const REFRESH: Duration = Duration::from_mins(1);

/// Outlives three lost refreshes.
const OUTLIVES: Duration = Duration::from_mins(4);

/// A digest is told anew each five minutes.
const DIGEST_OUTLIVES: Duration = Duration::from_mins(6);

const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// An alert as Alertmanager takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// A cluster.
pub(super) struct Alertmanager {
    http: Http,
    peers: Vec<Url>,
    token: Option<HeaderValue>,
    labels: BTreeMap<String, String>,
    templates: Templates,
}

impl Alertmanager {
    /// The cluster with these peers.
    pub(super) fn new(
        urls: &[SecretString],
        token: Option<&SecretString>,
        labels: &BTreeMap<String, String>,
        templates: Templates,
    ) -> Result<Self, String> {
        let peers = urls.iter().map(|url| http::address("urls", url.expose_secret())).collect::<Result<Vec<_>, _>>()?;
        if peers.is_empty() {
            return Err("`urls` names no Alertmanager".into());
        }
        let is_name = |name: &str| {
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        };
        if let Some(name) = labels.keys().find(|name| !is_name(name)) {
            return Err(format!("`labels.{name}` is not the name of a label"));
        }
        let bearer = token.map(|token| http::secret_header("token", &format!("Bearer {}", token.expose_secret().trim())));
        let secrets: Vec<&SecretString> = urls.iter().chain(token).collect();
        let http = Http::new(&peers.iter().collect::<Vec<_>>(), &secrets)?;
        Ok(Self { http, peers, token: bearer.transpose()?, labels: labels.clone(), templates })
    }

    fn request(&self, method: &Method, peer: &Url, path: &str) -> RequestBuilder {
        let mut url = peer.clone();
        url.set_path(&format!("{}{path}", peer.path().trim_end_matches('/')));
        let headers: HeaderMap = self.token.iter().map(|token| (reqwest::header::AUTHORIZATION, token.clone())).collect();
        let request = if *method == Method::GET { self.http.get(&url) } else { self.http.post(&url) };
        request.headers(headers)
    }

    async fn tell(&self, parcel: &Parcel) -> Result<Receipt, Failure> {
        let notice = compose(parcel);
        let worded = self.templates.apply(&notice);
        let posted = self.posted(parcel, &notice, &worded);
        let calls = self.peers.iter().map(|peer| async {
            let answer = self.http.call(self.request(&Method::POST, peer, "/api/v2/alerts").json(&posted)).await?;
            if answer.is_success() { Ok(()) } else { Err(self.http.refusal(&answer, parcel.now)) }
        });
        Self::verdict(join_all(calls).await, parcel.order.severity)
    }

    fn verdict(found: Vec<Result<(), Failure>>, severity: Severity) -> Result<Receipt, Failure> {
        let all = found.len();
        let mut failed = Vec::new();
        let (mut may_work, mut wait) = (false, None);
        for (at, result) in found.into_iter().enumerate() {
            let Err(failure) = result else { continue };
            failed.push(format!("peer {} of {all}: {failure}", at + 1));
            let after = match failure {
                Failure::Retry { after, .. } => Some(after),
                Failure::Doubt { .. } => Some(None), // the same twice is the same there
                Failure::Permanent(_) => None,
            };
            if let Some(after) = after {
                // the first that is ready will do
                wait = if may_work { wait.zip(after).map(|(a, b): (Duration, Duration)| a.min(b)) } else { after };
                may_work = true;
            }
        }
        let taken = format!("{} of {all} took it", all - failed.len());
        let why = failed.join("; ");
        match () {
            () if failed.is_empty() => Ok(Receipt { answer: taken, reference: Some(severity.as_str().into()) }),
            () if failed.len() < all => {
                Ok(Receipt { answer: format!("{taken}; {why}"), reference: Some(severity.as_str().into()) })
            }
            () if may_work => Err(Failure::Retry { why, after: wait }),
            () => Err(Failure::Permanent(why)),
        }
    }

    /// Everything one call says: the alerts as they are, and the end of those that have another severity now.
    fn posted(&self, parcel: &Parcel, notice: &Notice, worded: &Worded) -> Vec<Posted> {
        let order = &parcel.order;
        let is_digest = order.event == AlertEvent::Digest;
        let mut all = Vec::new();
        for alert in &order.alerts {
            let (summary, description) = if is_digest {
                (alert.message.clone(), alert.message.clone())
            } else {
                (worded.title.clone(), worded.body.clone().unwrap_or_else(|| notice.summary.clone()))
            };
            let mut annotations = BTreeMap::from([("summary", summary), ("description", description), ("id", alert.id.clone())]);
            annotations.insert("runbook_url", alert.runbook.clone());
            annotations.extend(alert.dashboard.iter().map(|url| ("dashboard", url.clone())));
            annotations.extend(alert.acknowledged_by.iter().map(|by| ("acknowledged_by", by.clone())));
            annotations.extend((!notice.notes.is_empty()).then(|| ("notes", notice.notes.join("\n"))));
            annotations.retain(|_, text| !text.is_empty());
            let mut post = |severity: Severity, ends_at: Timestamp| {
                all.push(Posted {
                    labels: self.labels(alert, severity, order.event),
                    annotations: annotations.clone(),
                    starts_at: alert.started_at.min(ends_at),
                    ends_at,
                    generator_url: alert.dashboard.clone().filter(|url| url.starts_with("http")),
                });
            };
            post(alert.severity, ends_at(alert, parcel));
            let told = parcel.reference.as_deref();
            let is_past = |severity: &Severity| match told {
                Some(told) => severity.as_str() == told,
                None => order.event == AlertEvent::Severity,
            };
            if !is_digest {
                let others = ALL.into_iter().filter(|severity| *severity != alert.severity && is_past(severity));
                others.for_each(|severity| post(severity, parcel.now));
            }
        }
        all
    }

    fn labels(&self, alert: &Alert, severity: Severity, event: AlertEvent) -> BTreeMap<String, String> {
        let rule = if event == AlertEvent::Test { "isobar_test" } else { alert.rule.as_str() };
        let own = [
            ("alertname", rule),
            ("region", alert.region.as_str()),
            ("target", alert.target.as_ref().map_or("", |target| target.as_str())),
            ("severity", severity.as_str()),
            ("fingerprint", &alert.fingerprint),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.into(), value.into()));
        self.labels.clone().into_iter().filter(|(_, value)| !value.is_empty()).chain(own).collect()
    }
}

fn ends_at(alert: &Alert, parcel: &Parcel) -> Timestamp {
    let ahead = |by: Duration| parcel.now.after(by);
    match parcel.order.event {
        AlertEvent::Resolved => alert.resolved_at.unwrap_or(parcel.now).min(parcel.now),
        _ if alert.resolved => alert.resolved_at.unwrap_or(parcel.now).min(parcel.now),
        AlertEvent::Digest => ahead(DIGEST_OUTLIVES),
        _ => ahead(OUTLIVES),
    }
}

impl Channel for Alertmanager {
    fn nature(&self) -> Nature {
        Nature { refresh: Some(REFRESH), ..http::keyed(50, Duration::from_millis(20)) }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(http::bounded(self.tell(parcel)))
    }

    fn check(&self) -> BoxFuture<'_, Vec<Checked>> {
        Box::pin(async move {
            let all = self.peers.len();
            let looks = self.peers.iter().enumerate().map(|(at, peer)| async move {
                let result = match self.http.call(self.request(&Method::GET, peer, "/api/v2/status")).await {
                    Ok(answer) if answer.is_success() => Ok(format!("answers {}", answer.status)),
                    Ok(answer) => Err(self.http.said(&answer)),
                    Err(failure) => Err(failure.to_string()),
                };
                Checked { what: format!("peer {} of {all}", at + 1), result }
            });
            join_all(looks).await
        })
    }
}
