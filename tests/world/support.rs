//! A running node, as a test sees it: the real binary, its API over HTTP, its log.

mod browser;
mod client;
mod exposition;
mod life;
pub(crate) mod net;
pub(crate) mod node;
mod schema;
mod session;
mod stream;
mod wait;

pub(crate) use browser::{Browser, Scheme};
pub(crate) use client::client;
pub(crate) use exposition::series;
pub(crate) use life::Life;
pub(crate) use node::Node;
pub(crate) use schema::strays;
pub(crate) use session::Session;
pub(crate) use stream::{Event, Stream};
pub(crate) use wait::{secs, until};

/// Whether `seen` is within this share of `truth`.
#[track_caller]
pub(crate) fn assert_close(what: &str, seen: f64, truth: f64, share: f64) {
    assert!((seen - truth).abs() <= truth.abs() * share, "{what}: {seen} is not within {}% of {truth}", share * 100.0);
}
