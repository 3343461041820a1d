//! What `deploy/` gives to others to run: rules, a dashboard, a unit, a manifest. Their own tools judge them, and what they say about Isobar is
//! held against Isobar.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::node::BINARY;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(deploy(path)).expect("text")
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `.ci/setup test` installs it"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn promtool(arguments: &[&str], files: &[&Path]) {
    let output = run(Command::new("/usr/bin/promtool").args(arguments).args(files));
    assert!(output.status.success(), "{}", said(&output));
}

/// YAML as JSON, each document of it.
fn documents(yaml: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
    let mut reader = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python with its package yaml");
    reader.stdin.take().expect("piped").write_all(yaml.as_bytes()).expect("taken");
    let output = reader.wait_with_output().expect("an end");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
}

/// The families of the golden page, and those whose names stand in the code that writes the page: one target has not all of them.
fn exported() -> BTreeSet<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(top.join("tests/golden/web/metrics.txt")).expect("the golden page");
    let seen = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(ToOwned::to_owned));
    let mut names: BTreeSet<String> = seen.collect();
    for entry in fs::read_dir(top.join("src/web/metrics")).expect("the code of the page") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            let code = fs::read_to_string(path).expect("a file");
            let literals = code.split('"').skip(1).step_by(2).filter(|text| !text.contains(['{', ' ', '\n']));
            names.extend(literals.filter(|text| text.starts_with("isobar_") || text.starts_with("pg_")).map(ToOwned::to_owned));
        }
    }
    names
}

/// The words of an expression that are metrics: all of Isobar's have a part before an underscore, and no function or label of ours does.
fn metrics(expression: &str) -> BTreeSet<String> {
    let mut outside = String::new();
    for (nth, part) in expression.split('"').enumerate() {
        outside.push_str(if nth % 2 == 0 { part } else { " " });
    }
    let words = outside.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let known = ["isobar_", "pg_", "pgbouncer_", "process_"];
    // A state set's label has the metric's own name, which does no harm.
    words.filter(|word| known.iter().any(|start| word.starts_with(start))).map(ToOwned::to_owned).collect()
}

#[track_caller]
fn assert_exported(what: &str, expression: &str) {
    let strange: Vec<_> = metrics(expression).difference(&exported()).cloned().collect();
    assert!(strange.is_empty() && !metrics(expression).is_empty(), "{what}: {strange:?} in {expression}");
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    let dir = deploy("prometheus");
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &[&dir.join("rules.yml")]);
    promtool(&["test", "rules"], &[&dir.join("rules-test.yml")]);
}

#[test]
fn every_rule_is_about_what_isobar_exports() {
    let rules = &documents(&text("prometheus/rules.yml"))[0];
    let groups = rules["groups"].as_array().expect("groups");
    let all: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    let mut names = BTreeSet::new();
    for rule in &all {
        let name = rule["alert"].as_str().expect("an alert");
        assert!(names.insert(name), "{name} comes twice");
        assert!(
            ["low", "medium", "high", "critical"].contains(&rule["labels"]["severity"].as_str().expect("a severity")),
            "{name}"
        );
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
        assert_exported(name, rule["expr"].as_str().expect("an expression"));
    }
    assert!(all.len() > 20, "{names:?}");
}

#[test]
fn every_panel_of_the_dashboard_asks_for_what_isobar_exports() {
    let board: Value = serde_json::from_str(&text("grafana/isobar.json")).expect("JSON");
    assert_eq!(
        (board["uid"].as_str(), &board["id"]),
        (Some("isobar"), &Value::Null),
        "provisioned under the same address anywhere"
    );
    let variables = board["templating"]["list"].as_array().expect("variables");
    assert_eq!(variables[0]["type"], "datasource");
    let (mut rows, mut ids, mut expressions) = (Vec::new(), BTreeSet::new(), Vec::new());
    for panel in board["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: an id of another panel");
        if panel["type"] == "row" {
            rows.push(title);
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().expect("an expression");
            assert_exported(title, expression);
            expressions.push(expression.replace("$__rate_interval", "1m"));
        }
    }
    assert_eq!(rows, ["World", "Target", "Pool", "Queries", "Incidents", "Isobar itself", "Copies, upkeep, applications"]);
    for variable in &variables[1..] {
        assert_exported("a variable", variable["definition"].as_str().expect("a query"));
    }
    // Prometheus' own parser reads each of them.
    let rules: String =
        expressions.iter().enumerate().map(|(nth, one)| format!("  - record: \"panel:{nth}\"\n    expr: '{one}'\n")).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("panels.yml");
    fs::write(&file, format!("groups:\n- name: panels\n  rules:\n{rules}")).expect("a file");
    promtool(&["check", "rules", "--lint=none"], &[&file]);
}

#[test]
fn systemd_finds_the_unit_sound_and_little_exposed() {
    let unit = text("systemd/isobar.service");
    for line in ["DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "Restart=always"] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let probe = Command::new("systemd-analyze").arg("--version").output();
    if probe.is_err() {
        eprintln!("systemd-analyze is not here: the unit is read, and not judged");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("isobar.service");
    fs::write(&file, unit.replace("/usr/local/bin/isobar", BINARY)).expect("a file");
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&file));
    assert!(output.status.success() && !said(&output).contains("isobar.service"), "{}", said(&output));
    // In tenths of 0 to 10: what is not isolated is the network, which it is there for.
    let output = run(Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=15"]).arg(&file));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_pods_may_do_nothing_but_watch() {
    let documents = documents(&text("kubernetes/isobar.yaml"));
    let of = |kind: &str| documents.iter().filter(|one| one["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let set = of("StatefulSet")[0];
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    for (what, value) in [
        ("no service account", pod["automountServiceAccountToken"] == false),
        ("no root", pod["securityContext"]["runAsNonRoot"] == true && pod["securityContext"]["runAsUser"] == 10001),
        ("seccomp", pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"),
        ("no escalation", container["securityContext"]["allowPrivilegeEscalation"] == false),
        ("a read-only root", container["securityContext"]["readOnlyRootFilesystem"] == true),
        ("no capabilities", container["securityContext"]["capabilities"]["drop"][0] == "ALL"),
        ("liveness", container["livenessProbe"]["httpGet"]["path"] == "/livez"),
        ("readiness", container["readinessProbe"]["httpGet"]["path"] == "/readyz"),
        (
            "requests",
            container["resources"]["requests"]["cpu"].is_string() && container["resources"]["requests"]["memory"].is_string(),
        ),
        ("a limit of memory", container["resources"]["limits"]["memory"].is_string()),
        ("two nodes", set["spec"]["replicas"] == 2),
        ("time to end", pod["terminationGracePeriodSeconds"].as_u64().is_some_and(|seconds| seconds > 5)),
    ] {
        assert!(value, "{what}: {set:#}");
    }
    // What is written lasts; all else is read.
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let written: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != true).map(|mount| &mount["name"]).collect();
    assert_eq!(written, [&set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]]);
    // Each selector finds the pods, and each service its port.
    let labels = set["spec"]["template"]["metadata"]["labels"].as_object().expect("labels");
    let finds =
        |selector: &Value| selector.as_object().is_some_and(|all| all.iter().all(|(key, value)| labels.get(key) == Some(value)));
    assert!(
        finds(&set["spec"]["selector"]["matchLabels"]) && finds(&of("NetworkPolicy")[0]["spec"]["podSelector"]["matchLabels"])
    );
    assert!(finds(&of("PodDisruptionBudget")[0]["spec"]["selector"]["matchLabels"]));
    assert!(of("Service").iter().all(|one| finds(&one["spec"]["selector"]) && one["spec"]["ports"][0]["targetPort"] == "http"));
    assert!(of("Service").iter().any(|one| one["metadata"]["name"] == set["spec"]["serviceName"]));
    let policy = &of("NetworkPolicy")[0]["spec"];
    assert_eq!(policy["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    assert_eq!(policy["ingress"][0]["ports"][0]["port"], container["ports"][0]["containerPort"]);
    assert!(
        policy["egress"].as_array().is_some_and(|all| all.iter().all(|rule| rule["ports"].is_array())),
        "nothing is open at large"
    );
    // Secrets come as files, and none stands in the manifest.
    for (name, file) in of("ConfigMap")[0]["data"].as_object().expect("files") {
        let file = file.as_str().expect("text");
        for key in ["token", "redis", "url"] {
            let secret = |line: &&str| line.split(" = ").next().is_some_and(|found| found.ends_with(key));
            assert!(file.lines().filter(secret).all(|line| line.contains("\"file:/run/secrets/isobar/")), "{name}: {key}");
        }
    }
    assert!(of("Secret").is_empty());
}
