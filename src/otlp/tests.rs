use super::*;

/// As the JavaScript SDK writes it: whole numbers as text, times too, attributes it alone knows.
const JSON: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},
 {"key":"process.pid","value":{"intValue":"4711"}},{"key":"process.command_args","value":{"arrayValue":{"values":[{"stringValue":"node"}]}}}],
 "droppedAttributesCount":0},"scopeMetrics":[{"scope":{"name":"@opentelemetry/instrumentation-pg","version":"0.51.0"},"metrics":[
 {"name":"db.client.connection.count","description":"","unit":"{connection}","sum":{"aggregationTemporality":2,"isMonotonic":false,
 "dataPoints":[{"attributes":[{"key":"db.client.connection.state","value":{"stringValue":"used"}}],"startTimeUnixNano":"1700000000000000000",
 "timeUnixNano":1700000010000000000,"asInt":"7"}]}},
 {"name":"w","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"count":"3","sum":0.5,"bucketCounts":["1","2"],
 "explicitBounds":[1]}]}},{"name":"g","gauge":{"dataPoints":[{"asDouble":"NaN"},{"asDouble":1},{"asInt":{}}]}},{"name":"s","summary":{"dataPoints":[]}}]}]}]}"#;

#[test]
fn json_is_read_as_sdks_write_it() {
    let read: Export = serde_json::from_str(JSON).unwrap();
    let resource = &read.resource_metrics[0];
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    assert_eq!(text(attributes, "service.name").as_deref(), Some("shop"));
    assert_eq!(text(attributes, "process.pid").as_deref(), Some("4711"));
    assert_eq!(text(attributes, "process.command_args"), None, "a list is not read");
    let metrics = &resource.scope_metrics[0].metrics;
    let Some(Data::Sum(sum)) = &metrics[0].data else { panic!("{:?}", metrics[0]) };
    assert_eq!((sum.aggregation_temporality, sum.data_points[0].value), (CUMULATIVE, Some(Value::AsInt(7))));
    assert_eq!(sum.data_points[0].time_unix_nano, 1_700_000_010_000_000_000);
    let Some(Data::Histogram(histogram)) = &metrics[1].data else { panic!("{:?}", metrics[1]) };
    assert_eq!(histogram.aggregation_temporality, DELTA);
    assert_eq!((histogram.data_points[0].count, histogram.data_points[0].sum), (3, Some(0.5)));
    let Some(Data::Gauge(gauge)) = &metrics[2].data else { panic!("{:?}", metrics[2]) };
    assert!(matches!(gauge.data_points[0].value, Some(Value::AsDouble(nan)) if nan.is_nan()));
    assert_eq!((gauge.data_points[1].value, gauge.data_points[2].value), (Some(Value::AsDouble(1.0)), None));
    assert_eq!(metrics[3].data, None, "a kind that is not read is none");
}

#[test]
fn both_forms_say_the_same() {
    let mut read: Export = serde_json::from_str(JSON).unwrap();
    // NaN equals nothing.
    read.resource_metrics[0].scope_metrics[0].metrics.truncate(2);
    assert_eq!(Export::decode(&read.encode_to_vec()[..]).unwrap(), read);
    assert_eq!(serde_json::from_str::<Export>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
}

#[test]
fn the_bytes_are_those_of_the_protocol() {
    let metric = Metric {
        name: "n".into(),
        unit: "s".into(),
        data: Some(Data::Sum(Sum {
            data_points: vec![NumberPoint { time_unix_nano: 1, value: Some(Value::AsInt(-1)), ..NumberPoint::default() }],
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        })),
        ..Metric::default()
    };
    let point = [0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x31, 255, 255, 255, 255, 255, 255, 255, 255];
    let sum = [&[0x0a, point.len() as u8][..], &point, &[0x10, 2, 0x18, 1]].concat();
    let whole = [&[0x0a, 1, b'n', 0x1a, 1, b's', 0x3a, sum.len() as u8][..], &sum].concat();
    assert_eq!(metric.encode_to_vec(), whole);
    let answer = Response { partial_success: Some(PartialSuccess { rejected_data_points: 2, error_message: "x".into() }) };
    assert_eq!(answer.encode_to_vec(), [0x0a, 5, 0x08, 2, 0x12, 1, b'x']);
    assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"x"}}"#);
    assert_eq!(serde_json::to_string(&Response::default()).unwrap(), "{}");
}
