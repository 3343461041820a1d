//! Folders of good and bad configurations with what is said about them. `BLESS=1` writes anew what is expected; read the difference
//! before committing it.

mod deployed;
mod watched;

use std::{collections::HashMap, fmt::Write, fs, path::Path};

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::{
    alert::Settings,
    model::{Timestamp, sample::PoolerKind},
};

/// In every value that must not show.
const SECRET: &str = "S3CRET";

fn environment(name: &str) -> Option<String> {
    let table = [
        ("PASSWORD", "S3CRET-from-env"),
        ("VIEWER_TOKEN", "S3CRET-viewer-token"),
        ("OPERATOR_TOKEN", "S3CRET-operator-token"),
        ("SHORT_TOKEN", "S3CRET"),
        ("BAD_DURATION", "S3CRET seconds"),
        ("LISTEN", "S3CRET:3000"),
        ("TIMEOUT", "9s"),
        ("SLACK_HOOK", "https://hooks.example/S3CRET"),
        ("ROUTING_KEY", "S3CRETS3CRETS3CRETS3CRETS3CRETxx"),
        ("SIGNING", "whsec_UzNDUkVULVMzQ1JFVC1TM0NSRVQtUzNDUkVU"),
    ];
    table.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// When all of this is read.
fn now() -> Timestamp {
    Timestamp("2026-11-23T12:00:00Z".parse().expect("a moment"))
}

fn parse(dir: &Path) -> Result<Config, Problems> {
    let files: Vec<_> = folder::files(dir)
        .expect("a folder")
        .iter()
        .map(|path| (path.file_name().expect("named").to_string_lossy().into_owned(), fs::read_to_string(path).expect("text")))
        .collect();
    let read = |path: &str| fs::read_to_string(dir.join(path));
    Config::parse(Path::new("regions"), &files, &[], &Sources { now: now(), env: &environment, read: &read })
}

fn said(dir: &Path) -> String {
    let config = match parse(dir) {
        Err(problems) => return format!("{problems}\n"),
        Ok(config) => config,
    };
    let mut said = format!("{:?}\n{:?}\n", config.web, config.sampling);
    let alerts = &config.alerts;
    let head = Settings { channels: Vec::new(), escalations: Vec::new(), planned: Vec::new(), ..alerts.clone() };
    writeln!(said, "{head:?}").expect("written");
    let lists = [lines(&alerts.channels), lines(&alerts.escalations), lines(&alerts.planned)];
    said.push_str(&lists.concat());
    for target in config.regions.iter().flat_map(|region| &region.targets) {
        let levels = &target.thresholds;
        let (utilization, blocked) = (levels.pool_utilization, levels.blocked_age);
        writeln!(said, "{:?}\n  pool_utilization {utilization} blocked_age {blocked:?}", target.settings).expect("written");
    }
    said.push_str(&lines(&config.regions.iter().flat_map(|region| &region.discoveries).collect::<Vec<_>>()));
    if let Some(bus) = &config.bus {
        writeln!(said, "{bus:?}").expect("written");
    }
    said.push_str(&lines(&config.vantages));
    for warning in config.warnings {
        writeln!(said, "warning: {warning}").expect("written");
    }
    said
}

fn lines(list: &[impl std::fmt::Debug]) -> String {
    list.iter().fold(String::new(), |lines, item| lines + &format!("  {item:?}\n"))
}

fn holds(kind: &str) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config").join(kind);
    let mut cases: Vec<_> = fs::read_dir(&home).expect("cases").map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    let mut differences = String::new();
    for case in cases {
        let said = said(&case);
        assert!(!said.contains(SECRET), "{} shows a secret:\n{said}", case.display());
        assert_eq!(parse(&case).is_err(), kind == "bad", "{}:\n{said}", case.display());
        let expected = case.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &said).expect("written");
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted == said {
            continue;
        }
        writeln!(differences, "\n{} (- expected, + said; BLESS=1 accepts it)", case.display()).expect("written");
        for line in wanted.lines().filter(|line| !said.lines().any(|other| other == *line)) {
            writeln!(differences, "- {line}").expect("written");
        }
        for line in said.lines().filter(|line| !wanted.lines().any(|other| other == *line)) {
            writeln!(differences, "+ {line}").expect("written");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn good_folders_mean_what_they_say() {
    holds("good");
}

#[test]
fn bad_folders_are_told_all_that_is_wrong() {
    holds("bad");
}

#[test]
fn the_examples_load_without_any_environment() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regions");
    let files: Vec<_> = folder::files(&dir)
        .expect("a folder")
        .iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(path).expect("text")))
        .collect();
    let read = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let bare = Config::parse(&dir, &files, &[], &Sources { now: now(), env: &|_| None, read: &read });
    let config = bare.unwrap_or_else(|problems| panic!("{problems}"));
    let regions: Vec<_> = config.regions.iter().map(|region| region.name.as_str()).collect();
    assert_eq!(regions, ["ap-southeast-1", "eu-west-1", "us-east-1"]);
    assert_eq!(config.warnings, []);
    assert_eq!(config.thresholds, Thresholds::default(), "the examples show the defaults");
    assert_eq!(config.sampling, Sampling::default(), "the examples show the defaults");
    assert!(config.web.listen.ip().is_loopback());
    assert_eq!(config.bus, None, "and no bus until there is a Redis");
    let alerts = Settings { planned: Vec::new(), ..config.alerts };
    assert_eq!(format!("{alerts:?}"), format!("{:?}", Settings::default()), "the examples show the defaults");
}

/// With the `#` of every example removed: each key of each kind is shown, and right.
#[test]
fn the_examples_of_channels_and_escalations_are_right() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("regions/global.toml")).expect("text");
    let is_example = |line: &str| line.starts_with('#') && (!line.starts_with("# ") || line.starts_with("#    {"));
    let text: String = text
        .lines()
        .map(|line| if is_example(line) { &line[1..] } else { line })
        .fold(String::new(), |all, line| all + line + "\n");
    let env = |name: &str| {
        Some(match name {
            "ISOBAR_LISTEN" => "127.0.0.1:3000".to_owned(),
            name if name.starts_with("ISOBAR_") => String::new(),
            name if name.ends_with("_URL") => "https://example.com/x".to_owned(),
            "ALERT_WEBHOOK_SECRET" => environment("SIGNING")?,
            "PAGERDUTY_ROUTING_KEY" => environment("ROUTING_KEY")?,
            _ => "secret".to_owned(),
        })
    };
    let files = [("global.toml".to_owned(), text), ("us-east-1.toml".to_owned(), REGION.to_owned())];
    let read = |path: &str| if path == "smtp-ca.pem" { Ok(String::new()) } else { Err(std::io::ErrorKind::NotFound.into()) };
    let config = Config::parse(Path::new("regions"), &files, &[], &Sources { now: now(), env: &env, read: &read });
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let kinds: Vec<_> = config.alerts.channels.iter().map(|channel| channel.kind.as_str()).collect();
    assert_eq!(kinds, ["slack", "slack", "email", "webhook", "qstash", "pagerduty", "alertmanager"]);
    assert_eq!((config.alerts.escalations.len(), config.alerts.planned.len()), (2, 3));
    let warnings: Vec<_> = config.warnings.iter().map(|warning| warning.message.as_str()).collect();
    let unused = "no escalation leads to this channel: it tells nobody of anything";
    assert_eq!(warnings, [unused; 3], "slack-simple, queue and alertmanager");
}

#[test]
fn the_examples_of_targets_that_stand_for_many_are_right() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("regions/us-east-1.toml")).expect("text");
    let (before, from) = text.split_once("# A target may also stand for many").expect("the examples");
    let (examples, behind) = from.split_once("# For the whole region.").expect("what comes after");
    let shown = |line: &str| {
        line.strip_prefix('#').filter(|line| !line.starts_with(' ')).map_or(String::new(), |line| line.to_owned() + "\n")
    };
    let text = format!("{before}{}{behind}", examples.lines().skip(1).map(shown).collect::<String>());
    let env = |name: &str| ["_HOST", "_ACCOUNT"].iter().any(|end| name.ends_with(end)).then(|| "secret".to_owned());
    let read = |path: &str| if path == "patroni-ca.pem" { Ok(String::new()) } else { Err(std::io::ErrorKind::NotFound.into()) };
    let files = [("us-east-1.toml".to_owned(), text)];
    let config = Config::parse(Path::new("regions"), &files, &[], &Sources { now: now(), env: &env, read: &read });
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<_> = config.regions[0].discoveries.iter().map(|config| config.discovery.template.id.target.as_str()).collect();
    assert_eq!(names, ["tenants", "orders"]);
}

/// What one region's text gives, beside an empty `eu-west-1.toml` that is not read.
fn with(global: &str, region: &str, only: &[&str]) -> Result<Config, Problems> {
    let files = [("global.toml", global), ("eu-west-1.toml", "broken ["), ("us-east-1.toml", region)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let only: Vec<_> = only.iter().map(ToString::to_string).collect();
    let secrets: HashMap<_, _> = [("secrets/pw", "S3CRET\n")].into();
    let read = |path: &str| secrets.get(path).map(ToString::to_string).ok_or(std::io::ErrorKind::NotFound.into());
    Config::parse(Path::new("regions"), &files, &only, &Sources { now: now(), env: &environment, read: &read })
}

const REGION: &str = r#"
region = "us-east-1"
[[target]]
name = "shop"
url = "host=db user=me password='file:not/looked/into'"
"#;

#[test]
fn a_region_that_does_not_run_here_cannot_stop_the_node() {
    let config = with("", REGION, &["us-east-1"]).expect("the other is not read");
    assert_eq!(config.regions.len(), 1);
    assert!(with("", REGION, &[]).is_err());
    let problems = with("", REGION, &["us-east-2"]).expect_err("unknown");
    assert_eq!(problems.0[0].fix, "did you mean `us-east-1`?");
}

const FAR: &str = r#"
region = "eu-west-1"
unknown = 1
[[target]]
name = "orders"
url = "postgres://me:${ONLY_THERE}@h/orders"
"#;

/// What a node of `us-east-1` makes of a folder with this far region.
fn beside(global: &str, region: &str, far: &str) -> Result<Config, Problems> {
    let files = [("global.toml", global), ("eu-west-1.toml", far), ("us-east-1.toml", region)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let read = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let sources = Sources { now: now(), env: &environment, read: &read };
    Config::parse(Path::new("regions"), &files, &["us-east-1".to_owned()], &sources)
}

const BUS: &str = "[bus]\nredis = \"redis://:${PASSWORD}@h\"\n";

#[test]
fn with_a_bus_a_node_knows_where_every_region_is_and_nothing_else_of_the_others() {
    let config = beside(BUS, REGION, FAR).unwrap_or_else(|problems| panic!("{problems}"));
    let bus = config.bus.expect("a bus");
    let places: Vec<_> = bus.places.iter().map(|place| (place.region.as_str(), place.url.expose_secret())).collect();
    let shared = "redis://:S3CRET-from-env@h";
    assert_eq!(places, [("eu-west-1", shared), ("us-east-1", shared)]);
    assert_eq!((config.regions.len(), config.vantages.len()), (1, 0));
    assert_eq!((bus.raw.as_millis(), bus.cache.as_secs(), bus.wire, bus.replicas), (250, 10, crate::bus::wire::NEWEST, 0));

    let own = format!("{FAR}[bus]\nredis = \"rediss://h2\"");
    let config = beside(BUS, REGION, &own).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.bus.expect("a bus").places[0].url.expose_secret(), "rediss://h2", "its own wins");
    assert!(beside("[bus]\nredis = \"${UNSET:-}\"", REGION, "broken [").expect("not read").bus.is_none(), "an empty one is none");
}

#[test]
fn a_bus_that_only_some_regions_have_is_a_problem_wherever_it_stands() {
    for (ours, theirs, file) in [("", "[bus]\nredis = \"redis://h\"", "us-east-1.toml"), (BUS, "", "eu-west-1.toml")] {
        let problems = beside("", &format!("{REGION}{ours}"), &format!("{FAR}{theirs}")).expect_err("some without");
        let said: Vec<_> = problems.0.iter().map(|problem| (problem.file.as_str(), problem.key.as_str())).collect();
        assert_eq!(said, [(file, "bus.redis")], "{problems}");
    }
    let broken = beside(BUS, REGION, "broken [").expect_err("where its bus is must be known");
    assert_eq!(broken.0[0].file, "eu-west-1.toml");
}

#[test]
fn a_vantage_must_know_the_way_to_the_target_it_looks_at() {
    let far = format!("{FAR}vantages = [\"us-east-1\"]\n");
    let problems = beside(BUS, REGION, &far).expect_err("the password is not here");
    let [problem] = &problems.0[..] else { panic!("{problems}") };
    assert_eq!((problem.file.as_str(), problem.key.as_str()), ("eu-west-1.toml", "target[0].url"));
    assert!(problem.fix.ends_with("; region us-east-1 needs it, being one of this target's vantages"), "{}", problem.fix);
    let config = beside(BUS, REGION, &far.replace("ONLY_THERE", "PASSWORD")).unwrap_or_else(|problems| panic!("{problems}"));
    let [vantage] = &config.vantages[..] else { panic!("{:?}", config.vantages) };
    assert_eq!((vantage.from.as_str(), vantage.target.to_string().as_str()), ("us-east-1", "eu-west-1/orders"));
}

#[test]
fn a_folder_is_loaded_from_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = Config::load(&dir.path().join("nowhere"), &[]).expect_err("missing");
    assert!(missing.to_string().contains("cannot be read (entity not found)\n    fix:  name a readable folder"), "{missing}");
    let region = REGION.replace("password='file:not/looked/into'", "").replace("\"host", "\"file:url\" # host");
    fs::write(dir.path().join("us-east-1.toml"), region).expect("written");
    fs::write(dir.path().join("url"), "postgres://me@h/shop\n").expect("written");
    fs::write(dir.path().join(".us-east-1.toml"), "an editor's").expect("written");
    let config = Config::load(dir.path(), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(format!("{:?}", config.regions[0].targets[0].settings.url), "me@h:5432/shop");
    fs::write(dir.path().join("eu-west-1.toml"), b"\xff\xfe").expect("written");
    let unreadable = Config::load(dir.path(), &[]).expect_err("not text");
    assert!(unreadable.to_string().contains("eu-west-1.toml: the file cannot be read"), "{unreadable}");
}

#[test]
fn a_target_takes_thresholds_from_the_nearest_layer() {
    let global = "[thresholds]\npool_utilization = 0.5\naverage_query_ms = 100\nblocked_age = \"7s\"";
    let region = format!("[thresholds]\naverage_query_ms = 200\n{}", REGION.replacen("region =", "# ", 1));
    let region = format!("region = \"us-east-1\"\n{region}[target.thresholds]\nblocked_age = \"${{TIMEOUT}}\"\n");
    let config = with(global, &region, &["us-east-1"]).unwrap_or_else(|problems| panic!("{problems}"));
    let target = &config.regions[0].targets[0];
    let levels = &target.thresholds;
    assert_eq!((levels.pool_utilization, levels.average_query_ms), (0.5, 200.0));
    assert_eq!(levels.blocked_age.as_secs(), 9);
    assert!((target.settings.slow_query_ms - 200.0).abs() < f64::EPSILON);
    assert!((config.thresholds.average_query_ms - 100.0).abs() < f64::EPSILON);
}

#[test]
fn a_token_comes_whole_from_its_variable() {
    let web = "[web]\nlisten = \"0.0.0.0:80\"\nviewer_token = \"${VIEWER_TOKEN}\"\noperator_token = \"${OPERATOR_TOKEN}\"";
    let config = with(web, REGION, &["us-east-1"]).expect("guarded");
    assert_eq!(config.web.viewer_token.expect("set").expose_secret(), "S3CRET-viewer-token");
}

#[test]
fn listening_elsewhere_needs_tokens_beyond_loopback() {
    let mut config = with("", REGION, &["us-east-1"]).expect("valid");
    for (listen, allowed) in [("127.0.0.9:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("0.0.0.0:1", false)] {
        assert_eq!(config.listen_on(listen.parse().expect("an address")).is_ok(), allowed, "{listen}");
    }
    config.web.operator_token = Some("x".into());
    config.web.public_details = true;
    assert!(config.listen_on("0.0.0.0:1".parse().expect("an address")).is_ok());
}

#[test]
fn problems_are_json_for_programs() {
    let problems = with("[web]\nlistn = \"x\"", REGION, &["us-east-1"]).expect_err("a typo");
    let json = serde_json::to_value(&problems).expect("serialises");
    let expected = serde_json::json!([{
        "file": "global.toml", "line": 2, "key": "web.listn", "value": null, "message": "unknown key", "fix": "did you mean `listen`?"
    }]);
    assert_eq!(json, expected);
}

proptest! {
    #[test]
    fn no_text_panics(cut in 0usize..1200, length in 0usize..80, put in "[\\PC\n\"=\\[\\]]{0,20}") {
        for file in ["regions/us-east-1.toml", "tests/golden/config/good/full/us-east-1.toml", "regions/global.toml"] {
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("text");
            let kept = text.chars().take(cut).chain(put.chars()).chain(text.chars().skip(cut + length));
            let mangled: String = kept.collect();
            for (global, region) in [(mangled.as_str(), REGION), ("", mangled.as_str())] {
                let said = with(global, region, &["us-east-1"]).map_or_else(|problems| problems.to_string(), |config| format!("{config:?}"));
                prop_assert!(!said.is_empty());
            }
        }
    }
}
