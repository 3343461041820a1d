//! Answers in words and tables. What came from outside is cleaned of what a terminal would obey: names, messages and providers' answers
//! may hold anything.

use std::{fmt::Write, time::Duration};

use super::super::terminal::{clean, table};
use crate::model::{
    Evidence, Timestamp,
    alert::{Alert, AlertState, AlertStep, ChannelState, Delivery, DeliveryState, Matchers, Silence, SilenceKind},
};

/// Sessions, holders and statements shown of each.
const MOST_CAUSES: usize = 5;

/// `4m 12s`; two units are as exact as anybody reads.
fn age(now: Timestamp, at: Timestamp) -> String {
    let seconds = (now.unix_ms() - at.unix_ms()).max(0) / 1_000;
    let whole = humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string();
    whole.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// `us-east-1/marketing`
pub(super) fn place(alert: &Alert) -> String {
    let target = alert.target.as_ref().map(|target| format!("/{target}")).unwrap_or_default();
    clean(&format!("{}{target}", alert.region))
}

/// Whom it was told to, in the order in which it was.
fn told(alert: &Alert) -> String {
    let mut channels: Vec<&str> = Vec::new();
    for delivery in &alert.deliveries {
        if !channels.contains(&delivery.channel.as_str()) {
            channels.push(&delivery.channel);
        }
    }
    let how = |channel: &&str| {
        let any = |state| alert.deliveries.iter().any(|delivery| delivery.channel == **channel && delivery.state == state);
        let how = match () {
            () if any(DeliveryState::Sent) => "",
            () if any(DeliveryState::Queued) || any(DeliveryState::Sending) => " (on its way)",
            () if any(DeliveryState::Failed) => " (failed)",
            () => " (cancelled)",
        };
        format!("{channel}{how}")
    };
    let said = channels.iter().map(how).collect::<Vec<_>>().join(", ");
    match (&alert.suppressed_by, said.is_empty()) {
        (Some(by), true) => clean(&format!("nobody: hidden by {by}")),
        (None, true) if alert.state == AlertState::Pending => "nobody yet".to_owned(),
        (None, true) => "nobody".to_owned(),
        (_, false) => clean(&said),
    }
}

pub(super) fn list(alerts: &[Alert], total: usize, now: Timestamp) -> String {
    if alerts.is_empty() {
        return "no such alerts\n".to_owned();
    }
    let row = |alert: &Alert| {
        let (state, severity, rule) = (alert.state.as_str(), alert.severity.as_str(), alert.rule.as_str());
        let since = age(now, alert.started_at);
        vec![clean(&alert.id), state.to_owned(), severity.to_owned(), rule.to_owned(), place(alert), since, told(alert)]
    };
    let mut text = table(&["ID", "STATE", "SEVERITY", "RULE", "WHERE", "SINCE", "TOLD"], alerts.iter().map(row).collect());
    if total > alerts.len() {
        let _ = writeln!(text, "and {} more, older ones: --limit shows more", total - alerts.len());
    }
    text
}

fn headline(alert: &Alert) -> String {
    let (rule, severity, state) = (alert.rule.as_str(), alert.severity.as_str(), alert.state.as_str());
    format!("{rule} on {}: {severity}, {state}\n{}\n", place(alert), clean(&alert.message))
}

pub(super) fn alert(alert: &Alert, now: Timestamp) -> String {
    let mut text = headline(alert);
    text.push('\n');
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<14}{}", clean(value));
    };
    field("id", &alert.id);
    field("since", &format!("{} ({} ago)", alert.started_at, age(now, alert.started_at)));
    if let Some(at) = alert.resolved_at {
        field("over", &at.to_string());
    }
    if let Some(value) = alert.value {
        field("value", &alert.threshold.map_or_else(|| value.to_string(), |threshold| format!("{value}, threshold {threshold}")));
    }
    if let Some(by) = &alert.acknowledged_by {
        let note = alert.acknowledgement_note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let until = alert.acknowledged_until.map(|at| format!(", until {at}")).unwrap_or_default();
        field("taken by", &format!("{by}{until}{note}"));
    }
    if let Some(by) = &alert.suppressed_by {
        field("hidden by", by);
    }
    if alert.affects.len() > 1 {
        field("affects", &alert.affects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    }
    if alert.flaps > 0 {
        let kept = if alert.flapping { ", so it is kept open for longer" } else { "" };
        field("came back", &format!("{} times{kept}", alert.flaps));
    }
    for cause in causes(&alert.evidence) {
        field("cause", &cause);
    }
    field("told", &told(alert));
    field("what to do", &alert.runbook);
    if let Some(dashboard) = &alert.dashboard {
        field("dashboard", dashboard);
    }
    text
}

fn causes(evidence: &Evidence) -> Vec<String> {
    let mut said: Vec<String> = evidence.detail.iter().chain(&evidence.pooler).cloned().collect();
    for session in evidence.sessions.iter().take(MOST_CAUSES) {
        let wait = session.wait.as_ref().map(|wait| format!(", waits for {wait}")).unwrap_or_default();
        let blocks = if session.blocks > 0 { format!(", blocks {}", session.blocks) } else { String::new() };
        let seconds = session.age_ms / 1_000.0;
        said.push(format!(
            "pid {} {} {}: {} for {seconds:.1} s{wait}{blocks}",
            session.pid, session.user, session.application, session.state
        ));
    }
    for holder in evidence.holders.iter().take(MOST_CAUSES) {
        said.push(format!(
            "{} {} holds {} connections, {} idle in transaction",
            holder.user, holder.application, holder.connections, holder.idle_in_transaction
        ));
    }
    for query in evidence.queries.iter().take(MOST_CAUSES) {
        let text = query.text.as_deref().unwrap_or("(text not known)");
        said.push(format!(
            "query {}: {:.0} ms on average, {:.0}% of all: {text}",
            query.query_id,
            query.mean_ms,
            query.share * 100.0
        ));
    }
    said
}

pub(super) fn explained(alert: &Alert, steps: &[AlertStep], deliveries: &[Delivery], now: Timestamp) -> String {
    let mut text = headline(alert);
    let _ = writeln!(text, "began {} ago; id {}\n", age(now, alert.started_at), clean(&alert.id));
    let step = |step: &AlertStep| vec![step.at.to_string(), clean(&step.what), clean(&step.text)];
    text += &table(&["AT", "WHAT", "WHY"], steps.iter().map(step).collect());
    text.push('\n');
    if deliveries.is_empty() {
        let _ = writeln!(text, "told: {}", told(alert));
        return text;
    }
    let row = |delivery: &Delivery| {
        let to = delivery.recipient.as_ref().map(|recipient| format!(" {recipient}")).unwrap_or_default();
        let state = match delivery.state {
            DeliveryState::Queued => "queued",
            DeliveryState::Sending => "sending",
            DeliveryState::Sent => "sent",
            DeliveryState::Failed => "failed",
            DeliveryState::Cancelled => "cancelled",
        };
        let mut said = delivery.answer.clone().unwrap_or_default();
        for (is_so, words) in [(delivery.in_digest, "in a digest"), (delivery.possible_repeat, "perhaps delivered twice")] {
            if is_so {
                said = if said.is_empty() { words.to_owned() } else { format!("{said}; {words}") };
            }
        }
        vec![
            delivery.sent_at.unwrap_or(delivery.queued_at).to_string(),
            clean(&format!("{}{to}", delivery.channel)),
            delivery.event.as_str().to_owned(),
            state.to_owned(),
            delivery.attempts.to_string(),
            clean(&said),
        ]
    };
    text + &table(&["AT", "TO", "EVENT", "STATE", "CALLS", "ANSWER"], deliveries.iter().map(row).collect())
}

pub(super) fn acknowledged(alert: &Alert) -> String {
    let by = clean(alert.acknowledged_by.as_deref().unwrap_or("nobody"));
    let until = alert.acknowledged_until.map_or_else(|| "until it is over".to_owned(), |at| format!("until {at}"));
    format!("{} on {} is taken by {by} {until}", alert.rule.as_str(), place(alert))
}

pub(super) fn silenced(silence: &Silence) -> String {
    let until = silence.ends_at.map(|at| format!(" until {at}")).unwrap_or_default();
    format!("silence {} holds back {}{until}", clean(&silence.id), matched(&silence.matchers))
}

fn matched(matchers: &Matchers) -> String {
    let Matchers { region, target, rule, severity } = matchers;
    let given = [("region", region), ("target", target), ("rule", rule), ("severity", severity)];
    let given = given.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", clean(value.as_deref()?))));
    given.collect::<Vec<_>>().join(" ")
}

pub(super) fn silences(silences: &[Silence]) -> String {
    if silences.is_empty() {
        return "nothing is silenced\n".to_owned();
    }
    let row = |silence: &Silence| {
        let kind = match silence.kind {
            SilenceKind::Api => "by API",
            SilenceKind::Silence => "silence",
            SilenceKind::Maintenance => "maintenance",
        };
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let when = silence.schedule.clone().unwrap_or_else(|| {
            let (from, to) = (moment(silence.starts_at), moment(silence.ends_at));
            format!("{} to {}", from.as_deref().unwrap_or("the start"), to.as_deref().unwrap_or("further notice"))
        });
        let active = if silence.active { "active" } else { "waits" };
        let why = clean(&format!("{}: {}", silence.by, silence.reason));
        vec![clean(&silence.id), kind.to_owned(), active.to_owned(), matched(&silence.matchers), clean(&when), why]
    };
    table(&["ID", "KIND", "NOW", "WHAT", "WHEN", "WHY"], silences.iter().map(row).collect())
}

pub(super) fn channels(channels: &[ChannelState], now: Timestamp) -> String {
    if channels.is_empty() {
        return "no channels are configured: nobody is told\n".to_owned();
    }
    let row = |channel: &ChannelState| {
        vec![
            clean(&channel.name),
            clean(&channel.kind),
            channel.sent.to_string(),
            channel.failures.to_string(),
            channel.dead.to_string(),
            channel.queued.to_string(),
            channel.last_sent_at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", age(now, at))),
            clean(channel.last_error.as_deref().unwrap_or("")),
        ]
    };
    let head = ["CHANNEL", "KIND", "SENT", "FAILED CALLS", "GIVEN UP", "WAITING", "LAST SENT", "LAST ERROR"];
    table(&head, channels.iter().map(row).collect())
}
