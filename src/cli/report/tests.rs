//! The whole way from fixed answers to what is printed and written, and the command against the real web. `BLESS=1` writes the golden text
//! and page anew.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::Parser;
use serde_json::{Value, json};

use super::{
    figures::tests::{bare, week},
    *,
};
use crate::{cli::Command, model::TargetId};

fn assert_golden(file: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, said).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == said, "{} differs (BLESS=1 accepts it); now:\n{said}", path.display());
}

fn page(gathered: &Gathered) -> String {
    let report = Report::of(gathered);
    html::page(&report, &plots::of(gathered, &report))
}

/// Every element is closed in its order, and there is nothing but text and known elements.
#[track_caller]
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a type");
    let (before, after) = body.split_once("<style>").expect("a style");
    let (_, after) = after.split_once("</style>").expect("its end");
    for text in [before, after] {
        for tag in text.split('<').skip(1) {
            let (inside, rest) = tag.split_once('>').unwrap_or_else(|| panic!("<{tag}"));
            assert!(!rest.contains('>') && inside.matches('"').count() % 2 == 0, "<{tag}");
            let name = inside.split([' ', '\n']).next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "</{name}>"),
                None if inside.ends_with('/') => {}
                None => open.push(name),
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_week_is_the_golden_text() {
    assert_golden("week.txt", &text::text(&Report::of(&week()), 100));
    assert_golden("bare.txt", &text::text(&Report::of(&bare()), 100));
}

#[test]
fn lines_are_as_wide_as_the_terminal() {
    for gathered in [week(), bare()] {
        let said = text::text(&Report::of(&gathered), 60);
        for line in said.lines().filter(|line| !line.trim_start().starts_with(['$', '?'])) {
            assert!(line.chars().count() <= 60, "{line:?}");
        }
    }
}

#[test]
fn a_week_is_the_golden_page() {
    let page = page(&week());
    assert_well_formed(&page);
    assert!(page.matches("<svg").count() == 8 && page.matches("<title id=").count() == 8, "two pools, four plots each");
    assert_golden("week.html", &page);
}

#[test]
fn a_page_needs_nothing_else_and_runs_nothing() {
    for gathered in [week(), bare()] {
        let page = page(&gathered);
        assert_well_formed(&page);
        for forbidden in
            ["<script", "javascript:", "http:", "https:", "url(", "@import", " src=", " href=", "onload", "NaN", "inf"]
        {
            let found = page.find(forbidden).map(|at| &page[at.saturating_sub(60)..(at + 60).min(page.len())]);
            // Within words, such as information.
            let is_word = forbidden == "inf" && !page.contains(">inf") && !page.contains("\"inf") && !page.contains(",inf");
            assert!(found.is_none() || is_word, "{forbidden}: {found:?}");
        }
        assert!(
            page.contains("prefers-color-scheme: dark") && page.contains("@media print") && page.contains("All times are UTC")
        );
    }
}

#[test]
fn names_from_outside_are_text_and_nothing_else() {
    const EVIL: &str = "<script>alert(\"x\")</script>&'\u{202e}txt\u{1b}[2J";
    let mut gathered = week();
    let id = TargetId::new(EVIL, EVIL);
    let past = gathered.pasts.remove(&TargetId::new("us-east-1", "marketing")).unwrap();
    gathered.pasts.insert(id.clone(), past);
    (gathered.samples[0].region, gathered.samples[0].target) = (id.region.clone(), id.target.clone());
    for alert in &mut gathered.alerts {
        (alert.region, alert.target, alert.message) = (id.region.clone(), Some(id.target.clone()), EVIL.to_owned());
        alert.deliveries.iter_mut().for_each(|delivery| EVIL.clone_into(&mut delivery.channel));
        (alert.affects, alert.suppressed_by) = (vec![id.target.clone()], Some(EVIL.to_owned()));
    }
    for it in gathered.advice.recommendations.iter_mut().chain(&mut gathered.advice.past) {
        (it.region, it.target, it.title, it.subject, it.caution) =
            (EVIL.into(), EVIL.into(), EVIL.into(), EVIL.into(), EVIL.into());
        it.change.command = Some(EVIL.into());
    }
    let past = gathered.pasts.get_mut(&id).unwrap();
    past.trends.sentence = Some(EVIL.into());
    past.trends.forecasts[0].sentence = EVIL.into();
    let slower = &mut past.queries.regressions.as_mut().unwrap()[0];
    (slower.text, slower.sentence) = (Some(EVIL.into()), EVIL.into());
    gathered.lacks.insert(EVIL.to_owned());
    gathered.scope.region = Some(EVIL.to_owned());
    let report = Report::of(&gathered);
    let page = page(&gathered);
    assert_well_formed(&page);
    assert!(page.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}txt\u{fffd}[2J"), "{page}");
    let json = terminal::json(&serde_json::to_value(&report).unwrap()).unwrap();
    for said in [page.clone(), text::text(&report, 100), json] {
        assert!(!said.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{said:?}");
    }
    assert!(!page.contains("<script"));
}

fn parse(arguments: &[&str]) -> Result<ReportArgs, clap::Error> {
    match crate::cli::Cli::try_parse_from([&["isobar", "report"], arguments].concat())?.command {
        Command::Report(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn since_is_a_length_or_a_moment_of_the_last_year() {
    let now = figures::tests::at("2026-11-30T00:00:00Z");
    for (text, from) in [
        ("7d", "2026-11-23T00:00:00.000Z"),
        ("12h", "2026-11-29T12:00:00.000Z"),
        ("365d", "2025-11-30T00:00:00.000Z"),
        ("2026-11-24T07:00:00+01:00", "2026-11-24T06:00:00.000Z"),
    ] {
        let args = parse(&["--since", text]).unwrap();
        assert_eq!(args.since.from(now).unwrap().to_string(), from, "{text}");
    }
    for wrong in ["366d", "0s", "ever", "-1d", ""] {
        assert!(parse(&["--since", wrong]).is_err(), "{wrong}");
    }
    for (wrong, says) in [("2026-12-01T00:00:00Z", "to come"), ("2025-11-29T00:00:00Z", "a year ago")] {
        let refused = parse(&["--since", wrong]).unwrap().since.from(now).unwrap_err();
        assert!(refused.code == 2 && refused.message.contains(says), "{}", refused.message);
    }
}

#[test]
fn a_page_is_written_and_what_is_printed_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("week.html");
    let name = file.display().to_string();
    let gathered = week();
    let said = answer(&parse(&["--html", &name]).unwrap(), &gathered, 100).unwrap();
    assert!(said.ends_with(&format!("written to {name}")), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), page(&gathered));
    let json = answer(&parse(&["--html", &name, "--json"]).unwrap(), &gathered, 100).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["incidents"]["total"], &json["pools"][0]["place"]), (&4.into(), &"us-east-1/marketing".into()));
    assert!(json["summary"].as_array().is_some_and(|lines| lines.len() == 3), "{json:#}");
}

/// A node of which each answer is known: by path, its status and body. It tells how many questions it had at most at a time.
struct Double {
    addr: std::net::SocketAddr,
    most: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    fn start(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, answer) = (listener.local_addr().unwrap(), Arc::new(answer));
        let (now, most, asked) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (peak, heard) = (Arc::clone(&most), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, now, peak, heard) = (answer.clone(), now.clone(), peak.clone(), heard.clone());
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                    let Some(first) = lines.next() else { return };
                    lines.for_each(drop);
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(3));
                    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                    let (status, body) = answer(&path);
                    heard.lock().unwrap().push(path);
                    now.fetch_sub(1, Ordering::SeqCst);
                    let body = body.to_string();
                    let top = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    let _ = (&stream).write_all((top + &body).as_bytes());
                });
            }
        });
        Self { addr, most, asked }
    }

    async fn gathered(&self, arguments: &[&str]) -> Result<Gathered, Failure> {
        let server = format!("http://{}", self.addr);
        ask(&parse(&[&["--server", &server], arguments].concat()).unwrap(), figures::tests::at("2026-11-30T00:00:00Z")).await
    }
}

fn refused(status: u16, code: &str, message: &str) -> (u16, Value) {
    (status, json!({ "error": { "code": code, "message": message } }))
}

/// The week's own answers, by path.
fn told(path: &str) -> (u16, Value) {
    let week = week();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path.split('/').skip(2).collect::<Vec<_>>().as_slice() {
        ["databases"] if query.contains("region=nowhere") => {
            refused(404, "no_such_region", "no region named \"nowhere\" is watched by this node")
        }
        ["databases"] => (200, json!({ "databases": week.samples })),
        ["alerts"] => (200, json!({ "alerts": week.alerts, "total": week.alerts.len() })),
        ["recommendations"] => (200, json!({ "recommendations": [], "unknown": [], "new": 1 })),
        ["databases", region, target, "history"] => {
            let figure = query.split('&').find_map(|pair| pair.strip_prefix("metric=")).unwrap_or_default();
            let series = &week.pasts[&TargetId::new(region, target)].series;
            (200, json!(series.iter().find(|(name, _)| **name == figure).expect("a figure").1))
        }
        ["databases", "us-east-1", "marketing", "trends"] => {
            (200, json!({ "sentence": "It grows.", "lookedAt": "2026-11-29T23:00:00Z", "forecasts": "of another form" }))
        }
        ["databases", .., "trends" | "queries"] => (200, json!({ "trends": [], "queries": null })),
        _ => refused(404, "not_found", "nothing is served here; /openapi.json lists what is"),
    }
}

#[tokio::test]
async fn all_is_asked_four_at_a_time_and_what_has_another_form_costs_nothing_else() {
    let node = Double::start(told);
    let gathered = node.gathered(&[]).await.unwrap();
    assert_eq!(gathered.pasts.len(), 2);
    assert!(gathered.pasts.values().all(|past| past.series.len() == gather::FIGURES.len()));
    assert!(gathered.tells.history && gathered.tells.trends && gathered.tells.advice && !gathered.tells.regressions);
    assert_eq!(
        gathered.lacks.iter().collect::<Vec<_>>(),
        ["queries that became slower: this node is of a version that does not tell"]
    );
    let most = node.most.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at a time");
    let asked = node.asked.lock().unwrap().clone();
    let about_wait = asked.iter().find(|path| path.contains("marketing/history") && path.contains("averageWaitTime")).unwrap();
    assert!(about_wait.contains("from=2026-11-23T00%3A00%3A00.000Z&to=2026-11-30T00%3A00%3A00.000Z"), "{about_wait}");
    assert_well_formed(&page(&gathered));
}

#[tokio::test]
async fn a_node_that_lacks_a_part_is_asked_no_more_for_it_and_that_is_said() {
    for (status, code, says) in
        [(404, "not_found", "history: this node is of a version"), (503, "no_history", "history: it keeps none")]
    {
        let node = Double::start(
            move |path| {
                if path.contains("/history") { refused(status, code, "it keeps none") } else { told(path) }
            },
        );
        let gathered = node.gathered(&[]).await.unwrap();
        assert!(!gathered.tells.history && gathered.lacks.iter().any(|lack| lack.starts_with(says)), "{:?}", gathered.lacks);
        let asked = node.asked.lock().unwrap().iter().filter(|path| path.contains("/history")).count();
        assert!(asked <= 12, "four at a time, each three times: {asked}");
        let said = text::text(&Report::of(&gathered), 100);
        assert!(said.contains("tells no history") && !said.contains("seen all the time"), "{said}");
        assert!(!page(&gathered).contains("<svg"));
    }
    let old =
        Double::start(|path| if path.contains("recommendations") { refused(404, "not_found", "nothing") } else { told(path) });
    let gathered = old.gathered(&[]).await.unwrap();
    assert!(text::text(&Report::of(&gathered), 100).contains("advice: this node is of a version that does not tell"));
}

#[tokio::test]
async fn what_cannot_be_asked_fails_as_elsewhere() {
    let node = Double::start(told);
    for (arguments, says) in [
        (&["--region", "nowhere"] as &[&str], "no region named \"nowhere\" is watched"),
        (&["--target", "nothing\u{1b}"], "no target named \"nothing\u{fffd}\" is watched in any region"),
        (&["--html", "/nowhere/at/all/week.html"], "make it first"),
    ] {
        let failure = node.gathered(arguments).await.unwrap_err();
        assert!(failure.message.contains(says), "{arguments:?}: {}", failure.message);
    }
    assert_eq!(node.gathered(&["--target", "billing"]).await.unwrap().pasts.len(), 1);
    let wrong = Double::start(|_| refused(401, "wrong_token", "this token is not known"));
    assert!(wrong.gathered(&[]).await.unwrap_err().message.contains("ISOBAR_TOKEN"));
    // A node that dies half-way through gives no half a report.
    let dying = Double::start(|path| if path.contains("/queries") { refused(401, "wrong_token", "gone") } else { told(path) });
    assert!(dying.gathered(&[]).await.unwrap_err().message.contains("gone"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = ask(&parse(&["--server", &format!("http://{free}")]).unwrap(), clock::wall()).await.unwrap_err();
    assert!(nobody.message.contains("is a node running there?"), "{}", nobody.message);
}
