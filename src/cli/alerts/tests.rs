use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use actix::{Actor, Context, Handler};
use arc_swap::ArcSwap;
use clap::Parser;

use super::{super::Command, *};
use crate::{
    model::{
        alert::{Acknowledge, AlertBook, AlertRefusal, AlertState, Callback, EndSilence, NewSilence, TestChannel},
        world::World,
    },
    web::{self, AlertDoors, Shared},
};

const GOLDEN: &str = include_str!("../../../tests/golden/web/alerts.json");
const ID: &str = "9f2c64a1d07be835-6922cb28";

/// Four minutes and twelve seconds after the golden alert began.
fn then() -> Timestamp {
    moment("2026-11-23T08:49:24Z").unwrap()
}

/// The golden book, and an older episode of its alert that is over and says what a terminal must not obey.
fn book() -> AlertBook {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let alert: Alert = read(&golden["alert"]).unwrap();
    let mut older = alert.clone();
    older.id = "9f2c64a1d07be835-6922aaaa".into();
    (older.state, older.resolved, older.resolved_at) = (AlertState::Resolved, true, Some(then()));
    older.message = "\u{1b}]0;owned\u{7}\u{9b}2J evil\nline \u{202e}txet".into();
    AlertBook {
        steps: [(ID.to_owned(), Arc::new(read(&golden["steps"]).unwrap()))].into(),
        alerts: vec![Arc::new(alert), Arc::new(older)],
        silences: read(&golden["silences"]).unwrap(),
        channels: read(&golden["channels"]).unwrap(),
        ..AlertBook::default()
    }
}

/// A desk that writes down what it is told.
struct Desk(Arc<Mutex<Vec<String>>>);

impl Actor for Desk {
    type Context = Context<Self>;
}

macro_rules! hears {
    ($($command:ident => $answer:ty, |$it:ident| $said:expr;)*) => {
        $(impl Handler<$command> for Desk {
            type Result = Result<$answer, AlertRefusal>;

            fn handle(&mut self, $it: $command, _: &mut Self::Context) -> Self::Result {
                self.0.lock().unwrap().push(format!("{:?}", $it));
                $said
            }
        })*
    };
}

hears! {
    Acknowledge => Arc<Alert>, |it| match book().alert(&it.id) {
        Some(alert) if alert.resolved => Err(AlertRefusal::Invalid("it is over already".into())),
        Some(alert) => Ok(alert.clone()),
        None => Err(AlertRefusal::NotFound("gone".into())),
    };
    NewSilence => Silence, |it| Ok(Silence { matchers: it.matchers, ends_at: it.ends_at, ..book().silences.remove(0) });
    EndSilence => (), |it| Ok(());
    TestChannel => String, |it| match it.0.as_str() {
        "slack-ops" => Ok("200 ok".into()),
        _ => Err(AlertRefusal::Invalid("invalid_token \u{1b}[2J".into())),
    };
    Callback => String, |it| Ok("{}".into());
}

/// The real web over the golden book.
struct Scene {
    web: web::Running,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new(settings: web::Settings) -> Self {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let desk = Desk(heard.clone()).start();
        let doors = AlertDoors {
            acknowledge: desk.clone().recipient(),
            silence: desk.clone().recipient(),
            end_silence: desk.clone().recipient(),
            test: desk.clone().recipient(),
            callback: desk.recipient(),
        };
        let shared = Shared {
            world: Arc::new(ArcSwap::from_pointee(World::unseen([], then(), clock::now()))),
            alerts: Arc::new(ArcSwap::from_pointee(book())),
            desk: Arc::default(),
            bus: None,
            interest: Arc::default(),
            addresses: Arc::default(),
            applications: Arc::default(),
            pushes: Arc::default(),
            uploads: Arc::default(),
            advice: Arc::default(),
            history: None,
            keeping: Arc::default(),
            insights: Arc::default(),
            node: "n1".into(),
            version: "0.1.0",
            started: then(),
        };
        shared.desk.store(Some(Arc::new(doors)));
        let settings = web::Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..settings };
        Self { web: web::start(&settings, shared).unwrap(), heard }
    }

    /// What `isobar alerts ...` says.
    async fn say(&self, arguments: &[&str]) -> Result<String, Failure> {
        say(&format!("http://{}", self.web.addr), arguments).await
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().pop().unwrap_or_default()
    }
}

async fn say(server: &str, arguments: &[&str]) -> Result<String, Failure> {
    ask(&parse(&[&["--server", server], arguments].concat()).unwrap(), then()).await
}

fn parse(arguments: &[&str]) -> Result<AlertsArgs, clap::Error> {
    let all = [&["isobar", "alerts"], arguments].concat();
    match super::super::Cli::try_parse_from(all)?.command {
        Command::Alerts(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn the_list_is_a_table_of_what_is_not_over() {
    let scene = Scene::new(web::Settings::default());
    let said = scene.say(&["list"]).await.unwrap();
    let expected = "\
ID                         STATE         SEVERITY  RULE          WHERE                SINCE   TOLD
9f2c64a1d07be835-6922cb28  acknowledged  critical  pool_waiting  us-east-1/marketing  4m 12s  slack-ops, email-oncall (failed)
";
    assert_eq!(said, expected);
    assert_eq!(scene.say(&["list", "--all"]).await.unwrap().lines().count(), 3);
    let said = scene.say(&["list", "--all", "--limit", "1"]).await.unwrap();
    assert!(said.ends_with("and 1 more, older ones: --limit shows more\n"), "{said}");
    for none in [["--severity", "low"], ["--region", "eu-west-1"], ["--state", "pending,firing"], ["--target", "billing"]] {
        assert_eq!(scene.say(&[&["list"], none.as_slice()].concat()).await.unwrap(), "no such alerts\n", "{none:?}");
    }
    let wrong = scene.say(&["list", "--state", "burning"]).await.unwrap_err();
    assert!(wrong.message.contains("acknowledged"), "{}", wrong.message);
}

#[actix_web::test]
async fn one_alert_is_told_in_words() {
    let scene = Scene::new(web::Settings::default());
    let shown = scene.say(&["show", ID]).await.unwrap();
    for part in [
        "pool_waiting on us-east-1/marketing: critical, acknowledged\nclients wait for a connection",
        "since         2026-11-23T08:45:12.000Z (4m 12s ago)",
        "value         6200, threshold 5000",
        "taken by      rosa, until 2026-11-23T09:46:04.000Z: on it",
        "cause         pid 4711 app web: active for 1.2 s, waits for Lock:tuple, blocks 2",
        "cause         query -123456789012345678: 4 ms on average, 50% of all: select $1",
        "told          slack-ops, email-oncall (failed)",
        "docs/alerts/pool_waiting.md",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let explained = scene.say(&["explain", ID]).await.unwrap();
    let lines: Vec<_> = explained.lines().collect();
    let expected = [
        "AT                        WHAT          WHY",
        "2026-11-23T08:45:11.000Z  pending       the oldest client waits for 0.7 s, above 0.5 s; pending until it has lasted 1 s",
        "2026-11-23T08:45:12.000Z  firing        it lasted 1 s",
        "2026-11-23T08:45:12.310Z  sent          slack-ops took it: 200 ok, at the second attempt",
        "2026-11-23T08:46:04.000Z  acknowledged  rosa: on it",
        "",
        "AT                        TO                               EVENT   STATE   CALLS  ANSWER",
        "2026-11-23T08:45:12.310Z  slack-ops                        firing  sent    2      200 ok",
        "2026-11-23T08:45:12.010Z  email-oncall oncall@example.com  firing  failed  3      550 no such mailbox",
    ];
    assert_eq!(lines[4..], expected, "{explained}");
}

#[actix_web::test]
async fn an_id_may_be_shortened_while_it_is_clear() {
    let scene = Scene::new(web::Settings::default());
    assert!(scene.say(&["show", "9f2c64a1d07be835-6922c"]).await.unwrap().contains(ID));
    let unclear = scene.say(&["show", "9f2c"]).await.unwrap_err().message;
    assert!(unclear.contains(ID) && unclear.contains("9f2c64a1d07be835-6922aaaa") && unclear.contains("resolved"), "{unclear}");
    scene.say(&["ack", "9f2c", "--by", "rosa"]).await.expect("only one of them is not over");
    assert!(scene.heard().contains(ID));
    for none in ["ffff", "..", ".", "9f2c64a1d07be835-6922cb28x", "a/b", "\u{1b}[2J"] {
        let said = scene.say(&["show", none]).await.unwrap_err().message;
        assert!(said.contains("list --all") && !said.contains('\u{1b}'), "{none}: {said}");
    }
    assert!(scene.say(&["show", ""]).await.unwrap_err().message.contains("more than one"));
}

#[actix_web::test]
async fn people_act_through_the_api() {
    let scene = Scene::new(web::Settings::default());
    let table: &[(&[&str], &str, &str)] = &[
        (
            &["ack", ID, "--by", "rosa", "--note", "on it"],
            r#"by: "rosa", note: Some("on it")"#,
            "pool_waiting on us-east-1/marketing is taken by rosa until",
        ),
        (
            &["silence", "--region", "eu-*", "--rule", "pool_waiting", "--for", "2h", "--reason", "move", "--by", "rosa"],
            r#"region: Some("eu-*"), target: None, rule: Some("pool_waiting"), severity: None }, starts_at: None, ends_at: None, lasts: Some(7200s)"#,
            "silence s-1 holds back region=eu-* rule=pool_waiting",
        ),
        (
            &["silence", "--target", "x", "--until", "2026-11-24T07:00:00+01:00", "--reason", "r", "--by", "rosa"],
            "ends_at: Some(Timestamp(2026-11-24T06:00:00Z)), lasts: None",
            "until 2026-11-24T06:00:00.000Z",
        ),
        (&["unsilence", "s"], r#"EndSilence("s-1")"#, "silence s-1 has ended"),
        (&["test", "slack-ops"], r#"TestChannel("slack-ops")"#, "slack-ops took it: 200 ok"),
    ];
    for (arguments, heard, says) in table {
        let said = scene.say(arguments).await.unwrap();
        assert!(said.contains(says), "{arguments:?}: {said}");
        let told = scene.heard();
        assert!(told.contains(heard), "{arguments:?}: {told}");
    }
    let over = scene.say(&["ack", "9f2c64a1d07be835-6922aaaa", "--by", "rosa"]).await.unwrap_err();
    assert_eq!((over.code, over.message.as_str()), (1, "it is over already"));
    let failed = scene.say(&["test", "email-oncall"]).await.unwrap_err();
    assert_eq!((failed.code, failed.message.as_str()), (1, "invalid_token \u{fffd}[2J"), "the provider's words, harmless");
}

#[actix_web::test]
async fn silences_and_channels_are_tables() {
    let scene = Scene::new(web::Settings::default());
    let said = scene.say(&["silences"]).await.unwrap();
    for part in [
        "s-1      by API       active  region=eu-* rule=pool_waiting",
        "0 2 * * * for 2h Europe/Berlin",
        "rosa: move of the pooler",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let said = scene.say(&["channels"]).await.unwrap();
    let columns: Vec<_> = said.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(columns, ["slack-ops", "slack", "7", "2", "0", "1", "4m", "11s", "ago"]);
    assert!(said.lines().nth(2).unwrap().ends_with("never       550 no such mailbox"), "{said}");
}

#[actix_web::test]
async fn json_is_the_apis_own() {
    let scene = Scene::new(web::Settings::default());
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for (arguments, expected) in [
        (&["show", ID] as &[&str], golden["alert"].clone()),
        (&["list"], json!({"alerts": [golden["alert"]], "total": 1})),
        (&["channels"], json!({"channels": golden["channels"]})),
        (&["silences"], json!({"silences": golden["silences"]})),
        (&["test", "slack-ops"], json!({"answer": "200 ok"})),
        (&["unsilence", "s-1"], json!({"ended": "s-1"})),
    ] {
        let said = scene.say(&[arguments, &["--json"]].concat()).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected, "{arguments:?}");
    }
}

#[actix_web::test]
async fn nothing_that_came_from_outside_moves_the_terminal() {
    let scene = Scene::new(web::Settings::default());
    for arguments in [&["list", "--all"] as &[&str], &["show", "9f2c64a1d07be835-6922a"], &["explain", "9f2c64a1d07be835-6922a"]]
    {
        for more in [&[] as &[&str], &["--json"]] {
            let said = scene.say(&[arguments, more].concat()).await.unwrap();
            assert!(!said.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{arguments:?}: {said:?}");
        }
    }
    let shown = scene.say(&["show", "9f2c64a1d07be835-6922a", "--json"]).await.unwrap();
    let message = serde_json::from_str::<Value>(&shown).unwrap()["message"].clone();
    assert_eq!(message, "\u{1b}]0;owned\u{7}\u{9b}2J evil\nline \u{202e}txet", "JSON loses nothing of it");
}

#[actix_web::test]
async fn a_refusal_names_the_fix() {
    let tokens = web::Settings {
        viewer_token: Some("view-token-1".into()),
        operator_token: Some("oper-token-1".into()),
        ..web::Settings::default()
    };
    let scene = Scene::new(tokens);
    for (token, arguments, says) in [
        ("", &["list"] as &[&str], "--token"),
        ("guess-1", &["list"], "ISOBAR_TOKEN"),
        ("view-token-1", &["silences"], "an operator's with --token"),
        ("view-token-1", &["test", "slack-ops"], "an operator's with --token"),
        ("bad\ntoken", &["list"], "no token has"),
    ] {
        let failure = scene.say(&[&["--token", token], arguments].concat()).await.unwrap_err();
        assert!(failure.message.contains(says) && failure.code == 1, "{token:?} {arguments:?}: {}", failure.message);
        assert!(token.is_empty() || !failure.message.contains(token), "{}", failure.message);
    }
    assert!(scene.say(&["--token", "view-token-1", "list"]).await.is_ok());
    assert!(scene.say(&["--token", "oper-token-1", "test", "slack-ops"]).await.is_ok());
}

#[actix_web::test]
async fn a_node_that_is_not_there_or_is_none_is_named_without_secrets() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = say(&format!("http://me:S3CRET@{free}"), &["list"]).await.unwrap_err();
    assert!(failure.message.contains("is a node running there? --server"), "{}", failure.message);
    assert!(failure.message.contains(&free.to_string()) && !failure.message.contains("S3CRET"), "{}", failure.message);
    for (answer, says) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "not JSON"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "it answers 502"),
        ("HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n", "it answers 302"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"alerts\":[{}]}", "same version"),
        ("nonsense\r\n\r\n", "cannot ask"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4_096];
            let read = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        let failure = say(&format!("http://{addr}/behind/a/proxy/"), &["list"]).await.unwrap_err();
        assert!(failure.message.contains(says), "{answer}: {}", failure.message);
        assert!(
            other.join().unwrap().starts_with("GET /behind/a/proxy/api/alerts?state=pending"),
            "a path before the API is kept"
        );
    }
    for (server, says) in [("ftp://h", "http://"), ("localhost:3000", "http://"), ("", "--server"), ("http://", "--server")] {
        let failure = say(server, &["list"]).await.unwrap_err();
        assert!(failure.code == 2 && failure.message.contains(says), "{server}: {}", failure.message);
    }
}

#[actix_web::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key, none) = (dir.path().join("cert.pem"), dir.path().join("key.pem"), dir.path().join("none.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(&none, "not a certificate").unwrap();
    let scene = Scene::new(web::Settings { tls_cert: Some(cert.clone()), tls_key: Some(key), ..web::Settings::default() });
    let server = format!("https://localhost:{}", scene.web.addr.port());
    let failure = say(&server, &["list"]).await.unwrap_err();
    assert!(failure.message.contains("--ca FILE"), "{}", failure.message);
    assert!(say(&server, &["list", "--ca", cert.to_str().unwrap()]).await.unwrap().contains(ID));
    for (file, says) in [(&none, "PEM"), (&dir.path().join("missing.pem"), "No such file")] {
        let failure = say(&server, &["list", "--ca", file.to_str().unwrap()]).await.unwrap_err();
        assert!(failure.code == 2 && failure.message.contains(says), "{}", failure.message);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_before_anybody_is_asked() {
    for (arguments, says) in [
        (&["silence", "--for", "2h", "--reason", "r", "--by", "x"] as &[&str], "--region"),
        (&["silence", "--region", "x", "--reason", "r", "--by", "x"], "--until"),
        (&["silence", "--region", "x", "--for", "2h", "--until", "2026-11-24T06:00:00Z", "--reason", "r"], "cannot be used with"),
        (&["silence", "--region", "x", "--for", "soon", "--reason", "r"], "soon"),
        (&["silence", "--region", "x", "--until", "tomorrow", "--reason", "r"], "2026-11-24T06:00:00Z"),
        (&["silence", "--region", "x", "--for", "2h", "--by", "x"], "--reason"),
        (&["list", "--all", "--state", "firing"], "cannot be used with"),
        (&["ack"], "<ID>"),
        (&["acknowledge", "x"], "ack"),
        (&[], "explain"),
    ] {
        let said = parse(arguments).map(drop).unwrap_err().to_string();
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    let args = parse(&["--token", "S3CRET", "list"]).unwrap();
    assert!(!format!("{args:?}").contains("S3CRET"));
}
