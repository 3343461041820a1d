//! The channels' part of `isobar check`: whether each would work, as far as that is possible without telling anybody.

use std::{fmt::Write as _, time::Duration};

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::{AT_ONCE, mark};
use crate::{
    alert::{
        channels::{Checked as Found, Shared},
        settings::ChannelSettings,
    },
    probe::preflight::Level,
};

/// A check that takes longer than several calls may is given up.
const LIMIT: Duration = Duration::from_secs(45);

/// One channel, checked.
#[derive(Debug, Serialize)]
pub(super) struct Channel {
    name: String,
    kind: &'static str,
    pub(super) status: Level,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    level: Level,
    detail: String,
}

/// Checks these, made by `build`, many at a time.
pub(super) async fn check(
    channels: Vec<ChannelSettings>,
    build: impl Fn(&ChannelSettings) -> Result<Shared, String>,
) -> Vec<Channel> {
    let build = &build;
    stream::iter(channels).map(|settings| one(settings, build)).buffered(AT_ONCE).collect().await
}

async fn one(settings: ChannelSettings, build: &impl Fn(&ChannelSettings) -> Result<Shared, String>) -> Channel {
    let found = match build(&settings) {
        Ok(channel) => tokio::time::timeout(LIMIT, channel.check()).await.unwrap_or_else(|_| {
            let result = Err(format!("no end of it within {} s", LIMIT.as_secs()));
            vec![Found { what: "check".to_owned(), result }]
        }),
        Err(why) => vec![Found { what: "settings".to_owned(), result: Err(why) }],
    };
    let findings: Vec<_> = found
        .into_iter()
        .map(|found| {
            let level = if found.result.is_ok() { Level::Good } else { Level::Broken };
            Finding { check: found.what, level, detail: found.result.unwrap_or_else(|why| why) }
        })
        .collect();
    let status = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    Channel { name: settings.name, kind: settings.kind.as_str(), status, findings }
}

/// For people.
pub(super) fn report(channels: &[Channel], text: &mut String) {
    for channel in channels {
        let _ = writeln!(text, "channel {} ({})", channel.name, channel.kind);
        for finding in &channel.findings {
            let _ = writeln!(text, "  {} {}: {}", mark(finding.level), finding.check, finding.detail);
        }
    }
    if !channels.is_empty() {
        let good = channels.iter().filter(|channel| channel.status == Level::Good).count();
        let _ = writeln!(text, "{good} of {} channels are good; nothing was sent", channels.len());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::alert::{
        channels::{Channel as Way, Failure, Nature, Parcel, Receipt},
        settings::ChannelKind,
    };

    /// Finds what it was given; whoever sends through it fails the test.
    struct Finds(Vec<Found>);

    impl Way for Finds {
        fn nature(&self) -> Nature {
            Nature { keyed: true, edits: false, refresh: None, burst: 1, every: Duration::ZERO }
        }

        fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Result<Receipt, Failure>> {
            panic!("a check sends nothing")
        }

        fn check(&self) -> BoxFuture<'_, Vec<Found>> {
            let found = self.0.clone();
            Box::pin(async move { found })
        }
    }

    fn named(name: &str) -> ChannelSettings {
        let kind =
            ChannelKind::Webhook { url: "https://h/S3CRET".into(), secret: None, headers: std::collections::BTreeMap::new() };
        ChannelSettings { name: name.to_owned(), kind, title: None, body: None }
    }

    #[tokio::test]
    async fn each_channel_tells_what_was_found_and_nothing_is_sent() {
        let build = |settings: &ChannelSettings| -> Result<Shared, String> {
            let found = |what: &str, result: Result<&str, &str>| Found {
                what: what.to_owned(),
                result: result.map(str::to_owned).map_err(str::to_owned),
            };
            match settings.name.as_str() {
                "good" => Ok(Arc::new(Finds(vec![found("connect", Ok("to h in 3 ms"))]))),
                "bad" => Ok(Arc::new(Finds(vec![found("connect", Ok("to h in 3 ms")), found("sign-in", Err("wrong token"))]))),
                _ => Err("the template does not fill in".to_owned()),
            }
        };
        let checked = check(["good", "bad", "odd"].map(named).to_vec(), build).await;
        let mut text = String::new();
        report(&checked, &mut text);
        assert_eq!(
            text,
            "channel good (webhook)\n  ok       connect: to h in 3 ms\n\
             channel bad (webhook)\n  ok       connect: to h in 3 ms\n  BROKEN   sign-in: wrong token\n\
             channel odd (webhook)\n  BROKEN   settings: the template does not fill in\n\
             1 of 3 channels are good; nothing was sent\n"
        );
        let json = serde_json::to_value(&checked[1]).expect("it serialises");
        let expected = serde_json::json!({
            "name": "bad", "kind": "webhook", "status": "broken",
            "findings": [
                { "check": "connect", "level": "good", "detail": "to h in 3 ms" },
                { "check": "sign-in", "level": "broken", "detail": "wrong token" },
            ],
        });
        assert_eq!(json, expected);
    }
}
