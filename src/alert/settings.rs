//! `[alerts]`, `[[channel]]`, `[[escalation]]`, `[[silence]]` and `[[maintenance]]` in `global.toml`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use chrono_tz::Tz;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::model::{Severity, Timestamp, alert::Matchers};

/// All that the alert stage is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where incidents, deliveries and silences are kept; none: in memory only (`watch`, `demo`).
    pub path: Option<PathBuf>,
    /// How long a breach must be over before its incident is (`resolve_after`); longer while it flaps. 1 s to 1 h.
    pub resolve_after: Duration,
    /// Each end of the same problem within this time doubles how long its next breach must be over (`flap_window`). 0 s to 1 d.
    pub flap_window: Duration,
    /// How long a delivery is tried before another channel is told instead (`give_up_after`). 10 s to 1 d.
    pub give_up_after: Duration,
    /// First notices of one channel within a minute beyond which the rest goes into one digest (`digest_above`). 1 to 1,000.
    pub digest_above: u32,
    /// The address people reach the dashboard at (`dashboard_url`), for links in messages.
    pub dashboard_url: Option<String>,
    /// What runbook links start with (`runbook_url`); the rule's name and `.md` follow.
    pub runbook_url: String,
    /// Called while all is well (`heartbeat_url`), so that Isobar's own death is noticed. As secret as a webhook.
    pub heartbeat_url: Option<SecretString>,
    /// How often (`heartbeat_every`). 10 s to 1 h.
    pub heartbeat_every: Duration,
    /// Whom to tell, in the order of the file.
    pub channels: Vec<ChannelSettings>,
    /// When to tell whom. An incident follows the one with the highest severity that is not above its own. Without any, every
    /// channel is told of everything at once.
    pub escalations: Vec<Policy>,
    /// `[[silence]]` and `[[maintenance]]`.
    pub planned: Vec<PlannedSilence>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            resolve_after: Duration::from_secs(15),
            flap_window: Duration::from_mins(15),
            give_up_after: Duration::from_mins(5),
            digest_above: 20,
            dashboard_url: None,
            runbook_url: concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/alerts/").to_owned(),
            heartbeat_url: None,
            heartbeat_every: Duration::from_mins(1),
            channels: Vec::new(),
            escalations: Vec::new(),
            planned: Vec::new(),
        }
    }
}

/// Whom to tell of incidents from this severity on, and when. Frozen into an incident when that opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// From this severity on, up to the next policy's.
    pub severity: Severity,
    /// In the order of their delays.
    pub steps: Vec<PolicyStep>,
    /// Told again this often until acknowledged or resolved (`remind_every`); none: never.
    pub remind_every: Option<Duration>,
    /// An acknowledgement ends after this and the steps begin anew (`ack_expires`); none: never.
    pub ack_expires: Option<Duration>,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyStep {
    /// So long after the incident was first told, or after its acknowledgement expired.
    pub after: Duration,
    /// Names of channels.
    pub channels: Vec<String>,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// Its name: what escalations refer to.
    pub name: String,
    /// Where it leads.
    pub kind: ChannelKind,
    /// Overrides the subject or headline: a minijinja template over the notice (`title`).
    pub title: Option<String>,
    /// Overrides the text (`body`): the same.
    pub body: Option<String>,
}

/// Where a channel leads. URLs count as secrets.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// `kind = "slack"` with `webhook_url`: every message is a new one.
    SlackWebhook {
        /// `https://hooks.slack.com/services/...`
        url: SecretString,
    },
    /// `kind = "slack"` with `token` and `channel`: one incident is one message that changes.
    SlackBot {
        /// `xoxb-...`
        token: SecretString,
        /// The channel's id or name.
        channel: String,
        /// Verifies the acknowledge button (`signing_secret`); without it there is no button.
        signing_secret: Option<SecretString>,
        /// `https://slack.com/api` unless told (`api_url`).
        api_url: String,
    },
    /// `kind = "email"`
    Email(EmailSettings),
    /// `kind = "webhook"`
    Webhook {
        /// Where to POST.
        url: SecretString,
        /// `whsec_...`: signs as Standard Webhooks.
        secret: Option<SecretString>,
        /// Further headers, e.g. `Authorization`.
        headers: BTreeMap<String, SecretString>,
    },
    /// `kind = "qstash"`
    Qstash {
        /// `https://qstash.upstash.io` unless told (`base_url`).
        base_url: String,
        /// QStash's token.
        token: SecretString,
        /// Where QStash delivers to (`url`).
        destination: SecretString,
        /// Signs what QStash delivers, as `webhook` does (`secret`).
        secret: Option<SecretString>,
        /// QStash's own attempts (`retries`), 0 to 20; 3 unless told.
        retries: u32,
        /// Between them, a QStash expression in milliseconds (`retry_delay`).
        retry_delay: String,
        /// Isobar's own address for QStash's callbacks (`callback_url`), up to and with `/api/qstash/callback`.
        callback_url: Option<String>,
        /// Verify those callbacks.
        current_signing_key: Option<SecretString>,
        /// The one that comes after a rotation.
        next_signing_key: Option<SecretString>,
    },
    /// `kind = "pagerduty"`
    Pagerduty {
        /// The integration's key, 32 characters.
        routing_key: SecretString,
        /// `https://events.pagerduty.com/v2/enqueue` unless told (`events_url`).
        events_url: String,
    },
    /// `kind = "alertmanager"`
    Alertmanager {
        /// All peers, e.g. `http://am-0:9093` (`urls`).
        urls: Vec<SecretString>,
        /// Bearer token.
        token: Option<SecretString>,
        /// Further labels on every alert.
        labels: BTreeMap<String, String>,
    },
}

impl ChannelKind {
    /// The kind as the configuration names it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SlackWebhook { .. } | Self::SlackBot { .. } => "slack",
            Self::Email(_) => "email",
            Self::Webhook { .. } => "webhook",
            Self::Qstash { .. } => "qstash",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }
}

/// A mail server and who gets mail through it.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// Its host.
    pub host: String,
    /// Its port; 465 with implicit TLS, 587 otherwise, unless told.
    pub port: u16,
    /// How the connection is protected (`tls`).
    pub tls: EmailTls,
    /// PEM file of the authority to trust beside the system's (`ca`).
    pub ca: Option<PathBuf>,
    /// Who signs in.
    pub username: Option<String>,
    /// With what.
    pub password: Option<SecretString>,
    /// The sender, e.g. `Isobar <isobar@example.com>`.
    pub from: String,
    /// The recipients; each gets a mail of its own.
    pub to: Vec<String>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// From the first byte (`implicit`).
    Implicit,
    /// STARTTLS, or no mail (`starttls`, the default).
    Starttls,
    /// Not at all (`none`): for a relay on this machine.
    None,
}

/// A silence of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSilence {
    /// Its name; `silence-1`, `maintenance-1`, ... unless given.
    pub name: String,
    /// Whether it stands under `[[maintenance]]`.
    pub maintenance: bool,
    /// What it holds back.
    pub matchers: Matchers,
    /// When.
    pub when: When,
    /// Why (`reason`).
    pub reason: String,
}

/// When a silence holds.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Once; an end that is missing means: until it is removed.
    Once {
        /// From (`starts`).
        starts: Option<Timestamp>,
        /// To (`ends`).
        ends: Option<Timestamp>,
    },
    /// Again and again.
    Recurring {
        /// When each time begins: minute, hour, day of month, month, day of week (`schedule`); checked when it was read.
        cron: String,
        /// How long each time lasts (`lasts`).
        lasts: Duration,
        /// Where the clock hangs (`timezone`); UTC unless told.
        zone: Tz,
    },
}
