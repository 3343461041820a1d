//! Slack, in two ways. An **incoming webhook** takes messages and forgets them: each notice is a new one. A **bot** keeps one message for
//! each incident and changes it, with a short reply in its thread where somebody should look up: worse, still there, over. The lane's
//! reference is `channel:ts:severity` of that message.
//!
//! Slack says much of what went wrong inside a 200; what each of its words means for us, and what to do about it, stands here.

mod blocks;
mod bot;
mod incoming;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, Nature, Parcel};
use crate::alert::message::{Notice, Templates, Worded, compose};

pub(super) use bot::Bot;
pub(super) use incoming::Incoming;

/// One message a second and channel, by their clock.
const EVERY: Duration = Duration::from_millis(1_100);

const fn nature(edits: bool) -> Nature {
    Nature { keyed: false, edits, refresh: None, burst: 1, every: EVERY }
}

/// A parcel laid out.
struct Page {
    notice: Notice,
    worded: Worded,
    blocks: Vec<Value>,
}

impl Page {
    fn new(templates: &Templates, parcel: &Parcel, with_button: bool) -> Self {
        let notice = compose(parcel);
        let worded = templates.apply(&notice);
        let blocks = blocks::lay_out(&notice, &worded, parcel, with_button);
        Self { notice, worded, blocks }
    }

    /// What a notification shows, and who cannot see blocks.
    fn text(&self) -> String {
        blocks::fallback(&[&self.worded.title, &self.notice.summary])
    }

    /// What stands in the thread.
    fn reply(&self) -> String {
        let notes = self.notice.notes.iter().map(String::as_str);
        blocks::fallback(&std::iter::once(self.worded.title.as_str()).chain(notes).collect::<Vec<_>>())
    }

    fn body(&self) -> Value {
        json!({ "text": self.text(), "blocks": self.blocks, "unfurl_links": false, "unfurl_media": false })
    }
}

/// What Slack's word for an error means.
fn failure(code: &str, after: Option<Duration>) -> Failure {
    let fix = match code {
        "ratelimited"
        | "rate_limited"
        | "message_limit_exceeded"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "rollup_error"
        | "team_added_to_org" => {
            return Failure::Retry { why: format!("Slack said {code}"), after };
        }
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "the bot's token is not valid: set `token` to the xoxb- token of an installed app"
        }
        "missing_scope" | "no_permission" => "give the app the scope chat:write and install it again",
        "channel_not_found" => "no such channel, or a private one: check `channel` and invite the app: /invite @isobar",
        "not_in_channel" => "invite the app to the channel: /invite @isobar",
        "is_archived" | "channel_is_archived" => "the channel is archived: restore it or name another",
        "restricted_action" | "action_prohibited" | "posting_to_general_channel_denied" => {
            "the workspace does not let the app post there: ask its administrators or name another channel"
        }
        "no_service" | "invalid_token" | "no_active_hooks" | "no_team" | "team_disabled" => {
            "the webhook is gone: make a new one in Slack and set `webhook_url`"
        }
        _ => return Failure::Permanent(format!("Slack refused it: {code}")),
    };
    Failure::Permanent(format!("Slack said {code}: {fix}"))
}
