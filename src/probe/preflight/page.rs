//! A page of metrics, phase by phase. It is evidence, so the worst it can be is that something is missing.

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{Finding, Level, WITHIN};
use crate::{
    clock,
    probe::scrape::{Source, client::Reader},
};

pub(super) async fn check(part: &str, source: &Source) -> Vec<Finding> {
    let finding =
        |check, level, detail: String, fix: Option<String>| Finding { part: part.to_owned(), check, level, detail, fix };
    let mut findings = Vec::new();
    let address = source.host_and_port();
    let asked = clock::now();
    let found = match timeout(WITHIN, lookup_host(address.clone())).await {
        Ok(Ok(mut found)) => found.next(),
        _ => None,
    };
    let Some(found) = found else {
        let fix = "check the host in `metrics_url` (or `project`), and this machine's resolver".to_owned();
        return vec![finding("metrics DNS", Level::Degraded, format!("{address} does not resolve"), Some(fix))];
    };
    let since = |from: std::time::Instant| format!("{:.1} ms", clock::now().saturating_duration_since(from).as_secs_f64() * 1e3);
    findings.push(finding("metrics DNS", Level::Good, since(asked), None));
    let asked = clock::now();
    if !matches!(timeout(WITHIN, TcpStream::connect(found)).await, Ok(Ok(_))) {
        let fix = format!("check that something listens at {address}, and the firewalls between here and there");
        findings.push(finding("metrics TCP", Level::Degraded, format!("no connection to {address}"), Some(fix)));
        return findings;
    }
    findings.push(finding("metrics TCP", Level::Good, since(asked), None));
    let reader = match Reader::new(source.clone()) {
        Ok(reader) => reader,
        Err(missing) => {
            findings.push(finding("metrics", Level::Degraded, missing.cause, missing.fix));
            return findings;
        }
    };
    findings.push(match reader.read().await.and_then(|heard| heard.figures) {
        Ok(figures) if figures.is_empty() => finding(
            "metrics",
            Level::Good,
            "readable; nothing in them is known here yet, as before the first client".to_owned(),
            None,
        ),
        Ok(figures) => finding("metrics", Level::Good, format!("readable, {} known series", figures.len()), None),
        Err(missing) => finding("metrics", Level::Degraded, missing.cause, missing.fix),
    });
    if let Some(unwell) = reader.unwell().await {
        findings.push(finding("health", Level::Degraded, unwell, Some("see the pooler's log".to_owned())));
    }
    findings
}
