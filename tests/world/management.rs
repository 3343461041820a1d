//! A project of Supabase: what its provider says of the services, from the Management API's double to our own API; the projects that
//! nobody watches yet; and a certificate by the provider's own authority.

use std::{net::Ipv4Addr, process::Command};

use isobar::sandbox::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;

use crate::{
    doubles::Management,
    support::{Node, node::BINARY, series, until},
    truth::SOON,
};

const PROJECT: &str = "abcdefghijklmnopqrst";

fn target(name: &str, server: &Postgres, management: &Management, project: &str, token: &str) -> String {
    format!(
        "[[target]]\nname = \"{name}\"\nurl = \"{}\"\n[target.supabase]\nproject = \"{project}\"\naccess_token = \"{token}\"\napi_url = \"{}\"\n",
        server.url("postgres"),
        management.url()
    )
}

fn services(node: &Node, target: &str) -> Vec<(String, String, Option<String>)> {
    let all = node.json(&format!("/api/databases/{target}"));
    let text = |one: &Value, key: &str| one[key].as_str().map(str::to_owned);
    let one = |one: &Value| (text(one, "name").unwrap_or_default(), text(one, "status").unwrap_or_default(), text(one, "error"));
    all["vitals"]["services"].as_array().into_iter().flatten().map(one).collect()
}

#[test]
fn what_the_provider_says_of_its_services_is_shown_and_asked_for_once_per_project() {
    let server = Postgres::start().expect("PostgreSQL");
    let management = Management::start();
    management.add(PROJECT, "Shop", &[]);
    management.break_service("rest", "it answers nothing");
    let targets = ["shop", "again"].map(|name| target(name, &server, &management, PROJECT, Management::TOKEN)).concat();
    let (node, _dir) = Node::configured(&[("local.toml", &format!("region = \"local\"\n{targets}"))]);
    for name in ["shop", "again"] {
        let (seen, _) = until("the services", SOON, || {
            let seen = services(&node, &format!("local/{name}"));
            if seen.len() == 6 { Ok(seen) } else { Err(format!("{seen:?}")) }
        });
        assert!(seen.contains(&("db".to_owned(), "ACTIVE_HEALTHY".to_owned(), None)), "{seen:?}");
        assert!(seen.contains(&("rest".to_owned(), "UNHEALTHY".to_owned(), Some("it answers nothing".to_owned()))), "{seen:?}");
    }
    node.expect_status("local/shop", "healthy", "", SOON);
    let metrics = series(&node.get("/metrics").text().expect("a page"));
    let up = |service: &str| {
        let found = metrics.iter().find(|(key, _)| {
            key.starts_with("isobar_service_up{")
                && key.contains("target=\"shop\"")
                && key.contains(&format!("service=\"{service}\""))
        });
        found.map(|(_, value)| *value)
    };
    assert_eq!((up("db"), up("rest")), (Some(1.0), Some(0.0)));
    let asked = management.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(!node.log().contains(Management::TOKEN));
}

/// What is missing of the services, with the fix.
fn refusal(project: &str, token: &str, management: &Management) -> (String, String) {
    let server = Postgres::start().expect("PostgreSQL");
    let region = format!("region = \"local\"\n{}", target("shop", &server, management, project, token));
    let (node, _dir) = Node::configured(&[("local.toml", &region)]);
    let named = |sample: &Value| {
        let missing = sample["probe"]["missing"].as_array()?.iter().find(|one| one["field"] == "vitals.services")?.clone();
        Some((missing["cause"].as_str()?.to_owned(), missing["fix"].as_str().unwrap_or_default().to_owned()))
    };
    let (sample, _) = node.expect("local/shop", "why services are missing", SOON, |sample| named(sample).is_some());
    let (sample, _) =
        if sample["status"] == "healthy" { (sample, SOON) } else { node.expect_status("local/shop", "healthy", "", SOON) };
    assert!(!node.log().contains(token) && !sample.to_string().contains(token), "the token is a secret");
    named(&sample).expect("still missing")
}

#[test]
fn a_refusal_of_the_provider_is_said_with_its_fix_and_harms_nothing_else() {
    let management = Management::start();
    management.add(PROJECT, "Shop", &[]);
    let (cause, fix) = refusal(PROJECT, "sbp_wrong", &management);
    assert!(cause.contains("(401)") && fix.contains("Access Tokens"), "{cause}: {fix}");
    let (cause, fix) = refusal(&"z".repeat(20), Management::TOKEN, &management);
    assert!(cause.contains("(403)") && fix.contains("organisation"), "{cause}: {fix}");
}

#[test]
fn a_limit_that_is_used_up_is_not_knocked_against() {
    let management = Management::limited_to(0);
    management.add(PROJECT, "Shop", &[]);
    let (cause, _) = refusal(PROJECT, Management::TOKEN, &management);
    assert!(cause.contains("(429)") || cause.contains("limit is used up"), "{cause}");
    let asked = management.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn a_check_lists_what_nobody_watches_with_blocks_that_can_be_used_as_they_are() {
    let server = Postgres::start().expect("PostgreSQL");
    let management = Management::start();
    let (other, replica) = ("b".repeat(20), format!("{}-rr-eu-west-1-abcde", "b".repeat(20)));
    management.add(PROJECT, "Shop", &[("PRIMARY", PROJECT)]);
    management.add(&other, "Orders (new)", &[("PRIMARY", &other), ("READ_REPLICA", &replica)]);
    let dir = tempfile::tempdir().expect("a folder");
    let region = format!("region = \"local\"\n{}", target("shop", &server, &management, PROJECT, Management::TOKEN));
    std::fs::write(dir.path().join("local.toml"), &region).expect("a file");
    let check = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["check", "--config"]).arg(dir.path()).args(more);
        command.env("ORDERS_NEW_PASSWORD", "secret").env("SUPABASE_ACCESS_TOKEN", Management::TOKEN);
        String::from_utf8(command.output().expect("the binary runs").stdout).expect("text")
    };
    let found: Value = serde_json::from_str(&check(&["--json"])).expect("JSON");
    let unwatched = found["supabase"][0]["unwatched"].as_array().expect("a list");
    let kinds: Vec<_> = unwatched.iter().map(|one| one["database_type"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["PRIMARY", "READ_REPLICA"], "{found}");
    let text = check(&[]);
    assert!(text.contains("# not watched: Orders (new)") && !text.contains(Management::TOKEN), "{text}");

    let blocks: String = unwatched.iter().filter_map(|one| one["block"].as_str()).collect();
    std::fs::write(dir.path().join("prod-ca-2021.crt"), authority("ca").pem()).expect("a file");
    let api = format!(
        "{region}{}",
        blocks.replace("[target.supabase]\n", &format!("[target.supabase]\napi_url = \"{}\"\n", management.url()))
    );
    std::fs::write(dir.path().join("local.toml"), api).expect("a file");
    let found: Value = serde_json::from_str(&check(&["--json"])).expect("JSON");
    assert_eq!(found["problems"], Value::Null, "{found}");
    assert_eq!(found["targets"].as_array().map(Vec::len), Some(3), "{found}");
    assert_eq!(found["supabase"][0]["unwatched"], serde_json::json!([]), "{found}");
}

pub(crate) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

#[test]
fn a_server_certified_by_the_providers_own_authority_is_known_by_a_file_beside_the_configuration() {
    let (ours, other) = (authority("Supabase Root 2021 CA"), authority("another"));
    let key = KeyPair::generate().expect("a key");
    let names = vec![Ipv4Addr::LOCALHOST.to_string()];
    let certificate = CertificateParams::new(names).expect("parameters").signed_by(&key, &ours).expect("a certificate");
    let server = Postgres::builder().tls(&certificate.pem(), &key.serialize_pem()).start().expect("PostgreSQL");
    let watch = |file: &str| {
        let url = format!("{}?sslmode=verify-full&sslrootcert={file}", server.url("postgres"));
        let region = format!("region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{url}\"\n");
        Node::configured(&[("local.toml", &region), ("prod-ca-2021.crt", &ours.pem()), ("other.crt", &other.pem())])
    };
    let (node, _dir) = watch("prod-ca-2021.crt");
    let (sample, _) = node.expect_status("local/shop", "healthy", "", SOON);
    let timed = |sample: &Value| sample["reachability"]["phases"]["tls"].as_f64().is_some();
    assert!(timed(&sample) || timed(&node.expect("local/shop", "the handshake timed", SOON, timed).0));
    let (node, _dir) = watch("other.crt");
    let (sample, _) = node.expect_status("local/shop", "unhealthy", "database_rejecting", SOON);
    assert!(sample["reachability"]["outcome"] == "tls_failed", "{sample}");
}
