//! What must not show anywhere: whoever may read a log, an alert or a metric must not be able to post in a channel.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use isobar::sandbox::password;

use super::{House, run};
use crate::{
    doubles::{Alertmanager, Pagerduty, Qstash, Receiver, Slack},
    email::server::PASSWORD,
};

impl House {
    /// Looks for every secret that a channel may have, in everything that the node and the commands say.
    #[track_caller]
    pub(super) fn assert_no_secret(&self) {
        let signed_in = STANDARD.encode(format!("\0isobar\0{PASSWORD}"));
        let secrets = [
            password(),
            PASSWORD,
            &signed_in,
            Slack::TOKEN,
            Slack::SIGNING_SECRET,
            "hook-secret-24-characters",
            Receiver::SECRET.trim_start_matches("whsec_"),
            "receiver-path-secret",
            "receiver-query-secret",
            "receiver-header-secret",
            Qstash::TOKEN,
            Qstash::CURRENT_KEY,
            Qstash::NEXT_KEY,
            Pagerduty::ROUTING_KEY,
            Alertmanager::TOKEN,
            "heartbeat-path-secret",
            "xoxb-wrong",
        ];
        for (place, text) in self.everything_said() {
            assert!(!text.is_empty(), "{place} says nothing");
            for secret in secrets {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{place} tells the secret {secret}");
            }
        }
    }

    fn everything_said(&self) -> Vec<(String, String)> {
        let mut said = Vec::new();
        for path in ["/api/alerts", "/api/channels", "/api/silences", "/metrics", "/readyz", "/api/databases", "/api/regions"] {
            said.push((path.to_owned(), self.node().get(path).text().expect("text")));
        }
        for alert in self.alerts() {
            let path = format!("/api/alerts/{}/explain", alert["id"].as_str().expect("an id"));
            said.push((path.clone(), self.node().get(&path).text().expect("text")));
        }
        for arguments in [&["list", "--all"] as &[&str], &["list", "--all", "--json"], &["channels"], &["silences"]] {
            let (_, out, complaints) = self.terminal(arguments);
            said.push((format!("isobar alerts {}", arguments.join(" ")), out + &complaints));
        }
        let dir = self.dir.path().to_str().expect("text");
        for arguments in [&["check", "--json", "--config", dir] as &[&str], &["--log-level", "trace", "check", "--config", dir]] {
            let (_, out, complaints) = run(arguments);
            said.push((format!("isobar {}", arguments.join(" ")), out + &complaints));
        }
        said.push(("the node's log".into(), self.node().log()));
        said
    }
}
