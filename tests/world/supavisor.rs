//! A Supavisor of one's own: its pools by its page of metrics, whether clients get in by clients alone.

use std::{
    net::Ipv4Addr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use isobar::sandbox::{PgBouncer, Postgres};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::{
    doubles::{Front, Lie, Pages},
    management::authority,
    supabase::lack,
    support::{Node, node, node::BINARY, secs, series},
    truth::SOON,
};

/// As Supavisor 2.9 writes it, shortened; of two tenants.
fn page(times: u64) -> String {
    let of = |tenant: &str| {
        format!(
            "tenant=\"{tenant}\",user=\"app\",mode=\"transaction\",type=\"single\",db_name=\"shop\",search_path=\"a,b\",region=\"eu\""
        )
    };
    let (dev, other) = (of("dev"), of("other"));
    let (waited, checkouts) = (1_000 + 300 * times, 100 + 15 * times);
    format!(
        "# TYPE supavisor_connections_active gauge\nsupavisor_connections_active{{{dev},app_name=\"web\"}} 7\n\
         supavisor_connections_active{{{dev},app_name=\"jobs,tenant=other\"}} 2\nsupavisor_connections_active{{{other},app_name=\"x\"}} 99\n\
         supavisor_pool_connections_checked_out{{{dev}}} 3\nsupavisor_pool_connections_idle{{{dev}}} 2\n\
         # TYPE supavisor_pool_checkout_duration_local histogram\n\
         supavisor_pool_checkout_duration_local_bucket{{{dev},le=\"+Inf\"}} {checkouts}\n\
         supavisor_pool_checkout_duration_local_sum{{{dev}}} {waited}\nsupavisor_pool_checkout_duration_local_count{{{dev}}} {checkouts}\n# EOF\n"
    )
}

struct World {
    node: Node,
    dir: tempfile::TempDir,
    front: PgBouncer,
    _server: Postgres,
}

fn watched(pages: &Pages, secret: &str) -> World {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let front = PgBouncer::builder().database("shop", &server).pool_mode("transaction").start().expect("PgBouncer");
    let region = format!(
        "region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n[[target.pooler]]\nkind = \"supavisor\"\nmetrics_url = \"{}\"\n\
         metrics_secret = \"{secret}\"\ntenant = \"dev\"\nclient_url = \"{}\"\n",
        server.url("shop"),
        pages.url(),
        front.url_as("isobar", "shop")
    );
    let global = "[sampling]\npooler_metrics = \"1s\"\nclient_check = \"1s\"\n";
    let (node, dir) = Node::configured(&[("global.toml", global), ("local.toml", &region)]);
    World { node, dir, front, _server: server }
}

fn mean(sample: &Value) -> Option<f64> {
    sample["connectionPool"]["averageWaitTime"].as_f64()
}

#[test]
fn pools_are_those_of_the_tenant_and_what_supavisor_does_not_tell_is_null() {
    let pages = Pages::supavisor(Duration::ZERO, page);
    let world = watched(&pages, Pages::JWT_SECRET);
    let (sample, _) = world.node.expect("local/shop", "the mean wait", SOON, |sample| {
        mean(sample) == Some(20.0) && sample["status"] == "healthy" && sample["poolers"][0]["up"] == true
    });
    let pool = &sample["poolers"][0]["pools"][0];
    assert_eq!(
        (&pool["user"], &pool["clientsActive"], &pool["serversActive"]),
        (&"app.dev".into(), &9.into(), &3.into()),
        "{pool}"
    );
    assert!(pool["clientsWaiting"].is_null() && pool["maxWaitTime"].is_null() && pool["size"].is_null(), "{pool}");
    let whole = &sample["connectionPool"];
    assert_eq!((whole["totalConnections"].as_u64(), whole["activeConnections"].as_u64()), (Some(5), Some(3)), "{whole}");
    assert!(whole["waitingClients"].is_null() && lack(&sample, "connectionPool.waitingClients").is_some(), "{sample}");
    assert!(pages.asked().iter().all(|path| path == "/metrics/dev"), "{:?}", pages.asked());
    let all = world.node.json("/api/health/database").to_string();
    assert!(all.contains("\"kind\":\"supavisor\"") && all.contains("\"averageWaitTime\":20.0"), "{all}");
    let metrics = series(&world.node.get("/metrics").text().expect("a page"));
    let value = |name: &str| metrics.iter().find(|(key, _)| key.starts_with(name)).map(|(_, value)| *value);
    assert_eq!(value("pgbouncer_pools_client_active_connections{"), Some(9.0));
    assert_eq!(value("pgbouncer_pools_client_waiting_connections{"), None, "unknown is no series");
    assert!(!world.node.log().contains(Pages::JWT_SECRET));
}

#[test]
fn counters_that_run_backwards_tell_nothing_and_soon_tell_again() {
    let again = Arc::new(AtomicBool::new(false));
    let restarted = Arc::clone(&again);
    let mut base = 0;
    let pages = Pages::supavisor(Duration::ZERO, move |times| {
        if restarted.swap(false, Ordering::Relaxed) {
            base = times;
            return page(0).replace(" 1000\n", " 10\n").replace(" 100\n", " 1\n");
        }
        page(times - base)
    });
    let world = watched(&pages, Pages::JWT_SECRET);
    world.node.expect("local/shop", "the mean wait", SOON, |sample| mean(sample) == Some(20.0));
    again.store(true, Ordering::Relaxed);
    let (sample, _) = world.node.expect("local/shop", "no mean wait", SOON, |sample| {
        assert!(mean(sample).is_none_or(|mean| mean >= 0.0), "{sample}");
        mean(sample).is_none() && lack(sample, "connectionPool.averageWaitTime").is_some_and(|(cause, _)| cause.contains("anew"))
    });
    assert_eq!(sample["status"], "healthy");
    world.node.expect("local/shop", "the mean wait", SOON, |sample| mean(sample) == Some(20.0));
}

#[test]
fn metrics_that_do_not_answer_page_nobody_and_clients_that_do_not_get_in_do() {
    let pages = Pages::supavisor(Duration::ZERO, page);
    let world = watched(&pages, Pages::JWT_SECRET);
    let node = &world.node;
    node.expect("local/shop", "the mean wait", SOON, |sample| mean(sample).is_some());
    for (lie, says) in
        [(Lie::Trouble, "(500)"), (Lie::Html, "for people"), (Lie::Endless, "longer than 8 MiB"), (Lie::Gzip, "packed")]
    {
        pages.lie(Some(lie));
        let (sample, _) = node.expect("local/shop", says, secs(30), |sample| {
            lack(sample, "connectionPool").is_some_and(|(cause, _)| cause.contains(says))
        });
        assert_eq!((&sample["status"], &sample["poolers"][0]["up"]), (&"healthy".into(), &true.into()), "{lie:?}: {sample}");
    }
    pages.lie(None);
    pages.fail_check("database");
    node.expect("local/shop", "the mean wait", SOON, |sample| mean(sample).is_some());
    world.front.kill();
    let (sample, _) = node.expect_status("local/shop", "unhealthy", "pooler_down", SOON);
    let reason = node::reason(&sample, "pooler_down").expect("a reason").to_string();
    assert!(reason.contains("its own health check fails: database"), "{reason}");
    assert_eq!(sample["poolers"][0]["up"], false, "{sample}");
}

#[test]
fn a_wrong_secret_is_said_with_the_fix_by_the_node_and_by_the_check() {
    let pages = Pages::supavisor(Duration::ZERO, page);
    let world = watched(&pages, "wrong-S3CRET");
    let (sample, _) = world.node.expect("local/shop", "why", SOON, |sample| {
        lack(sample, "connectionPool").is_some_and(|(cause, _)| cause.contains("(403)")) && sample["status"] == "healthy"
    });
    let (_, fix) = lack(&sample, "connectionPool").expect("a cause");
    assert!(fix.contains("METRICS_JWT_SECRET"), "{fix}");
    let output = Command::new(BINARY).args(["check", "--config"]).arg(world.dir.path()).output().expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("METRICS_JWT_SECRET") && text.contains("metrics DNS") && !text.contains("wrong-S3CRET"), "{text}");
    assert!(!world.node.log().contains("wrong-S3CRET"));
}

#[test]
fn a_pooler_of_which_neither_its_metrics_nor_a_client_tells_is_neither_up_nor_down() {
    let server = Postgres::start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    let pages = Pages::supavisor(Duration::ZERO, page);
    let region = format!(
        "region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n[[target.pooler]]\nkind = \"supavisor\"\nmetrics_url = \"{}\"\n\
         metrics_secret = \"{}\"\ntenant = \"dev\"\n",
        server.url("shop"),
        pages.url(),
        Pages::JWT_SECRET
    );
    let (node, _dir) = Node::configured(&[("global.toml", "[sampling]\npooler_metrics = \"1s\"\n"), ("local.toml", &region)]);
    let up = |sample: &Value| sample["poolers"][0]["up"].clone();
    node.expect("local/shop", "the page's word", SOON, |sample| up(sample) == true && sample["status"] == "healthy");
    pages.lie(Some(Lie::Trouble));
    let (sample, _) = node.expect("local/shop", "an unknown pooler", SOON, |sample| {
        sample["poolers"][0].is_object() && up(sample).is_null() && sample["poolers"][0]["outcome"].is_null()
    });
    let (cause, fix) = lack(&sample, "poolers.up").expect("a cause");
    assert!(cause.contains("no client tells") && fix.contains("client_url"), "{cause}: {fix}");
    assert_eq!(sample["status"], "healthy", "{sample}");
    let text = node.get("/metrics").text().expect("a page");
    assert!(!series(&text).iter().any(|(key, _)| key.starts_with("pgbouncer_up{")), "{text}");
    pages.lie(None);
    node.expect("local/shop", "the page's word again", SOON, |sample| up(sample) == true && lack(sample, "poolers.up").is_none());
}

#[test]
fn a_page_whose_certificate_does_not_hold_is_a_step_of_the_check_with_its_fix() {
    let (ours, other) = (authority("ours"), authority("another"));
    let (supabase, supavisor) = (Pages::supabase(Duration::ZERO, crate::supabase::page), Pages::supavisor(Duration::ZERO, page));
    let front = |name: &str, is_old: bool, by: &_, pages: &Pages| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if is_old {
            params.not_after = date_time_ymd(2021, 4, 26);
        }
        Front::start(&params.signed_by(&key, by).expect("a certificate").pem(), &key.serialize_pem(), &pages.url())
    };
    let here = Ipv4Addr::LOCALHOST.to_string();
    let cases = [
        ("trusted", front(&here, false, &ours, &supabase), ""),
        ("unknown", front(&here, false, &other, &supabase), "SSL_CERT_FILE"),
        ("named", front("elsewhere.test", false, &ours, &supabase), "a host that the certificate names in `metrics_url`"),
        ("old", front(&here, true, &ours, &supabase), "renew"),
    ];
    let database = "postgres://isobar@127.0.0.1:1/shop"; // nobody listens there, which is no matter here
    let target = |name: &str, section: &str| format!("[[target]]\nname = \"{name}\"\nurl = \"{database}\"\n{section}");
    let project = |name: &str, url: &str| {
        let project = "[target.supabase]\nproject = \"abcdefghijklmnopqrst\"";
        target(name, &format!("{project}\nsecret_key = \"{}\"\nmetrics_url = \"{url}\"\n", Pages::KEY))
    };
    let mut region = "region = \"local\"\n".to_owned();
    region.extend(cases.iter().map(|(name, front, _)| project(name, &front.url())));
    region += &project("plain", &supabase.url().replace("http://", "https://"));
    let behind = front(&here, false, &other, &supavisor);
    let pooler = format!(
        "[[target.pooler]]\nkind = \"supavisor\"\nmetrics_url = \"{}\"\nmetrics_secret = \"{}\"\n",
        behind.url(),
        Pages::JWT_SECRET
    );
    region += &target("pooler", &pooler);
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("local.toml"), region).expect("a file");
    let trusted = dir.path().join("authorities.pem");
    std::fs::write(&trusted, ours.pem()).expect("a file");

    let mut command = Command::new(BINARY);
    let output = command.args(["check", "--json", "--config"]).arg(dir.path()).env("SSL_CERT_FILE", &trusted).output();
    let found: Value = serde_json::from_slice(&output.expect("the binary runs").stdout).expect("JSON");
    let step = |name: &str, check: &str| {
        let target = found["targets"].as_array()?.iter().find(|target| target["target"] == name)?;
        target["findings"].as_array()?.iter().find(|finding| finding["check"] == check).cloned()
    };
    let refused = cases.iter().filter(|case| !case.2.is_empty()).map(|(name, _, fix)| (*name, *fix));
    for (name, fix) in refused.clone().chain([("plain", "http://"), ("pooler", "SSL_CERT_FILE")]) {
        let tls = step(name, "metrics TLS").unwrap_or_else(|| panic!("{name}: no step in {found}"));
        assert!(tls["detail"].as_str().is_some_and(|detail| detail.starts_with("TLS failed: ")), "{name}: {tls}");
        assert!(tls["level"] == "degraded" && tls["fix"].as_str().is_some_and(|said| said.contains(fix)), "{name}: {tls}");
        assert_eq!(step(name, "metrics"), None, "{name}: nothing is asked of whom nobody can trust");
    }
    assert_eq!(step("trusted", "metrics TLS").map(|tls| tls["level"].clone()), Some("good".into()), "{found}");
    assert!(step("trusted", "metrics").is_some_and(|read| read["level"] == "good"), "{found}");

    // The node says the same.
    let mut command = Command::new(BINARY);
    command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(dir.path()).env("SSL_CERT_FILE", &trusted);
    let node = Node::launch(command);
    for (name, fix) in refused {
        node.expect(&format!("local/{name}"), fix, SOON, |sample| {
            lack(sample, "vitals.host").is_some_and(|(cause, said)| cause.contains("TLS failed") && said.contains(fix))
        });
    }
}
