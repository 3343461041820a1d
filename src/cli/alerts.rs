//! `isobar alerts`: what a person at a terminal asks and says about alerts, through the API of a running node. Nothing here knows more
//! than the API tells; whatever came from outside is printed without the control characters that a terminal would obey.

mod show;

use std::{process::ExitCode, time::Duration};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure,
    node::{Node, NodeArgs, Trouble, read},
    terminal::{self, clean},
};
use crate::{
    clock,
    model::{
        Timestamp,
        alert::{Alert, AlertStep, ChannelState, Delivery, Silence},
    },
};

/// `isobar alerts`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AlertsArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print the API's JSON
    #[arg(long, global = true, display_order = 800)]
    json: bool,
    #[command(subcommand)]
    question: Question,
}

const EXAMPLES: &str = "\
An ID may be shortened as long as it names just one.

Examples:
  isobar alerts list                                     what is wrong now, and who was told
  isobar alerts explain 9f2c                             why people were or were not told, step by step
  isobar alerts ack 9f2c --note 'failing over'           take it: nobody else is woken for it
  isobar alerts silence --target 'staging-*' --for 2h --reason 'load test'
  isobar alerts test slack-ops                           send a test message, print the provider's answer";

#[derive(Debug, Subcommand)]
enum Question {
    /// List alerts: those that are not over, unless told otherwise
    List(ListArgs),
    /// Show one alert: what, where, since when, how bad, who causes it, who was told
    Show(OneAlert),
    /// Say why people were or were not told of an alert, step by step, with the providers' answers
    Explain(OneAlert),
    /// Acknowledge an alert: its escalation and its reminders stop
    Ack(AckArgs),
    /// Hold alerts back; what was told already is still told to be over
    Silence(SilenceArgs),
    /// List silences and maintenance, by API and of the configuration, active or yet to come
    Silences,
    /// End a silence before its time
    Unsilence {
        /// Its ID, from `silences`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the channels: what they sent, what failed, what waits
    Channels,
    /// Send one marked test message to a channel and print the provider's answer; exit code 1 when it was not taken
    Test {
        /// The channel's name, from `channels`
        #[arg(value_name = "CHANNEL")]
        channel: String,
    },
}

#[derive(Debug, Args)]
struct OneAlert {
    /// Its ID, from `list`, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only these states: pending, firing, acknowledged, recovering, resolved; several with commas between them
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Also what is over
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// Only this region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Only what affects targets of this name
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only these rules, e.g. pool_waiting
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only these severities: low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    severity: Option<String>,
    /// At most so many, the newest
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
struct AckArgs {
    /// Its ID, from `list`, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Who takes it
    #[arg(long, env = "USER", value_name = "NAME")]
    by: String,
    /// What others should know
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["region", "target", "rule", "severity"]))]
#[command(group = clap::ArgGroup::new("end").required(true).args(["lasts", "until"]))]
#[command(
    after_help = "* stands for any text and ? for any character, e.g. --target 'staging-*'; all that are given must match."
)]
struct SilenceArgs {
    /// Alerts of this region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Alerts of this target
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Alerts of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Alerts of this severity
    #[arg(long, value_name = "SEVERITY")]
    severity: Option<String>,
    /// For this long, e.g. 30m or 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
    /// Until this time, e.g. 2026-11-24T06:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// From this time on; now unless given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Why, for those who wonder later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who does it
    #[arg(long, env = "USER", value_name = "NAME")]
    by: String,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let read = DateTime::parse_from_rfc3339(text);
    read.map(|at| Timestamp(at.with_timezone(&Utc))).map_err(|_| "give a time such as 2026-11-24T06:00:00Z".to_owned())
}

pub(super) fn run(args: &AlertsArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    terminal::print(&runtime.block_on(ask(args, clock::wall()))?)
}

/// Asks, and words the answer.
async fn ask(args: &AlertsArgs, now: Timestamp) -> Result<String, Failure> {
    let node = args.node.node()?;
    let (answer, words): (Value, String) = match &args.question {
        Question::List(list) => {
            let answer = node.get(&["alerts"], &list.query()).await?;
            let words = show::list(&read::<Vec<Alert>>(&answer["alerts"])?, read(&answer["total"])?, now);
            (answer, words)
        }
        Question::Show(OneAlert { id }) => {
            let answer = node.get(&["alerts", &whole_id(&node, id, false).await?], &[]).await?;
            let words = show::alert(&read(&answer)?, now);
            (answer, words)
        }
        Question::Explain(OneAlert { id }) => {
            let answer = node.get(&["alerts", &whole_id(&node, id, false).await?, "explain"], &[]).await?;
            let steps: Vec<AlertStep> = read(&answer["steps"])?;
            let deliveries: Vec<Delivery> = read(&answer["deliveries"])?;
            let words = show::explained(&read(&answer["alert"])?, &steps, &deliveries, now);
            (answer, words)
        }
        Question::Ack(AckArgs { id, by, note }) => {
            let id = whole_id(&node, id, true).await?;
            let answer = node.post(&["alerts", &id, "ack"], Some(json!({ "by": by, "note": note }))).await?;
            let words = show::acknowledged(&read(&answer)?);
            (answer, words)
        }
        Question::Silence(silence) => {
            let answer = node.post(&["silences"], Some(silence.body())).await?;
            let words = show::silenced(&read(&answer)?);
            (answer, words)
        }
        Question::Silences => {
            let answer = node.get(&["silences"], &[]).await?;
            let words = show::silences(&read::<Vec<Silence>>(&answer["silences"])?);
            (answer, words)
        }
        Question::Unsilence { id } => {
            let all: Vec<Silence> = read(&node.get(&["silences"], &[]).await?["silences"])?;
            let id = only(id, "silence", "silences", all.into_iter().map(|silence| (silence.id, silence.reason)).collect())?;
            node.delete(&["silences", &id]).await?;
            (json!({ "ended": id }), format!("silence {} has ended", clean(&id)))
        }
        Question::Channels => {
            let answer = node.get(&["channels"], &[]).await?;
            let words = show::channels(&read::<Vec<ChannelState>>(&answer["channels"])?, now);
            (answer, words)
        }
        Question::Test { channel } => {
            let answer = node.post(&["channels", channel, "test"], None).await?;
            let words = format!("{} took it: {}", clean(channel), clean(answer["answer"].as_str().unwrap_or_default()));
            (answer, words)
        }
    };
    if args.json { terminal::json(&answer) } else { Ok(words) }
}

impl ListArgs {
    fn query(&self) -> Vec<(&'static str, String)> {
        let open = || (!self.all).then(|| "pending,firing,acknowledged,recovering".to_owned());
        let given = [
            ("state", self.state.clone().or_else(open)),
            ("region", self.region.clone()),
            ("target", self.target.clone()),
            ("rule", self.rule.clone()),
            ("severity", self.severity.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

impl SilenceArgs {
    fn body(&self) -> Value {
        let Self { region, target, rule, severity, lasts, until, from, reason, by } = self;
        let given = [("region", region), ("target", target), ("rule", rule), ("severity", severity)];
        let matchers: serde_json::Map<_, _> =
            given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into()))).collect();
        let duration = lasts.map(|lasts| humantime::format_duration(lasts).to_string());
        json!({ "matchers": matchers, "startsAt": from, "endsAt": until, "duration": duration, "by": by, "reason": reason })
    }
}

/// The ID that this is, or begins; when somebody wants to act, those that are over do not count if others are left.
async fn whole_id(node: &Node, beginning: &str, prefers_open: bool) -> Result<String, Failure> {
    match node.get(&["alerts", beginning], &[]).await {
        Err(Trouble::Refused { status: 404, .. }) => {}
        whole => return whole.map(|_| beginning.to_owned()).map_err(Failure::from),
    }
    let all: Vec<Alert> = read(&node.get(&["alerts"], &[("limit", "10000".to_owned())]).await?["alerts"])?;
    let is_open = |alert: &Alert| !alert.resolved && alert.id.starts_with(beginning);
    let only_open = prefers_open && all.iter().any(is_open);
    let named = all.iter().filter(|alert| !only_open || is_open(alert)).map(|alert| {
        let (state, rule) = (alert.state.as_str(), alert.rule.as_str());
        (alert.id.clone(), format!("{state}: {rule} on {}, {}", show::place(alert), alert.started_at))
    });
    only(beginning, "alert", "list --all", named.collect())
}

/// The one that is meant.
fn only(beginning: &str, what: &str, lists: &str, all: Vec<(String, String)>) -> Result<String, Failure> {
    let mut meant: Vec<_> = all.into_iter().filter(|(id, _)| id.starts_with(beginning)).collect();
    if let Some(exact) = meant.iter().position(|(id, _)| id == beginning) {
        return Ok(meant.swap_remove(exact).0);
    }
    let said = clean(beginning);
    match meant.len() {
        1 if !beginning.is_empty() => Ok(meant.swap_remove(0).0),
        0 => Err(Failure::failed(format!("no {what} has an ID that begins with {said:?}; `isobar alerts {lists}` shows them"))),
        _ => {
            let named = meant.iter().map(|(id, more)| format!("  {}  {}", clean(id), clean(more)));
            let named = named.collect::<Vec<_>>().join("\n");
            Err(Failure::failed(format!("{said:?} may be more than one {what}; give more of its ID:\n{named}")))
        }
    }
}

#[cfg(test)]
mod tests;
