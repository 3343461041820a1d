//! An OpenTelemetry collector's OTLP/HTTP receiver: the path, the method, the token, the type and the coding must be right, and the bytes
//! must be a request of the protocol with a value, a time and a unit in every point.

use std::{io::Read, time::Duration};

use isobar::otlp::{Data, Export, NumberPoint, Response, text};
use prost::Message;

use super::{
    Refusal,
    http::{Answer, Request, Server},
    log::Log,
};

pub(crate) struct Collector {
    server: Server,
    log: Log<Export>,
}

impl Collector {
    /// The only token that it takes.
    pub(crate) const TOKEN: &str = "collector-token-secret";

    pub(crate) fn start() -> Self {
        let log = Log::new();
        let taken = log.clone();
        let server = Server::start(move |request| match read(request) {
            Ok(export) => {
                taken.push(export);
                let answer = String::from_utf8(Response::default().encode_to_vec()).expect("an empty message");
                Answer::new(200, answer).with("content-type", "application/x-protobuf")
            }
            Err((status, why)) => Answer::new(status, why),
        });
        Self { server, log }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("")
    }

    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        self.server.refuse_next(refusal);
    }

    pub(crate) fn pushes(&self) -> Vec<Export> {
        self.log.all()
    }

    #[track_caller]
    pub(crate) fn stays(&self, pushes: usize, during: Duration) {
        self.log.stays(pushes, during);
    }
}

fn read(request: &Request) -> Result<Export, (u16, String)> {
    let refuse = |status, why: &str| Err((status, why.to_owned()));
    if request.path != "/v1/metrics" {
        return refuse(404, "no such path");
    }
    if request.method != "POST" {
        return refuse(405, "only POST");
    }
    if !request.is_authorized(Collector::TOKEN) {
        return refuse(401, "no token");
    }
    if request.header("content-type") != Some("application/x-protobuf") || request.header("content-encoding") != Some("gzip") {
        return refuse(415, "gzip protobuf only");
    }
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut bytes).map_err(|_| (400, "no gzip".to_owned()))?;
    let export = Export::decode(&bytes[..]).map_err(|_| (400, "no request".to_owned()))?;
    for resource in &export.resource_metrics {
        let attributes = resource.resource.as_ref().map(|resource| &resource.attributes[..]).unwrap_or_default();
        if text(attributes, "service.name").is_none() {
            return refuse(400, "a resource without service.name");
        }
        for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            let points: &[NumberPoint] = match &metric.data {
                Some(Data::Gauge(gauge)) => &gauge.data_points,
                Some(Data::Sum(sum)) if sum.aggregation_temporality == isobar::otlp::CUMULATIVE => &sum.data_points,
                _ => return refuse(400, "a metric of another kind"),
            };
            if metric.name.is_empty() || metric.unit.is_empty() || points.is_empty() {
                return refuse(400, "a metric without name, unit or points");
            }
            if points.iter().any(|point| point.value.is_none() || point.time_unix_nano == 0) {
                return refuse(400, "a point without value or time");
            }
        }
    }
    Ok(export)
}
