//! The words of OpenTelemetry's protocol for metrics, as far as they are spoken here: pools inside applications tell of themselves in them,
//! and Isobar tells collectors of its databases. Bytes of protobuf, or the same as JSON.
//!
//! Written by hand, since the generated crate brings the whole SDK along ([decision 19](../docs/decisions/0019-otlp-by-hand.md)). A field
//! that is not here is skipped by its reader; the numbers are opentelemetry-proto's own and never change.

mod json;

use prost::{Message, Oneof};
use serde::{Deserialize, Serialize};

/// What is sent.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Export {
    /// By who speaks, or what is spoken of.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// Metrics of one resource.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceMetrics {
    /// Which one.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By what measured them.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// Who speaks, or what is spoken of.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    /// `service.name` and the like.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// Metrics that one library measured.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeMetrics {
    /// Which library.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// What it measured.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// A library that measures.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// One metric with its points.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metric {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it says.
    #[prost(string, tag = "2")]
    pub description: String,
    /// Its unit, as UCUM writes it.
    #[prost(string, tag = "3")]
    pub unit: String,
    /// The points.
    #[prost(oneof = "Data", tags = "5, 7, 9, 10")]
    #[serde(flatten)]
    pub data: Option<Data>,
}

/// Points of one kind.
#[derive(Clone, PartialEq, Oneof, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Data {
    /// What is so now.
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    /// What adds up.
    #[prost(message, tag = "7")]
    Sum(Sum),
    /// How values are spread.
    #[prost(message, tag = "9")]
    Histogram(Histogram),
    /// The same with other buckets, of which none is read here.
    #[prost(message, tag = "10")]
    ExponentialHistogram(ExponentialHistogram),
}

/// What is so now.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Gauge {
    /// One per set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
}

/// What adds up.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sum {
    /// One per set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
    /// [`DELTA`] or [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "json::temporality")]
    pub aggregation_temporality: i32,
    /// Whether it only grows.
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

/// How values are spread.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Histogram {
    /// One per set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<HistogramPoint>,
    /// [`DELTA`] or [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "json::temporality")]
    pub aggregation_temporality: i32,
}

/// How values are spread, in buckets that grow by a factor.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExponentialHistogram {
    /// One per set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<ExponentialPoint>,
    /// [`DELTA`] or [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "json::temporality")]
    pub aggregation_temporality: i32,
}

/// What came since the last telling.
pub const DELTA: i32 = 1;
/// What came since the beginning.
pub const CUMULATIVE: i32 = 2;
/// The flag of a point without a value: its series has ended.
pub const NO_VALUE: u32 = 1;

/// One number.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NumberPoint {
    /// Of what.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
    /// Since when it adds up, nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    #[serde(with = "json::number")]
    pub start_time_unix_nano: u64,
    /// When it was so.
    #[prost(fixed64, tag = "3")]
    #[serde(with = "json::number")]
    pub time_unix_nano: u64,
    /// The number.
    #[prost(oneof = "Value", tags = "4, 6")]
    #[serde(flatten)]
    pub value: Option<Value>,
    /// See [`NO_VALUE`].
    #[prost(uint32, tag = "8")]
    pub flags: u32,
}

/// A number of either kind.
#[derive(Clone, Copy, PartialEq, Oneof, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// A broken one.
    #[prost(double, tag = "4")]
    #[serde(deserialize_with = "json::double")]
    AsDouble(f64),
    /// A whole one.
    #[prost(sfixed64, tag = "6")]
    #[serde(with = "json::number")]
    AsInt(i64),
}

/// Many values in a few numbers.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HistogramPoint {
    /// Of what.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// Since when it adds up, nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    #[serde(with = "json::number")]
    pub start_time_unix_nano: u64,
    /// When it was so.
    #[prost(fixed64, tag = "3")]
    #[serde(with = "json::number")]
    pub time_unix_nano: u64,
    /// How many values.
    #[prost(fixed64, tag = "4")]
    #[serde(with = "json::number")]
    pub count: u64,
    /// Their sum.
    #[prost(double, optional, tag = "5")]
    pub sum: Option<f64>,
    /// See [`NO_VALUE`].
    #[prost(uint32, tag = "10")]
    pub flags: u32,
}

/// The same of the other kind of histogram.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExponentialPoint {
    /// Of what.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    /// Since when it adds up, nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    #[serde(with = "json::number")]
    pub start_time_unix_nano: u64,
    /// When it was so.
    #[prost(fixed64, tag = "3")]
    #[serde(with = "json::number")]
    pub time_unix_nano: u64,
    /// How many values.
    #[prost(fixed64, tag = "4")]
    #[serde(with = "json::number")]
    pub count: u64,
    /// Their sum.
    #[prost(double, optional, tag = "5")]
    pub sum: Option<f64>,
    /// See [`NO_VALUE`].
    #[prost(uint32, tag = "10")]
    pub flags: u32,
}

/// An attribute.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// An attribute's value.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnyValue {
    /// Lists and tables are not read here.
    #[prost(oneof = "Word", tags = "1, 2, 3, 4")]
    #[serde(flatten)]
    pub value: Option<Word>,
}

/// A value that is no list and no table.
#[derive(Clone, PartialEq, Oneof, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Word {
    /// Text.
    #[prost(string, tag = "1")]
    StringValue(String),
    /// Yes or no.
    #[prost(bool, tag = "2")]
    BoolValue(bool),
    /// A whole number.
    #[prost(int64, tag = "3")]
    #[serde(with = "json::number")]
    IntValue(i64),
    /// A broken one.
    #[prost(double, tag = "4")]
    #[serde(deserialize_with = "json::double")]
    DoubleValue(f64),
}

/// What a receiver answers.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Response {
    /// What it did not take; none when it took all.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_success: Option<PartialSuccess>,
}

/// What was not taken.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PartialSuccess {
    /// How many points.
    #[prost(int64, tag = "1")]
    #[serde(with = "json::number")]
    pub rejected_data_points: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// What a receiver answers when it takes nothing (`google.rpc.Status`).
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// gRPC's number for it.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// Why.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl KeyValue {
    /// A text.
    pub fn text(key: &str, value: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: Some(AnyValue { value: Some(Word::StringValue(value.into())) }) }
    }

    /// A whole number.
    pub fn whole(key: &str, value: i64) -> Self {
        Self { key: key.to_owned(), value: Some(AnyValue { value: Some(Word::IntValue(value)) }) }
    }
}

/// The attribute of that name as text; none when it is not there, or is a list.
pub fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Word::StringValue(text) => text.clone(),
        Word::BoolValue(flag) => flag.to_string(),
        Word::IntValue(number) => number.to_string(),
        Word::DoubleValue(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests;
