//! A page of metrics, phase by phase. It is evidence, so the worst it can be is that something is missing.

use std::{error::Error, sync::Arc};

use rustls::pki_types::ServerName;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Finding, Level, WITHIN};
use crate::{
    clock,
    probe::{
        classify::deepest,
        scrape::{Source, client::Reader, trust::refused},
        tls,
    },
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
    let Ok(Ok(stream)) = timeout(WITHIN, TcpStream::connect(found)).await else {
        let fix = format!("check that something listens at {address}, and the firewalls between here and there");
        findings.push(finding("metrics TCP", Level::Degraded, format!("no connection to {address}"), Some(fix)));
        return findings;
    };
    findings.push(finding("metrics TCP", Level::Good, since(asked), None));
    if source.is_secure() {
        let asked = clock::now();
        if let Err((why, fix)) = shake_hands(stream, &address).await {
            findings.push(finding("metrics TLS", Level::Degraded, why, fix));
            return findings;
        }
        findings.push(finding("metrics TLS", Level::Good, since(asked), None));
    }
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

/// What is wrong, and what to do about it, if the server's certificate does not hold.
async fn shake_hands(stream: TcpStream, address: &str) -> Result<(), (String, Option<String>)> {
    let silent = || Some(format!("check that {address} speaks TLS; write http:// in `metrics_url` where it does not"));
    let failed = |error: &(dyn Error + 'static)| match refused(error) {
        Some((why, fix)) => (why, Some(fix.to_owned())),
        None => (format!("TLS failed: {}", deepest(error)), silent()),
    };
    let config = tls::https().map_err(|why| (why, Some("install this machine's certificates (ca-certificates)".to_owned())))?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    match timeout(WITHIN, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(("TLS failed: no handshake in time".to_owned(), silent())),
    }
}
