//! From a fault to the people who must know of it: the real binary over a configuration, real servers that break, and doubles of the
//! services at the other end. A message is held by its content, its order and the total number; nothing more came is said when all is
//! over: every target healthy, every incident resolved, every queue empty.

mod causes;
mod escalation;
mod heartbeat;
mod message;
mod paused;
mod quiet;
mod reload;
mod restart;
mod secrets;
mod terminal;
mod trouble;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use isobar::sandbox::Postgres;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    doubles::{Received, Receiver, Slack},
    support::{
        Node,
        node::{BINARY, reason},
        secs, until,
    },
};

/// Detection takes two seconds at most; this is for a loaded machine.
const SOON: Duration = secs(10);

/// A configuration and the node that runs it.
struct House {
    node: Option<Node>,
    dir: tempfile::TempDir,
    targets: Vec<String>,
}

impl House {
    /// A node of the region `eu` with these targets (a name, a URL, and more of the section), once all of them are healthy.
    fn open(global: &str, targets: &[(&str, &str, &str)]) -> Self {
        Self::at_level("debug", global, targets)
    }

    fn at_level(level: &str, global: &str, targets: &[(&str, &str, &str)]) -> Self {
        Self::with(global, targets, |dir| start(dir, level))
    }

    fn with(global: &str, targets: &[(&str, &str, &str)], start: impl FnOnce(&Path) -> Node) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let section =
            |(name, url, more): &(&str, &str, &str)| format!("[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n");
        let region: String = targets.iter().map(section).collect();
        std::fs::write(dir.path().join("eu.toml"), format!("region = \"eu\"\n{region}")).expect("a file");
        std::fs::write(dir.path().join("global.toml"), global).expect("a file");
        let targets = targets.iter().map(|(name, ..)| format!("eu/{name}")).collect();
        let house = Self { node: Some(start(dir.path())), dir, targets };
        house.expect_healthy();
        house
    }

    fn expect_healthy(&self) {
        for target in &self.targets {
            self.node().expect(target, "healthy, and its poolers seen", secs(20), |sample| {
                let via = &sample["reachability"]["viaPooler"];
                let poolers = sample["poolers"].as_array().is_none_or(|poolers| poolers.iter().all(|it| it["up"] == true));
                sample["status"] == "healthy" && poolers && (via.is_null() || via["outcome"] == "ok")
            });
        }
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("it runs")
    }

    /// Ends the node so, and starts another one over the same folder.
    fn restart(&mut self, signal: Signal) {
        self.node.take().expect("it runs").stop_by(signal);
        self.node = Some(start(self.dir.path(), "debug"));
    }

    /// Another `global.toml`, and the moment at which it is in force is up to the caller.
    fn rewrite(&self, global: &str) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, global).expect("a file");
        std::fs::rename(new, self.dir.path().join("global.toml")).expect("a file");
        self.node().signal(Signal::SIGHUP);
    }

    fn alerts(&self) -> Vec<Value> {
        self.node().json("/api/alerts")["alerts"].as_array().expect("alerts").clone()
    }

    /// The newest of a rule and a target; null when there is none.
    fn alert(&self, rule: &str, target: &str) -> Value {
        let alerts = self.alerts();
        alerts.into_iter().find(|alert| alert["rule"] == rule && alert["target"] == target).unwrap_or_default()
    }

    #[track_caller]
    fn expect_alert(&self, rule: &str, target: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = || {
            let alert = self.alert(rule, target);
            if wanted(&alert) { Ok(alert) } else { Err(alert.to_string()) }
        };
        until(&format!("{rule} of {target}: {what}"), secs(20), look).0
    }

    #[track_caller]
    fn expect_state(&self, rule: &str, target: &str, state: &str) -> Value {
        self.expect_alert(rule, target, state, |alert| alert["state"] == state)
    }

    /// Waits until the fault is in the sample, as a node that has just started sees it.
    #[track_caller]
    fn expect_reason(&self, target: &str, rule: &str) {
        self.node().expect(&format!("eu/{target}"), rule, secs(20), |sample| reason(sample, rule).is_some());
    }

    /// Waits until everything is over: targets healthy, incidents resolved, messages delivered.
    #[track_caller]
    fn expect_quiet(&self) {
        until("all is over", secs(40), || {
            let alerts = self.alerts();
            let open = alerts.iter().filter(|alert| alert["state"] != "resolved");
            let waits = |alert: &&Value| {
                let deliveries = alert["deliveries"].as_array().expect("deliveries");
                deliveries.iter().any(|delivery| delivery["state"] == "queued" || delivery["state"] == "sending")
            };
            let left: Vec<_> = open.chain(alerts.iter().filter(waits)).map(ToString::to_string).collect();
            let ill = self.targets.iter().find(|target| self.node().sample(target)["status"] != "healthy");
            if left.is_empty() && ill.is_none() { Ok(()) } else { Err(format!("{ill:?} {}", left.join("\n"))) }
        });
    }

    /// What `explain` tells: the steps' names, in order.
    fn steps(&self, id: &Value) -> Vec<String> {
        let explained = self.node().json(&format!("/api/alerts/{}/explain", id.as_str().expect("an id")));
        let steps = explained["steps"].as_array().expect("steps").iter();
        steps.map(|step| step["what"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Those steps are among what `explain` tells, in this order.
    #[track_caller]
    fn assert_steps(&self, id: &Value, wanted: &[&str]) {
        let steps = self.steps(id);
        let mut rest = steps.iter();
        let missing = wanted.iter().find(|wanted| !rest.any(|step| step == **wanted));
        assert_eq!(missing, None, "{wanted:?} in this order in {steps:?}");
    }

    /// Posts JSON; the answer's status.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.node().request("POST", path).json(body).send().expect("an answer");
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    #[track_caller]
    fn acknowledge(&self, alert: &Value, by: &str) {
        let path = format!("/api/alerts/{}/ack", alert["id"].as_str().expect("an id"));
        let (status, answer) = self.post(&path, &serde_json::json!({ "by": by }));
        assert_eq!((status, &answer["acknowledgedBy"]), (200, &by.into()), "{answer}");
    }

    /// Silences for an hour; the silence's id.
    #[track_caller]
    fn silence(&self, matchers: &Value) -> String {
        let body = serde_json::json!({ "matchers": matchers, "duration": "1h", "by": "ada", "reason": "a test" });
        let (status, answer) = self.post("/api/silences", &body);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").to_owned()
    }

    #[track_caller]
    fn unsilence(&self, id: &str) {
        let answer = self.node().request("DELETE", &format!("/api/silences/{id}")).send().expect("an answer");
        assert_eq!(answer.status(), 204);
    }

    /// `isobar alerts ...` about this node: its exit code, what it prints, and what it complains of.
    fn terminal(&self, arguments: &[&str]) -> (i32, String, String) {
        run(&[&["alerts", "--server", self.node().base()], arguments].concat())
    }
}

/// A command of the binary's to its end.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn start(dir: &Path, level: &str) -> Node {
    let dir = dir.to_str().expect("text");
    Node::start(&["--log-level", level, "run", "--listen", "127.0.0.1:0", "--config", dir])
}

/// A server with these databases.
fn server(databases: &[&str]) -> Postgres {
    let server = Postgres::start().expect("PostgreSQL");
    for database in databases {
        server.create_database(database).expect("a database");
    }
    server
}

/// Incidents are over one second after their breach.
const QUICK: &str = "[alerts]\nresolve_after = \"1s\"\n";

fn hook(name: &str, to: &Receiver) -> String {
    let (url, secret) = (to.url(), Receiver::SECRET);
    format!("[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"{secret}\"\n")
}

fn receiver() -> Receiver {
    Receiver::start(Some(Receiver::SECRET))
}

fn bot(name: &str, slack: &Slack, token: &str, channel: &str) -> String {
    let (api, secret) = (slack.api_url(), Slack::SIGNING_SECRET);
    format!(
        "[[channel]]\nname = \"{name}\"\nkind = \"slack\"\ntoken = \"{token}\"\nchannel = \"{channel}\"\n\
         signing_secret = \"{secret}\"\napi_url = \"{api}\"\n"
    )
}

/// What a webhook said: event, rule and target.
fn said(message: &Received) -> String {
    let alert = &message.body["alert"];
    let text = |key: &str| alert[key].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", message.event, text("rule"), text("target"))
}

/// What it said so far, in order; a repeat fails.
#[track_caller]
fn told(receiver: &Receiver) -> Vec<String> {
    let messages = receiver.messages();
    assert_eq!(receiver.distinct().len(), messages.len(), "repeats: {messages:#?}");
    messages.iter().map(said).collect()
}

/// Waits until it has said this, among other things.
#[track_caller]
fn expect_told(receiver: &Receiver, wanted: &str, times: usize) {
    until(&format!("{wanted}, {times} times"), secs(30), || {
        let said: Vec<String> = receiver.messages().iter().map(said).collect();
        if said.iter().filter(|it| *it == wanted).count() >= times { Ok(()) } else { Err(format!("{said:?}")) }
    });
}
