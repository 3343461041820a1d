use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc,
    time::Duration,
};

use super::{
    Settings,
    collector::{Collector, Ended},
    figures::{Speaker, export},
};
use crate::{
    clock,
    model::{
        NodeName, Status,
        world::{Pushes, Region, Target, World},
    },
    otlp::{Data, Export, Value, text},
};

const GOLDEN: &str = include_str!("../../tests/golden/web/report.json");

/// A world of one target that this node watches and of another's.
fn world() -> World {
    let report: crate::model::Report = serde_json::from_str(GOLDEN).expect("a report");
    let mut other = report.clone();
    std::sync::Arc::make_mut(&mut other.sample).target = "others".into();
    let target = |report: crate::model::Report, node: &str| {
        (report.sample.target.clone(), std::sync::Arc::new(Target::of(report, node.into(), clock::now())))
    };
    let region = Region { targets: [target(report, "n1"), target(other, "n2")].into(), ..Region::unseen() };
    let mut world = World::unseen([], clock::wall(), clock::now());
    world.regions.insert("us-east-1".into(), std::sync::Arc::new(region));
    world
}

fn exported(age: Duration) -> Export {
    let node = NodeName::from("n1");
    let speaker = Speaker { node: &node, version: "0.1.0" };
    export(&world(), &speaker, &Pushes::default(), clock::now() + age, clock::wall())
}

fn values(export: &Export, target: &str) -> BTreeMap<String, Value> {
    let of = |resource: &&crate::otlp::ResourceMetrics| {
        let attributes = &resource.resource.as_ref().expect("a resource").attributes;
        text(attributes, "isobar.target").as_deref() == Some(target)
    };
    let metrics = export.resource_metrics.iter().filter(of).flat_map(|resource| &resource.scope_metrics[0].metrics);
    let value = |metric: &crate::otlp::Metric| {
        let points = match metric.data.as_ref().expect("data") {
            Data::Gauge(gauge) => &gauge.data_points,
            Data::Sum(sum) => &sum.data_points,
            other => panic!("{other:?}"),
        };
        (metric.name.clone(), points[0].value.expect("a value"))
    };
    metrics.map(value).collect()
}

#[test]
fn a_target_is_pushed_with_the_names_that_are_agreed_on_and_by_one_node() {
    let pushed = exported(Duration::ZERO);
    let report: crate::model::Report = serde_json::from_str(GOLDEN).expect("a report");
    let (counters, values_of) = (report.counters.expect("counters"), values(&pushed, report.sample.target.as_str()));
    for (name, expected) in [
        ("postgresql.commits", counters.xact_commit),
        ("postgresql.rollbacks", counters.xact_rollback),
        ("postgresql.deadlocks", counters.deadlocks),
        ("postgresql.backends", counters.numbackends.into()),
        ("postgresql.db_size", report.sample.database.size_bytes.expect("a size")),
    ] {
        assert_eq!(values_of.get(name), Some(&Value::AsInt(expected.cast_signed())), "{name}");
    }
    assert_eq!(values_of["isobar.pool.utilization"], Value::AsDouble(report.sample.connection_pool.utilization.expect("known")));
    assert!(values(&pushed, "others").is_empty(), "another node pushes that");
}

#[test]
fn what_was_not_heard_of_for_long_has_a_status_and_no_figures() {
    let old = values(&exported(Duration::from_mins(1)), "marketing");
    assert_eq!(
        old.keys().map(String::as_str).collect::<Vec<_>>(),
        ["isobar.reachable", "isobar.rule.breached", "isobar.target.status"]
    );
    assert!(Status::Healthy.as_str() == "healthy" && values(&exported(Duration::ZERO), "marketing").len() > 10);
}

/// Answers one request so; the address, and where its head comes.
pub(super) fn answering(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (heads, head) = mpsc::channel();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut read = vec![0; 64 << 10];
        let mut got = 0;
        // A request's body ends with the trailer of gzip, which the head's length tells.
        while let Ok(more) = stream.read(&mut read[got..]) {
            got += more;
            let text = String::from_utf8_lossy(&read[..got]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
            let head = read[..got].windows(4).position(|four| four == b"\r\n\r\n");
            if more == 0 || head.zip(length).is_some_and(|(head, length)| got >= head + 4 + length) {
                let _ = heads.send(text.split("\r\n\r\n").next().unwrap_or_default().to_owned());
                break;
            }
        }
        let _ = stream.write_all(answer.as_bytes());
    });
    (base, head)
}

/// What the collector makes of an answer; and the request's head.
async fn push_to(answer: &'static str) -> (Ended, String) {
    let (base, head) = answering(answer);
    let endpoint = format!("{base}/base/");
    let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer S3CRET".into())]);
    let settings = Settings { endpoint: endpoint.into(), headers, every: Settings::USUAL };
    assert!(!format!("{settings:?}").contains("S3CRET"));
    let collector = Collector::new(&settings).expect("a client");
    let ended = collector.push(&exported(Duration::ZERO), clock::wall()).await;
    (ended, head.recv().expect("a request"))
}

#[actix_web::test]
async fn an_answer_means_what_the_protocol_says() {
    let taken = Ended::Taken { rejected: 0, why: String::new() };
    let later = |status: u16, after: Option<u64>| Ended::Later {
        why: format!("it answers {status}"),
        after: after.map(Duration::from_secs),
    };
    let refused = |why: &str| Ended::Refused(why.to_owned());
    let partial = Ended::Taken { rejected: 2, why: "x y".to_owned() };
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", taken.clone()),
        ("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", taken),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x07\x08\x02\x12\x03x\ny", partial),
        ("HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", later(429, Some(30))),
        ("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n", later(503, None)),
        ("HTTP/1.1 503 Away\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", later(503, None)),
        ("HTTP/1.1 400 Bad\r\nContent-Length: 6\r\n\r\nS3CRET", refused("it answers 400")),
        ("HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", refused("it answers 401")),
        (
            "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            refused("it answers 302; redirects are not followed"),
        ),
    ] {
        let (ended, head) = push_to(answer).await;
        assert_eq!(ended, expected, "{answer:?}");
        assert!(head.starts_with("post /base/v1/metrics "), "{head}");
        assert!(head.contains("authorization: bearer s3cret") && head.contains("content-encoding: gzip"), "{head}");
    }
}

#[actix_web::test]
async fn nobody_there_is_for_later_and_the_cause_shows_no_secret() {
    let settings =
        Settings { endpoint: "http://S3CRET:S3CRET@127.0.0.1:1/S3CRET".into(), headers: BTreeMap::new(), every: Settings::USUAL };
    let ended = Collector::new(&settings).expect("a client").push(&Export::default(), clock::wall()).await;
    let Ended::Later { why, after: None } = &ended else { panic!("{ended:?}") };
    assert!(why.starts_with("no connection") && !why.contains("S3CRET"), "{why}");
    let odd = Settings { headers: [("a".to_owned(), "S3CRET\n".into())].into(), ..settings };
    let why = Collector::new(&odd).err().expect("it is refused");
    assert_eq!(why, "the header a cannot be sent");
}
